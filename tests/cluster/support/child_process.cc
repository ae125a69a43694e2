#include "tests/cluster/support/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <utility>

#include "tests/cluster/support/patience.h"

namespace nsq::cluster {
namespace {

constexpr int kBySignal = 1000;

std::uintmax_t SizeOf(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  return error ? 0 : size;
}

}  // namespace

ChildProcess::ChildProcess(const std::string& program, std::vector<std::string> arguments,
                           std::filesystem::path log)
    : log_(std::move(log)), log_begin_(SizeOf(log_)) {
  const std::string path = std::filesystem::path(NSQ_BIN_DIR) / program;
  arguments.insert(arguments.begin(), path);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log_.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
  EXPECT_EQ(::posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv.data(), environ), 0) << path;
  ::posix_spawn_file_actions_destroy(&actions);
}

ChildProcess::~ChildProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::Signal(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

bool ChildProcess::Ended() {
  if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ <= 0;
}

int ChildProcess::Wait() {
  if (!Eventually([this] { return Ended(); })) {
    ADD_FAILURE() << "the process does not end\n" << Log();
    return -1;
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : kBySignal + WTERMSIG(status_);
}

std::string ChildProcess::Log() const {
  std::ifstream file(log_);
  file.seekg(static_cast<std::streamoff>(log_begin_));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string ChildProcess::AwaitLogged(std::string_view words) {
  std::string rest;
  const bool found = Eventually([&] {
    const bool ended = Ended();
    const std::string log = Log();
    const size_t at = log.find(words);
    const size_t end = at == std::string::npos ? at : log.find('\n', at);
    if (end != std::string::npos) rest = log.substr(at + words.size(), end - at - words.size());
    return ended || end != std::string::npos;
  });
  EXPECT_TRUE(found) << "no \"" << words << "\" in:\n" << Log();
  return rest;
}

}  // namespace nsq::cluster
