#include "tests/nsqd/daemon/auth/fake_auth_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <utility>

#include "common/event/address.h"
#include "common/strings.h"

namespace nsq::nsqd {
namespace {

// Waits for `events`, or a moment.
bool Ready(int fd, short events) {
  pollfd waiting = {fd, events, 0};
  return ::poll(&waiting, 1, 10) > 0;
}

void SendAll(int fd, std::string_view bytes, const std::atomic<bool>& stopping) {
  while (!bytes.empty() && !stopping) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EAGAIN) {
      return;
    } else {
      Ready(fd, POLLOUT);
    }
  }
}

// Whether the peer has hung up; looks a moment.
bool IsGone(int fd) {
  char byte = 0;
  return Ready(fd, POLLIN) && ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

size_t BodyBytes(std::string_view head) {
  constexpr std::string_view kName = "Content-Length: ";
  const size_t at = head.find(kName);
  size_t bytes = 0;
  if (at == std::string_view::npos) return 0;
  const std::string_view rest = head.substr(at + kName.size());
  EXPECT_TRUE(ParseInt(rest.substr(0, rest.find('\r')), &bytes));
  return bytes;
}

}  // namespace

FakeAuthServer::FakeAuthServer(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
  auto fd = Listen({"127.0.0.1", 0, ""});
  EXPECT_TRUE(fd.ok());
  fd_ = std::move(*fd);
  port_ = BoundPort(fd_.get());
  acceptor_ = std::thread([this] { Accept(); });
}

FakeAuthServer::~FakeAuthServer() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& server : servers_) server.join();
}

std::string FakeAuthServer::address() const { return JoinHostPort("127.0.0.1", port_); }

void FakeAuthServer::Become(Behaviour behaviour) {
  const std::lock_guard<std::mutex> lock(mutex_);
  behaviour_ = std::move(behaviour);
}

std::vector<std::string> FakeAuthServer::requests() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void FakeAuthServer::Accept() {
  while (!stopping_) {
    if (!Ready(fd_.get(), POLLIN)) continue;
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd.valid()) continue;
    servers_.emplace_back([this, taken = fd.Release()] { Serve(UniqueFd(taken)); });
  }
}

void FakeAuthServer::Serve(UniqueFd fd) {
  std::string request;
  size_t length = std::string::npos;
  char bytes[4096];
  while (!stopping_ && request.size() < length) {
    if (!Ready(fd.get(), POLLIN)) continue;
    const ssize_t n = ::recv(fd.get(), bytes, sizeof bytes, 0);
    if (n <= 0) return;
    request.append(bytes, static_cast<size_t>(n));
    const size_t head = request.find("\r\n\r\n");
    if (head != std::string::npos) length = head + 4 + BodyBytes(request.substr(0, head + 2));
  }
  Behaviour behaviour;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(request);
    behaviour = behaviour_;
  }
  behaviour(fd.get(), request, stopping_);
}

FakeAuthServer::Behaviour FakeAuthServer::Saying(std::string body, int status,
                                                 std::string headers) {
  return SayingRaw(StrCat("HTTP/1.1 ", status, " Word\r\nContent-Length: ", body.size(), "\r\n",
                          headers, "\r\n", body));
}

FakeAuthServer::Behaviour FakeAuthServer::SayingRaw(std::string bytes) {
  return [bytes = std::move(bytes)](int fd, const std::string&, const std::atomic<bool>& stopping) {
    SendAll(fd, bytes, stopping);
  };
}

FakeAuthServer::Behaviour FakeAuthServer::Silent() {
  return [](int fd, const std::string&, const std::atomic<bool>& stopping) {
    while (!stopping && !IsGone(fd)) {
    }
  };
}

FakeAuthServer::Behaviour FakeAuthServer::HangingUp() {
  return [](int, const std::string&, const std::atomic<bool>&) {};
}

FakeAuthServer::Behaviour FakeAuthServer::Dripping() {
  return [](int fd, const std::string&, const std::atomic<bool>& stopping) {
    SendAll(fd, "HTTP/1.1 200 OK\r\n", stopping);
    while (!stopping && !IsGone(fd)) SendAll(fd, "X-Drip: 1\r\n", stopping);
  };
}

FakeAuthServer::Behaviour FakeAuthServer::Endless() {
  return [](int fd, const std::string&, const std::atomic<bool>& stopping) {
    SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", stopping);
    const std::string block(65536, ' ');
    while (!stopping && ::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
  };
}

}  // namespace nsq::nsqd
