#include "tests/bench/limits.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "common/event/unique_fd.h"
#include "tests/bench/clock.h"

namespace nsq::bench {
namespace {

constexpr size_t kPiece = size_t{64} * 1024;
constexpr size_t kFileBytes = size_t{256} << 20;
constexpr int kExchanges = 30'000;
constexpr size_t kCommandBytes = 220;  // a PUB of 200 bytes
constexpr size_t kAnswerBytes = 10;    // its OK

double ThreadCpuUs() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

void Print(const char* what, double us, const char* of) {
  std::printf("%-58s %9.3f us %s\n", what, us, of);
  std::fflush(stdout);
}

void MeasureSystemCall() {
  constexpr int kCalls = 1'000'000;
  const double before = ThreadCpuUs();
  for (int i = 0; i < kCalls; ++i) static_cast<void>(syscall(SYS_getppid));
  Print("the cheapest system call", (ThreadCpuUs() - before) / kCalls, "a call");
}

void MeasureCopy(const char* what, size_t bytes) {
  const std::vector<char> from(bytes, 'x');
  std::vector<char> to(bytes);
  const size_t rounds = (size_t{4} << 30) / bytes;
  const double before = ThreadCpuUs();
  for (size_t i = 0; i < rounds; ++i) {
    std::memcpy(to.data(), from.data(), bytes);
    __asm__ volatile("" ::"r"(to.data()) : "memory");
  }
  Print(what, (ThreadCpuUs() - before) / static_cast<double>(rounds * bytes / kPiece),
        "for 64 KiB");
}

Status MeasureFile(const std::string& dir) {
  std::string path = dir + "/nsq_limits.XXXXXX";
  const UniqueFd fd(mkstemp(path.data()));
  if (!fd.valid()) return ErrnoStatus(errno, "make a file in " + dir);
  unlink(path.c_str());
  const std::vector<char> bytes(4 * kPiece, 'x');
  for (const char* what : {"write to a new file (fresh pages of the page cache)",
                           "write to the same file again (pages that are there)"}) {
    const double before = ThreadCpuUs();
    for (size_t at = 0; at < kFileBytes; at += bytes.size()) {
      if (pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)) < 0) {
        return ErrnoStatus(errno, "write");
      }
    }
    Print(what, (ThreadCpuUs() - before) / static_cast<double>(kFileBytes / kPiece), "for 64 KiB");
  }
  constexpr int kWrites = 200'000;
  const double before = ThreadCpuUs();
  for (int i = 0; i < kWrites; ++i) {
    if (pwrite(fd.get(), bytes.data(), 240, static_cast<off_t>(i) * 240) < 0) {
      return ErrnoStatus(errno, "write");
    }
  }
  Print("write of 240 bytes behind each other", (ThreadCpuUs() - before) / kWrites, "a write");
  return Status();
}

// Two ends of a TCP connection over the loopback.
struct Pair {
  UniqueFd server;
  UniqueFd client;
};

Result<Pair> Connected() {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  Pair pair;
  pair.client = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const bool connected = bind(listener.get(), generic, size) == 0 &&
                         listen(listener.get(), 1) == 0 &&
                         getsockname(listener.get(), generic, &size) == 0 &&
                         connect(pair.client.get(), generic, size) == 0;
  if (!connected) return ErrnoStatus(errno, "connect over the loopback");
  pair.server = UniqueFd(accept(listener.get(), nullptr, nullptr));
  const int on = 1;
  for (const int fd : {pair.client.get(), pair.server.get()}) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return pair;
}

Status MeasureStream() {
  const Result<Pair> pair = Connected();
  if (!pair.ok()) return pair.status();
  std::thread sender([&pair] {
    const std::vector<char> bytes(4 * kPiece, 'x');
    for (size_t sent = 0; sent < kFileBytes; sent += bytes.size()) {
      for (size_t done = 0; done < bytes.size();) {
        const ssize_t n =
            send(pair->client.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (n <= 0) return;
        done += static_cast<size_t>(n);
      }
    }
    shutdown(pair->client.get(), SHUT_WR);
  });
  std::vector<char> to(4 * kPiece);
  size_t got = 0;
  const double before = ThreadCpuUs();
  while (true) {
    const ssize_t n = recv(pair->server.get(), to.data(), to.size(), 0);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  const double used = ThreadCpuUs() - before;
  sender.join();
  if (got < kPiece) return Status(Code::kUnavailable, "nothing came over the loopback");
  Print("receive over the loopback", used / static_cast<double>(got / kPiece), "for 64 KiB");
  return Status();
}

enum class Wait { kBlock, kEpoll, kSpin };

// A server that does nothing but what any one has to do for a command alone in its turn.
Status MeasureExchange(const char* what, Wait wait, int file) {
  const Result<Pair> pair = Connected();
  if (!pair.ok()) return pair.status();
  std::thread client([&pair] {
    std::array<char, kCommandBytes> command{};
    std::array<char, kAnswerBytes> answer{};
    for (int i = 0; i < kExchanges; ++i) {
      if (send(pair->client.get(), command.data(), command.size(), MSG_NOSIGNAL) <= 0) break;
      if (recv(pair->client.get(), answer.data(), answer.size(), MSG_WAITALL) <= 0) break;
    }
  });
  const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll.get(), EPOLL_CTL_ADD, pair->server.get(), &event);
  std::array<char, 65536> bytes{};
  const int64_t begin_ns = NowNs();
  const double before = ThreadCpuUs();
  for (int i = 0; i < kExchanges;) {
    if (wait == Wait::kEpoll) epoll_wait(epoll.get(), &event, 1, -1);
    const int flags = wait == Wait::kBlock ? 0 : MSG_DONTWAIT;
    const ssize_t n = recv(pair->server.get(), bytes.data(), bytes.size(), flags);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) break;
    if (file >= 0 && write(file, bytes.data(), 240) < 0) break;
    if (send(pair->server.get(), bytes.data(), kAnswerBytes, MSG_NOSIGNAL) <= 0) break;
    ++i;
  }
  const double used = ThreadCpuUs() - before;
  const double seconds = static_cast<double>(NowNs() - begin_ns) / 1e9;
  shutdown(pair->server.get(), SHUT_RDWR);
  client.join();
  Print(what, used / kExchanges, "of the server's CPU");
  std::printf("%-58s %9.3f us\n", "    from one to the next", seconds * 1e6 / kExchanges);
  return Status();
}

}  // namespace

Status PrintLimits(const std::string& dir) {
  MeasureSystemCall();
  MeasureCopy("memcpy within the cache", kPiece);
  MeasureCopy("memcpy from memory to memory", size_t{64} << 20);
  Status status = MeasureFile(dir);
  if (status.ok()) status = MeasureStream();
  if (status.ok()) status = MeasureExchange("one command at a time: recv, send", Wait::kBlock, -1);
  if (status.ok()) {
    status = MeasureExchange("one command at a time: epoll, recv, send", Wait::kEpoll, -1);
  }
  std::string path = dir + "/nsq_limits.XXXXXX";
  const UniqueFd file(mkstemp(path.data()));
  unlink(path.c_str());
  if (status.ok()) {
    status = MeasureExchange("one command at a time: epoll, recv, write, send", Wait::kEpoll,
                             file.get());
  }
  if (status.ok()) {
    status = MeasureExchange("one command at a time: asking without end, write, send", Wait::kSpin,
                             file.get());
  }
  return status;
}

}  // namespace nsq::bench
