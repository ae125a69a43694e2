#include "tests/conformance/open_connection.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/wire/frame.h"
#include "tests/cluster/support/patience.h"

namespace nsq::conformance {
namespace {

SteadyTime In(Duration patience) { return std::chrono::steady_clock::now() + patience; }

bool Await(int fd, short events, SteadyTime deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd waiting = {fd, events, 0};
  return ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) == 1;
}

}  // namespace

OpenConnection::OpenConnection(uint16_t port, Protocol protocol, std::string_view first)
    : protocol_(protocol) {
  auto fd = StartConnect({"127.0.0.1", port, ""});
  EXPECT_TRUE(fd.ok()) << fd.status().ToString();
  if (fd.ok()) fd_ = std::move(*fd);
  Send(first);
}

void OpenConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!Await(fd_.get(), POLLOUT, In(cluster::kPatience))) return;
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
    if (n < 0 && errno != EAGAIN) return;
  }
}

void OpenConnection::Shutdown() { ::shutdown(fd_.get(), SHUT_WR); }

std::string OpenConnection::Next() { return Next(cluster::kPatience); }

std::string OpenConnection::Next(Duration patience) {
  const SteadyTime deadline = In(patience);
  while (received_.size() < 4 || received_.size() - 4 < LoadBig32(received_.data())) {
    if (!Receive(deadline)) return ended_ ? "(end)" : "(silence)";
  }
  const size_t size = 4 + size_t{LoadBig32(received_.data())};
  const std::string frame = received_.substr(0, size);
  received_.erase(0, size);
  if (size >= kMessageFrameBytes && protocol_ == Protocol::kV2 &&
      FrameType{LoadBig32(frame.data() + 4)} == FrameType::kMessage) {
    message_timestamp_ns_ = static_cast<int64_t>(LoadBig64(frame.data() + 8));
    message_id_ = frame.substr(18, kMessageIdBytes);
  }
  return FramesOf(frame, protocol_).at(0);
}

std::string OpenConnection::Take(size_t size) {
  const SteadyTime deadline = In(cluster::kPatience);
  while (received_.size() < size && Receive(deadline)) {
  }
  std::string taken = received_.substr(0, size);
  received_.erase(0, taken.size());
  return taken;
}

bool OpenConnection::Receive(SteadyTime deadline) {
  if (ended_ || !Await(fd_.get(), POLLIN, deadline)) return false;
  std::array<char, 65536> room;
  const ssize_t n = ::recv(fd_.get(), room.data(), room.size(), 0);
  if (n > 0) received_.append(room.data(), static_cast<size_t>(n));
  ended_ = n == 0 || (n < 0 && errno != EAGAIN);
  return n > 0;
}

}  // namespace nsq::conformance
