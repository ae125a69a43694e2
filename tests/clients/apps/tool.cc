#include "tests/clients/apps/tool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <utility>

#include "common/strings.h"
#include "tests/cluster/support/patience.h"

namespace nsq::apps {
namespace {

constexpr int kBySignal = 1000;

std::string Contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

Tool::Tool(const std::filesystem::path& folder, const std::string& program,
           std::vector<std::string> arguments, const std::string& out) {
  static std::atomic<int> number{0};
  const std::string name = StrCat(program, "-", ++number);
  out_ = out.empty() ? folder / (name + ".out") : std::filesystem::path(out);
  err_ = folder / (name + ".err");
  const std::string path = NSQ_BIN_DIR "/" + program;
  arguments.insert(arguments.begin(), path);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int pipe_fds[2];
  EXPECT_EQ(::pipe2(pipe_fds, O_CLOEXEC), 0);
  input_ = UniqueFd(pipe_fds[1]);
  const UniqueFd read_end(pipe_fds[0]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, read_end.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_.c_str(), O_WRONLY | O_CREAT,
                                     0644);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err_.c_str(), O_WRONLY | O_CREAT,
                                     0644);
  EXPECT_EQ(::posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv.data(), environ), 0) << path;
  ::posix_spawn_file_actions_destroy(&actions);
}

Tool::~Tool() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Tool::Say(std::string_view input) {
  while (!input.empty()) {
    const ssize_t n = ::write(input_.get(), input.data(), input.size());
    if (n <= 0) break;
    input.remove_prefix(static_cast<size_t>(n));
  }
  CloseInput();
}

void Tool::Signal(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

int Tool::Wait() {
  int status = 0;
  const bool ended = cluster::Eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) {
    ADD_FAILURE() << "the process does not end\n" << Err();
    return -1;
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kBySignal + WTERMSIG(status);
}

std::string Tool::Out() const { return Contents(out_); }
std::string Tool::Err() const { return Contents(err_); }

bool Tool::AwaitErr(std::string_view words) const {
  return cluster::Eventually([&] { return Err().find(words) != std::string::npos; });
}

bool Tool::AwaitOut(std::string_view words) const {
  return cluster::Eventually([&] { return Out().find(words) != std::string::npos; });
}

Ended RunTool(const std::filesystem::path& folder, const std::string& program,
              std::vector<std::string> arguments, std::string_view input) {
  Tool tool(folder, program, std::move(arguments));
  tool.Say(input);
  Ended ended;
  ended.code = tool.Wait();
  ended.out = tool.Out();
  ended.err = tool.Err();
  return ended;
}

}  // namespace nsq::apps
