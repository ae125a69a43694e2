#include "tests/bench/server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include "common/strings.h"
#include "tests/bench/http_call.h"
#include "tests/bench/stats.h"

namespace nsq::bench {
namespace {

using std::chrono::milliseconds;

constexpr int kReadyTimeoutMs = 15'000;
constexpr int kStopTimeoutMs = 10'000;
constexpr int kPauseMs = 5;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The inodes of all sockets that the process has open.
std::set<std::string> SocketInodes(pid_t pid) {
  std::set<std::string> inodes;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(StrCat("/proc/", pid, "/fd"), error)) {
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.starts_with("socket:[")) inodes.insert(target.substr(8, target.size() - 9));
  }
  return inodes;
}

// The IPv4 ports that the process listens on; see proc(5), /proc/net/tcp.
std::set<uint16_t> ListeningPorts(pid_t pid) {
  const std::set<std::string> ours = SocketInodes(pid);
  std::ifstream table(StrCat("/proc/", pid, "/net/tcp"));
  std::set<uint16_t> ports;
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    const size_t colon = local.find(':');
    if (state != "0A" || colon == std::string::npos || !ours.contains(inode)) continue;
    ports.insert(static_cast<uint16_t>(std::stoul(local.substr(colon + 1), nullptr, 16)));
  }
  return ports;
}

Result<std::string> MakeDataPath(const std::string& parent_dir) {
  std::string path = StrCat(parent_dir, "/nsq_bench.XXXXXX");
  if (mkdtemp(path.data()) != nullptr) return path;
  return ErrnoStatus(errno, StrCat("make a data path in ", parent_dir));
}

std::string CallsPath(const std::string& data_path) { return data_path + "/calls"; }

[[noreturn]] void Exec(const std::vector<std::string>& command, const std::string& log_path) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // when the load generator dies
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  dprintf(STDERR_FILENO, "exec %s: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Spawn(const std::string& path,
                                              const std::vector<std::string>& flags,
                                              const std::string& parent_dir,
                                              const std::string& count_calls) {
  const Result<std::string> data_path = MakeDataPath(parent_dir);
  if (!data_path.ok()) return data_path.status();
  auto server = std::unique_ptr<Server>(new Server);
  server->data_path_ = *data_path;

  std::vector<std::string> command = {path, "--tcp-address=127.0.0.1:0",
                                      "--http-address=127.0.0.1:0",
                                      StrCat("--data-path=", *data_path)};
  command.insert(command.end(), flags.begin(), flags.end());
  server->pid_ = fork();
  if (server->pid_ < 0) return ErrnoStatus(errno, "fork");
  if (server->pid_ == 0) {
    if (!count_calls.empty()) {
      setenv("LD_PRELOAD", count_calls.c_str(), 1);
      setenv("NSQ_CALL_COUNTS", CallsPath(*data_path).c_str(), 1);
    }
    Exec(command, StrCat(*data_path, "/log"));
  }
  server->running_ = true;
  if (Status status = server->WaitUntilReady(); !status.ok()) return status;
  return server;
}

std::unique_ptr<Server> Server::Attach(Address tcp, Address http, pid_t pid) {
  auto server = std::unique_ptr<Server>(new Server);
  server->tcp_ = std::move(tcp);
  server->http_ = std::move(http);
  server->pid_ = pid;
  return server;
}

Server::~Server() {
  if (running_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, &wait_status_, 0);
  }
  std::error_code error;
  if (spawned()) std::filesystem::remove_all(data_path_, error);
}

Status Server::WaitUntilReady() {
  for (int waited_ms = 0; waited_ms < kReadyTimeoutMs; waited_ms += kPauseMs) {
    if (Exited()) {
      return Status(Code::kUnavailable, StrCat("the server ended at once:\n", LogEnds()));
    }
    if (FindPorts()) return Status();
    std::this_thread::sleep_for(milliseconds(kPauseMs));
  }
  return Status(Code::kTimeout, StrCat("the server does not answer /ping:\n", LogEnds()));
}

bool Server::FindPorts() {
  for (const uint16_t port : ListeningPorts(pid_)) {
    const Address address{"127.0.0.1", port, ""};
    const Result<std::string> pong = HttpCall(address, "GET", "/ping");
    if (!pong.ok() || *pong != "OK") continue;
    const Result<uint16_t> tcp_port = FetchTcpPort(address);
    if (!tcp_port.ok()) continue;
    http_ = address;
    tcp_ = Address{"127.0.0.1", *tcp_port, ""};
    return true;
  }
  return false;
}

std::string Server::LogEnds() const {
  // The beginning too: a usage text can stand between the complaint and the end.
  constexpr size_t kEndBytes = 1000;
  const std::string log = ReadFile(StrCat(data_path_, "/log"));
  if (log.size() <= 2 * kEndBytes) return log;
  return StrCat(log.substr(0, kEndBytes), "\n[...]\n", log.substr(log.size() - kEndBytes));
}

bool Server::Exited() {
  if (running_ && waitpid(pid_, &wait_status_, WNOHANG) == pid_) running_ = false;
  return !running_;
}

std::optional<CpuTimes> Server::Cpu() const {
  clockid_t clock{};
  timespec total{};
  if (pid_ == 0 || clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &total) != 0) {
    return std::nullopt;
  }
  CpuTimes times;
  times.total_seconds =
      static_cast<double>(total.tv_sec) + static_cast<double>(total.tv_nsec) / 1e9;

  // Behind the name, which may hold spaces: state, then ten numbers, utime, stime.
  const std::string stat = ReadFile(StrCat("/proc/", pid_, "/stat"));
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user_ticks = 0;
  double system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  const auto tick = static_cast<double>(sysconf(_SC_CLK_TCK));
  times.user_seconds = user_ticks / tick;
  times.system_seconds = system_ticks / tick;
  return times;
}

std::optional<int64_t> Server::PeakRssKib() const { return StatusKib("VmHWM:"); }
std::optional<int64_t> Server::RssKib() const { return StatusKib("VmRSS:"); }

std::optional<CallCounts> Server::Calls() const {
  if (!spawned()) return std::nullopt;
  const std::string bytes = ReadFile(CallsPath(data_path_));
  std::array<uint64_t, 2> numbers{};
  if (bytes.size() < sizeof numbers) return std::nullopt;
  std::memcpy(numbers.data(), bytes.data(), sizeof numbers);
  return CallCounts{numbers[0], numbers[1]};
}

std::optional<int64_t> Server::StatusKib(const char* field) const {
  if (pid_ == 0) return std::nullopt;
  std::ifstream file(StrCat("/proc/", pid_, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(field)) continue;
    return std::stoll(line.substr(std::strlen(field)));
  }
  return std::nullopt;
}

Status Server::Stop() {
  if (!spawned()) return Status();
  if (!Exited()) kill(pid_, SIGTERM);
  for (int waited_ms = 0; waited_ms < kStopTimeoutMs && !Exited(); waited_ms += kPauseMs) {
    std::this_thread::sleep_for(milliseconds(kPauseMs));
  }
  if (running_) return Status(Code::kTimeout, "the server did not end after SIGTERM");
  if (WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0) return Status();
  return Status(Code::kUnavailable,
                StrCat("the server ended with wait status ", wait_status_, ":\n", LogEnds()));
}

}  // namespace nsq::bench
