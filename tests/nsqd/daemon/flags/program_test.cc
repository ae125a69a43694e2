// The real binary: what it says and how it exits when it does not start, and that it does.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/event/unique_fd.h"
#include "common/time.h"
#include "common/version.h"

namespace nsq::nsqd {
namespace {

constexpr char kProgram[] = NSQ_BIN_DIR "/nsqd";
constexpr Duration kPatience = seconds(60);

using Strings = std::vector<std::string>;

struct Ending {
  int code = -1;  // 1000 and the signal's number if it was killed
  std::string out;
  std::string err;
};

class ProgramTest : public testing::Test {
 public:
  ProgramTest() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + "nsqd_program." + test->name() + "." + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
  }
  ~ProgramTest() override { std::filesystem::remove_all(folder_); }

 protected:
  // Runs nsqd to its end. It gets SIGTERM as soon as it has said `stop_at`, if that is not empty.
  Ending Run(Strings arguments, std::string_view stop_at = {}) {
    UniqueFd out;
    UniqueFd err;
    const pid_t pid = Spawn(std::move(arguments), &out, &err);
    Ending ending;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (out.valid() || err.valid()) {
      if (std::chrono::steady_clock::now() > deadline) ::kill(pid, SIGKILL);
      Read(&out, &ending.out);
      Read(&err, &ending.err);
      if (!stop_at.empty() && ending.err.find(stop_at) != std::string::npos) {
        stop_at = {};
        ::kill(pid, SIGTERM);
      }
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    ending.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return ending;
  }

  static pid_t Spawn(Strings arguments, UniqueFd* out, UniqueFd* err) {
    std::array<int, 2> out_pipe;
    std::array<int, 2> err_pipe;
    EXPECT_EQ(::pipe2(out_pipe.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(err_pipe.data(), O_CLOEXEC), 0);
    *out = UniqueFd(out_pipe[0]);
    *err = UniqueFd(err_pipe[0]);
    arguments.insert(arguments.begin(), kProgram);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out_pipe[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err_pipe[1], STDERR_FILENO);
    pid_t pid = -1;
    EXPECT_EQ(::posix_spawn(&pid, kProgram, &actions, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out_pipe[1]);
    ::close(err_pipe[1]);
    return pid;
  }

  // What there is within a moment; closes `fd` at the end of the stream.
  static void Read(UniqueFd* fd, std::string* text) {
    pollfd waiting = {fd->get(), POLLIN, 0};
    if (!fd->valid() || ::poll(&waiting, 1, 10) <= 0) return;
    std::array<char, 4096> bytes;
    const ssize_t n = ::read(fd->get(), bytes.data(), bytes.size());
    if (n <= 0) {
      *fd = UniqueFd();
    } else {
      text->append(bytes.data(), static_cast<size_t>(n));
    }
  }

  // The arguments of a daemon that disturbs nobody, and more.
  Strings Quiet(const Strings& more) const {
    Strings all = {"-tcp-address=127.0.0.1:0", "-http-address=127.0.0.1:0",
                   "-data-path=" + folder_};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  std::string folder_;
};

// "[nsqd] 2026/11/20 22:47:42.840121 FATAL: text" -> "FATAL: text", of the last line.
std::string LastLine(const std::string& err) {
  const size_t begin = err.rfind('\n', err.size() - 2) + 1;
  const std::string line = err.substr(begin, err.size() - 1 - begin);
  EXPECT_TRUE(line.starts_with("[nsqd] ")) << err;
  return line.size() < 34 ? line : line.substr(34);
}

TEST_F(ProgramTest, TellsItsVersionOnStdout) {
  const Ending ending = Run({"--version"});
  EXPECT_EQ(ending.code, 0);
  EXPECT_EQ(ending.out, VersionLine("nsqd") + "\n");
  EXPECT_EQ(ending.err, "");
}

TEST_F(ProgramTest, WrongFlagsAreExitCodeTwoWithUsage) {
  const Ending unknown = Run({"-max-conections=1"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_TRUE(
      unknown.err.starts_with("flag provided but not defined: -max-conections\nUsage of nsqd:\n"))
      << unknown.err;
  EXPECT_EQ(Run({"-log-level=loud"}).code, 2);
  const Ending help = Run({"-help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_TRUE(help.err.starts_with("Usage of nsqd:\n")) << help.err;
}

TEST_F(ProgramTest, WhatCannotStartSaysWhyAndIsExitCodeOne) {
  std::ofstream(folder_ + "/bad.toml") << "tls_required = \"maybe\"\n";
  const struct {
    Strings arguments;
    std::string text;
  } cases[] = {
      {{"-node-id=1024", "-log-prefix=x", "-log-level=fatal"},
       "FATAL: failed to instantiate nsqd - --node-id must be [0,1024)"},
      {{"-auth-http-request-method=put"},
       "FATAL: failed to instantiate nsqd - --auth-http-request-method must be post or get"},
      {{"-data-path=/none"},
       "FATAL: failed to instantiate nsqd - failed to lock data-path: open /none: no such file or "
       "directory"},
      {{"-http-address=127.0.0.1:99999"},
       "FATAL: failed to instantiate nsqd - listen (127.0.0.1:99999) failed - listen tcp: address "
       "99999: invalid port"},
      {{"-config=" + folder_ + "/bad.toml"}, "FATAL: failed parsing tls_required maybe"},
      {{"-config=/none.toml"},
       "FATAL: failed to load config file /none.toml - open /none.toml: no such file or directory"},
  };
  for (const auto& c : cases) {
    const Ending ending = Run(Quiet(c.arguments));
    EXPECT_EQ(ending.code, 1) << c.text;
    EXPECT_EQ(LastLine(ending.err), c.text);
  }
}

TEST_F(ProgramTest, StartsAndEndsWithSigterm) {
  const Ending ending =
      Run(Quiet({"-node-id=7", "-loops=2", "-statsd-address=127.0.0.1:1"}), "TCP: listening on ");
  EXPECT_EQ(ending.code, 0) << ending.err;
  EXPECT_EQ(ending.out, "");
  EXPECT_NE(ending.err.find(" INFO: " + VersionLine("nsqd") + "\n"), std::string::npos);
  EXPECT_NE(ending.err.find(" INFO: ID: 7\n"), std::string::npos) << ending.err;
  EXPECT_NE(ending.err.find(" INFO: STATSD: closing\n"), std::string::npos) << ending.err;
}

}  // namespace
}  // namespace nsq::nsqd
