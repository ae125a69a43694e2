// The real binary: flags, exit codes, what it logs, and how it ends.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/event/unique_fd.h"
#include "common/strings.h"
#include "common/time.h"
#include "common/version.h"

namespace nsq::lookupd {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kProgram[] = NSQ_BIN_DIR "/nsqlookupd";
constexpr Duration kPatience = seconds(30);

// Everything that can be read from `fd` until `until` has been, or until the end.
std::string ReadUntil(int fd, std::string_view until) {
  std::string got;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd waiting = {fd, POLLIN, 0};
    if (::poll(&waiting, 1, 100) <= 0) continue;
    std::array<char, 4096> bytes;
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n <= 0) return got;
    got.append(bytes.data(), static_cast<size_t>(n));
    if (!until.empty() && got.find(until) != std::string::npos) return got;
  }
  return got + "<TIMEOUT>";
}

// A running nsqlookupd; killed if the test forgets to wait for it.
class Child {
 public:
  explicit Child(std::vector<std::string> arguments) {
    std::array<int, 2> out;
    std::array<int, 2> err;
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(err.data(), O_CLOEXEC), 0);
    out_ = UniqueFd(out[0]);
    err_ = UniqueFd(err[0]);
    arguments.insert(arguments.begin(), kProgram);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    EXPECT_EQ(::posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(err[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void Signal(int signal) { ::kill(pid_, signal); }

  // Reads the log until both ports are known.
  void AwaitPorts() {
    log_ += ReadUntil(err_.get(), "HTTP: listening on ");
    while (log_.back() != '\n') log_ += ReadUntil(err_.get(), "\n");
    tcp_address_ = AddressAfter("TCP: listening on ");
    http_address_ = AddressAfter("HTTP: listening on ");
  }

  // Its exit code; 1000 and the signal's number if it was killed. Reads what it still says.
  int Wait() {
    out_text_ = ReadUntil(out_.get(), {});
    log_ += ReadUntil(err_.get(), {});
    if (log_.ends_with("<TIMEOUT>")) Signal(SIGKILL);
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

  // Its own, soft and hard.
  rlimit OpenFiles() const {
    rlimit limit{};
    EXPECT_EQ(::prlimit(pid_, RLIMIT_NOFILE, nullptr, &limit), 0);
    return limit;
  }

  const std::string& out() const { return out_text_; }
  const std::string& log() const { return log_; }
  const std::string& tcp_address() const { return tcp_address_; }
  const std::string& http_address() const { return http_address_; }

  // "INFO: text" of each line.
  std::vector<std::string> LogLines(std::string_view prefix = "[nsqlookupd] ") const {
    std::vector<std::string> lines;
    for (const std::string_view line : Split(log_, '\n')) {
      if (line.empty()) continue;
      EXPECT_THAT(std::string(line.substr(prefix.size())),
                  testing::MatchesRegex("..../../.. ..:..:......... [A-Z]+: .*"));
      EXPECT_THAT(std::string(line), StartsWith(std::string(prefix)));
      lines.emplace_back(line.substr(std::min(line.size(), prefix.size() + 27)));
    }
    return lines;
  }

 private:
  std::string AddressAfter(std::string_view words) const {
    const size_t at = log_.find(words);
    if (at == std::string::npos) return "";
    const size_t begin = at + words.size();
    return log_.substr(begin, log_.find('\n', begin) - begin);
  }

  pid_t pid_ = -1;
  UniqueFd out_;
  UniqueFd err_;
  std::string out_text_;
  std::string log_;
  std::string tcp_address_;
  std::string http_address_;
};

UniqueFd Connect(const std::string& to) {
  auto fd = StartConnect(*ParseAddress(to));
  EXPECT_TRUE(fd.ok()) << fd.status().ToString();
  pollfd waiting = {fd->get(), POLLOUT, 0};
  EXPECT_EQ(::poll(&waiting, 1, 10'000), 1);
  return std::move(*fd);
}

void Send(const UniqueFd& client, std::string_view bytes) {
  EXPECT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

std::string Framed(std::string_view text) {
  std::string framed(4, '\0');
  StoreBig32(framed.data(), static_cast<uint32_t>(text.size()));
  return framed.append(text);
}

std::string Identify() {
  return "IDENTIFY\n" +
         Framed(R"({"broadcast_address":"nodeA","http_port":4151,"tcp_port":4150,"version":"1"})");
}

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "nsqlookupd_test_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // "-config=<file>"
  std::string ConfigFlag(std::string_view text) {
    std::ofstream(folder_ / "lookupd.toml") << text;
    return "-config=" + (folder_ / "lookupd.toml").string();
  }

  static std::vector<std::string> OnAnyPort(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(),
                     {"-tcp-address=127.0.0.1:0", "--http-address", "127.0.0.1:0"});
    return arguments;
  }

  std::filesystem::path folder_;
};

TEST_F(ProgramTest, VersionAndHelpExitWith0) {
  Child version({"-version", "-config=/nonexistent"});
  EXPECT_EQ(version.Wait(), 0);
  EXPECT_EQ(version.out(), VersionLine("nsqlookupd") + "\n");
  EXPECT_EQ(version.log(), "");
  for (const char* flag : {"-h", "--help"}) {
    Child help({flag});
    EXPECT_EQ(help.Wait(), 0);
    EXPECT_THAT(help.log(), StartsWith("Usage of nsqlookupd:\n"));
    for (const char* name : {"-broadcast-address", "-config", "-http-address",
                             "-inactive-producer-timeout", "-log-level", "-log-prefix",
                             "-tcp-address", "-tombstone-lifetime", "-verbose", "-version"}) {
      EXPECT_THAT(help.log(), HasSubstr(StrCat("\n  -", name)));
    }
  }
}

TEST_F(ProgramTest, BadFlagsExitWith2AndUsage) {
  struct Row {
    std::vector<std::string> arguments;
    const char* message;
  };
  const Row rows[] = {
      {{"-foo"}, "flag provided but not defined: -foo"},
      {{"-log-level=warning"}, "invalid value \"warning\" for flag -log-level: "},
      {{"-inactive-producer-timeout=5"},
       "invalid value \"5\" for flag -inactive-producer-timeout: parse error"},
      {{"-tombstone-lifetime", "soon"},
       "invalid value \"soon\" for flag -tombstone-lifetime: parse error"},
      {{"-tcp-address"}, "flag needs an argument: -tcp-address"},
      {{"-verbose=zz"}, "invalid boolean value \"zz\" for -verbose: parse error"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.arguments[0]);
    Child child(row.arguments);
    EXPECT_EQ(child.Wait(), 2);
    EXPECT_THAT(child.log(), StartsWith(row.message));
    EXPECT_THAT(child.log(), HasSubstr("\nUsage of nsqlookupd:\n"));
  }
}

TEST_F(ProgramTest, BadConfigsAndAddressesExitWith1) {
  Child missing({"-config=/nonexistent/file"});
  EXPECT_EQ(missing.Wait(), 1);
  EXPECT_THAT(missing.LogLines(),
              ElementsAre("FATAL: failed to load config file /nonexistent/file - open "
                          "/nonexistent/file: no such file or directory"));

  Child invalid({ConfigFlag("a = [")});
  EXPECT_EQ(invalid.Wait(), 1);
  EXPECT_THAT(invalid.log(), HasSubstr("FATAL: failed to load config file "));

  Child level({ConfigFlag("log_level = \"zz\"")});
  EXPECT_EQ(level.Wait(), 1);
  EXPECT_THAT(level.LogLines(), ElementsAre("FATAL: failed parsing log_level zz"));

  Child duration({ConfigFlag("tombstone_lifetime = \"zz\"")});
  EXPECT_EQ(duration.Wait(), 1);
  EXPECT_THAT(duration.log(), HasSubstr("ERROR: Resolve failed to coerce value zz "));

  auto taken = Listen(*ParseAddress("127.0.0.1:0"));
  ASSERT_TRUE(taken.ok());
  const std::string address = LocalAddress(taken->get());
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"-tcp-address=" + address, "-http-address=127.0.0.1:0"},
        std::vector<std::string>{"-tcp-address=127.0.0.1:0", "-http-address=" + address}}) {
    Child in_use(arguments);
    EXPECT_EQ(in_use.Wait(), 1);
    EXPECT_THAT(
        in_use.LogLines(),
        ElementsAre("INFO: " + VersionLine("nsqlookupd"),
                    StrCat("FATAL: failed to instantiate nsqlookupd - listen (", address,
                           ") failed - listen tcp ", address, ": bind: address already in use")));
  }
}

TEST_F(ProgramTest, FlagsGoBeforeTheFileAndTheFileBeforeDefaults) {
  const std::string config = ConfigFlag(
      "tcp_address = \"127.0.0.1:0\"\n"
      "http_address = \"192.0.2.1:1\"\n"  // cannot be listened on
      "broadcast_address = \"from.file\"\n"
      "log_prefix = \"[file] \"\n"
      "inactive_producer_timeout = 1000\n"
      "unknown_key = 5\n");
  Child child({config, "--http-address=127.0.0.1:0", "-log-prefix", "[flag] ", "ignored", "-foo"});
  child.AwaitPorts();
  const UniqueFd client = Connect(child.tcp_address());
  Send(client, "  V1" + Identify());
  EXPECT_THAT(ReadUntil(client.get(), "}"), HasSubstr("{\"broadcast_address\":\"from.file\","));
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Wait(), 0);
  EXPECT_THAT(child.LogLines("[flag] ")[0], EndsWith(VersionLine("nsqlookupd")));
}

TEST_F(ProgramTest, SignalsEndItWith0WhoeverIsConnected) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Child child(OnAnyPort());
    child.AwaitPorts();
    const UniqueFd silent = Connect(child.tcp_address());
    const UniqueFd http = Connect(child.http_address());
    const UniqueFd node = Connect(child.tcp_address());
    Send(node, "  V1" + Identify() + "REGISTER t c\n");
    EXPECT_THAT(ReadUntil(node.get(), "OK"), EndsWith("OK"));
    child.Signal(signal);
    EXPECT_EQ(child.Wait(), 0);
    EXPECT_EQ(child.LogLines().back(), "INFO: HTTP: closing " + child.http_address());
  }
}

TEST_F(ProgramTest, HangupsAndBrokenPipesDoNotEndIt) {
  Child child(OnAnyPort());
  child.AwaitPorts();
  child.Signal(SIGHUP);
  child.Signal(SIGPIPE);
  child.Signal(SIGUSR1);
  const UniqueFd client = Connect(child.http_address());
  Send(client, "GET /ping HTTP/1.0\r\n\r\n");
  EXPECT_THAT(ReadUntil(client.get(), {}), EndsWith("OK"));
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Wait(), 0);
}

// Else some thousand consumers that keep their HTTP connections leave no descriptor for an nsqd.
TEST_F(ProgramTest, TheSoftLimitOfOpenFilesIsNoLimit) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low = {before.rlim_max / 2, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  Child child(OnAnyPort());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  child.AwaitPorts();
  EXPECT_EQ(child.OpenFiles().rlim_cur, before.rlim_max);
}

TEST_F(ProgramTest, LogsWhatNsqlookupdLogs) {
  Child child(OnAnyPort({"-log-level=DEBUG"}));
  child.AwaitPorts();
  std::string c;
  {
    const UniqueFd node = Connect(child.tcp_address());
    c = LocalAddress(node.get());
    Send(node, "  V1" + Identify() +
                   "REGISTER t c\nPING\nUNREGISTER t c\nREGISTER t d\nUNREGISTER t\nREGISTER u e\n"
                   "BAD\n");
    EXPECT_THAT(ReadUntil(node.get(), {}), EndsWith("E_INVALID invalid command BAD"));
  }
  std::vector<std::string> http;
  const char* const requests[] = {
      "POST /topic/create?topic=x",
      "POST /channel/create?topic=x&channel=y",
      "POST /channel/delete?topic=x&channel=y",
      "POST /channel/create?topic=x&channel=z",
      "POST /topic/tombstone?topic=x&node=n:1",
      "POST /topic/delete?topic=x",
      "GET /lookup?topic=x",
  };
  for (const char* request : requests) {
    const UniqueFd client = Connect(child.http_address());
    http.push_back(StrCat(request, " (", LocalAddress(client.get()), ")"));
    Send(client, StrCat(request, " HTTP/1.0\r\n\r\n"));
    EXPECT_THAT(ReadUntil(client.get(), {}), StartsWith("HTTP/1."));
  }
  std::string stranger;
  {
    const UniqueFd client = Connect(child.tcp_address());
    stranger = LocalAddress(client.get());
    Send(client, "GET ");
    EXPECT_THAT(ReadUntil(client.get(), {}), EndsWith("E_BAD_PROTOCOL"));
  }
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Wait(), 0);

  std::vector<std::string> lines = child.LogLines();
  for (std::string& line : lines) {  // without the durations
    if (const size_t at = line.find(" (last ping "); at != std::string::npos) line.erase(at);
    if (line.find("?topic=x") != std::string::npos) line.erase(line.rfind(' '));
  }
  const std::string client = "INFO: CLIENT(" + c + "): ";
  const std::string db = "INFO: DB: client(" + c + ") ";
  EXPECT_THAT(
      lines,
      ElementsAre(
          "INFO: " + VersionLine("nsqlookupd"), "INFO: TCP: listening on " + child.tcp_address(),
          "INFO: HTTP: listening on " + child.http_address(), "INFO: TCP: new client(" + c + ")",
          client + "desired protocol magic '  V1'",
          client + "IDENTIFY Address:nodeA TCP:4150 HTTP:4151 Version:1",
          db + "REGISTER category:client key: subkey:",
          db + "REGISTER category:channel key:t subkey:c",
          db + "REGISTER category:topic key:t subkey:", "DEBUG: CLIENT(" + c + "): pinged",
          db + "UNREGISTER category:channel key:t subkey:c",
          db + "REGISTER category:channel key:t subkey:d",
          "WARNING: client(" + c + ") unexpected UNREGISTER category:channel key:t subkey:d",
          db + "UNREGISTER category:topic key:t subkey:",
          db + "REGISTER category:channel key:u subkey:e",
          db + "REGISTER category:topic key:u subkey:",
          "ERROR: [" + c + "] - E_INVALID invalid command BAD",
          "INFO: PROTOCOL(V1): [" + c + "] exiting ioloop",
          db + "UNREGISTER of all it had: topics:1 channels:1",
          db + "UNREGISTER category:client key: subkey:",
          "ERROR: client(" + c + ") - E_INVALID invalid command BAD", "INFO: DB: adding topic(x)",
          "INFO: 200 " + http[0], "INFO: DB: adding channel(y) in topic(x)",
          "INFO: DB: adding topic(x)", "INFO: 200 " + http[1],
          "INFO: DB: removing channel(y) from topic(x)", "INFO: 200 " + http[2],
          "INFO: DB: adding channel(z) in topic(x)", "INFO: DB: adding topic(x)",
          "INFO: 200 " + http[3], "INFO: DB: setting tombstone for producer@n:1 of topic(x)",
          "INFO: 200 " + http[4], "INFO: DB: removing channel(z) from topic(x)",
          "INFO: DB: removing topic(x)", "INFO: 200 " + http[5], "INFO: 404 " + http[6],
          "INFO: TCP: new client(" + stranger + ")",
          "INFO: CLIENT(" + stranger + "): desired protocol magic 'GET '",
          "ERROR: client(" + stranger + ") bad protocol magic 'GET ' (an HTTP request)",
          "INFO: TCP: closing " + child.tcp_address(),
          "INFO: HTTP: closing " + child.http_address()));
}

}  // namespace
}  // namespace nsq::lookupd
