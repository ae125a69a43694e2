// The real binary: its limits, and how it ends.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/event/address.h"
#include "common/event/unique_fd.h"

namespace nsq::admin {
namespace {

constexpr char kProgram[] = NSQ_BIN_DIR "/nsqadmin";

// A running nsqadmin of a cluster that nobody answers for; killed if the test forgets to wait.
class ProgramTest : public testing::Test {
 protected:
  ~ProgramTest() override {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void Start(const std::string& host) {
    std::vector<std::string> arguments = {kProgram, "-http-address=" + host + ":0",
                                          "-nsqd-http-address=127.0.0.1:1"};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<int, 2> log;
    ASSERT_EQ(::pipe2(log.data(), O_CLOEXEC), 0);
    log_fd_ = UniqueFd(log[0]);
    const UniqueFd end(log[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, end.get(), STDERR_FILENO);
    EXPECT_EQ(::posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
  }

  // The rest of the line behind `words`.
  std::string AwaitLogged(std::string_view words) {
    while (true) {
      const size_t at = log_.find(words);
      const size_t end = at == std::string::npos ? at : log_.find('\n', at);
      if (end != std::string::npos) {
        return log_.substr(at + words.size(), end - at - words.size());
      }
      std::array<char, 4096> bytes;
      const ssize_t n = ::read(log_fd_.get(), bytes.data(), bytes.size());
      if (n <= 0) return "<END OF LOG>";
      log_.append(bytes.data(), static_cast<size_t>(n));
    }
  }

  UniqueFd Connect(const std::string& to) {
    auto fd = StartConnect(*ParseAddress(to));
    EXPECT_TRUE(fd.ok()) << fd.status().ToString();
    pollfd waiting = {fd->get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&waiting, 1, -1), 1);
    return std::move(*fd);
  }

  static void Send(const UniqueFd& to, std::string_view bytes) {
    EXPECT_EQ(::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // Its exit code; 1000 and the signal's number if it was killed.
  int Wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

  pid_t pid_ = -1;
  UniqueFd log_fd_;
  std::string log_;
};

TEST_F(ProgramTest, TheSoftLimitOfOpenFilesIsNoLimit) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low = {before.rlim_max / 2, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  Start("127.0.0.1");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  AwaitLogged("HTTP: listening on ");
  rlimit limit{};
  EXPECT_EQ(::prlimit(pid_, RLIMIT_NOFILE, nullptr, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, before.rlim_max);
}

// More of them than there are threads.
TEST_F(ProgramTest, SlowClientsAreNotInTheWayOfOthersNorOfTheEnd) {
  Start("127.0.0.1");
  const std::string address = AwaitLogged("HTTP: listening on ");
  std::vector<UniqueFd> slow;
  for (int i = 0; i < 150; ++i) {
    slow.push_back(Connect(address));
    Send(slow.back(), "GET /ping HT");
  }
  const UniqueFd quick = Connect(address);
  Send(quick, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(AwaitLogged("200 GET /ping"), "<END OF LOG>");
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(AwaitLogged("HTTP: closing "), address);
}

TEST_F(ProgramTest, AnyInterfaceServesIpv4) {
  Start("0.0.0.0");
  const std::string bound = AwaitLogged("HTTP: listening on ");
  const UniqueFd client = Connect("127.0.0.1" + bound.substr(bound.rfind(':')));
  Send(client, "GET /ping HTTP/1.0\r\n\r\n");
  EXPECT_NE(AwaitLogged("200 GET /ping (127.0.0.1:"), "<END OF LOG>");
}

}  // namespace
}  // namespace nsq::admin
