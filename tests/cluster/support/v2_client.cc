#include "tests/cluster/support/v2_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <utility>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/strings.h"
#include "common/wire/frame.h"
#include "tests/cluster/support/patience.h"

namespace nsq::cluster {
namespace {

// Whether `fd` is ready for `events` before `deadline`.
bool Await(int fd, short events, SteadyTime deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd waiting = {fd, events, 0};
  return ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left.count(), 0))) == 1;
}

SteadyTime SoonEnough() { return std::chrono::steady_clock::now() + kPatience; }

std::string Big32(size_t number) {
  std::array<char, 4> bytes;
  StoreBig32(bytes.data(), static_cast<uint32_t>(number));
  return std::string(bytes.data(), bytes.size());
}

int64_t Millis(Duration delay) { return std::chrono::duration_cast<milliseconds>(delay).count(); }

}  // namespace

V2Client::V2Client(uint16_t port) : V2Client(port, kMagicV2) {}

V2Client::V2Client(const Address& address) : V2Client(address, kMagicV2) {}

V2Client::V2Client(uint16_t port, std::string_view first)
    : V2Client(Address{"127.0.0.1", port, ""}, first) {}

V2Client::V2Client(const Address& address, std::string_view first) {
  auto fd = StartConnect(address);
  EXPECT_TRUE(fd.ok()) << fd.status().ToString();
  if (!fd.ok()) return;
  fd_ = std::move(*fd);
  EXPECT_TRUE(Await(fd_.get(), POLLOUT, SoonEnough()));
  SetTcpOptions(fd_.get());
  SendBytes(first);
}

V2Client::V2Client(UniqueFd fd) : fd_(std::move(fd)) {}

std::optional<V2Client> V2Client::TryConnect(uint16_t port) {
  auto fd = StartConnect({"127.0.0.1", port, ""});
  if (!fd.ok()) return std::nullopt;
  V2Client client(std::move(*fd));
  if (!Await(client.fd_.get(), POLLOUT, SoonEnough())) return std::nullopt;
  SetTcpOptions(client.fd_.get());
  if (!client.SendBytes(kMagicV2)) return std::nullopt;
  return client;
}

std::string V2Client::Pub(const std::string& topic, std::string_view body) {
  Send("PUB " + topic, body);
  return Answer();
}

std::string V2Client::Mpub(const std::string& topic, const std::vector<std::string>& bodies) {
  std::string all = Big32(bodies.size());
  for (const std::string& body : bodies) all.append(Big32(body.size())).append(body);
  Send("MPUB " + topic, all);
  return Answer();
}

std::string V2Client::Dpub(const std::string& topic, Duration delay, std::string_view body) {
  Send(StrCat("DPUB ", topic, " ", Millis(delay)), body);
  return Answer();
}

std::string V2Client::Sub(const std::string& topic, const std::string& channel) {
  Send(StrCat("SUB ", topic, " ", channel));
  return Answer();
}

std::string V2Client::Cls() {
  Send("CLS");
  return Answer();
}

void V2Client::Rdy(int count) { Send(StrCat("RDY ", count)); }
void V2Client::Fin(const std::string& id) { Send("FIN " + id); }
void V2Client::Req(const std::string& id, Duration delay) {
  Send(StrCat("REQ ", id, " ", Millis(delay)));
}

std::optional<Message> V2Client::Next() { return Next(kPatience); }

std::optional<Message> V2Client::Next(Duration patience) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + patience;
  while (messages_.empty()) {
    if (!ReadFrame(deadline)) return std::nullopt;
  }
  Message message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

bool V2Client::Send(std::string_view line) { return SendBytes(StrCat(line, "\n")); }

bool V2Client::Send(std::string_view line, std::string_view body) {
  return SendBytes(StrCat(line, "\n", Big32(body.size()), body));
}

std::string V2Client::Answer() {
  const SteadyTime deadline = SoonEnough();
  while (answers_.empty()) {
    if (!ReadFrame(deadline)) return "";
  }
  std::string answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

std::string V2Client::Upgrade(std::unique_ptr<StreamFilter> filter) {
  const SteadyTime deadline = SoonEnough();
  Buffer hello;
  EXPECT_TRUE(filter->Start(&hello).ok());
  SendBytes(hello.view());
  filters_.push_back(std::move(filter));
  Decode(filters_.size() - 1, std::exchange(received_, {}));
  while (!filters_.back()->ready() && broken_.ok()) {
    if (!ReadMore(deadline)) break;
  }
  if (filters_.back()->ready()) {
    const std::string answer = Answer();
    if (broken_.ok()) return answer;
  }
  // An alert, then a frame that is not in TLS.
  while (ReadMore(deadline)) {
  }
  filters_.clear();
  const size_t frame = raw_.rfind("E_IDENTIFY_FAILED");
  return frame == std::string::npos ? "" : raw_.substr(frame);
}

std::string V2Client::RawUntilEnd() {
  const SteadyTime deadline = SoonEnough();
  while (ReadMore(deadline)) {
  }
  return std::exchange(received_, {});
}

bool V2Client::SendBytes(std::string_view bytes) {
  std::string inner(bytes);
  for (size_t i = filters_.size(); i-- > 0 && !inner.empty();) {
    Buffer outer;
    if (!filters_[i]->Encode(inner, &outer).ok()) return false;
    inner = outer.view();
  }
  return SendRaw(inner);
}

bool V2Client::SendRaw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno != EAGAIN || !Await(fd_.get(), POLLOUT, SoonEnough())) {
      return false;
    }
  }
  return true;
}

bool V2Client::ReadMore(SteadyTime deadline) {
  if (!Await(fd_.get(), POLLIN, deadline)) return false;
  std::array<char, 65536> bytes;
  const ssize_t n = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (n <= 0) return false;
  raw_.assign(bytes.data(), static_cast<size_t>(n));
  Decode(0, raw_);
  return true;
}

void V2Client::Decode(size_t first_filter, std::string bytes) {
  for (size_t i = first_filter; i < filters_.size(); ++i) {
    std::string inner;
    do {
      Buffer decoded;
      Buffer reply;
      const Status status = filters_[i]->Decode(bytes, &decoded, &reply);
      if (broken_.ok()) broken_ = status;
      inner += decoded.view();
      for (size_t outside = i; outside-- > 0 && !reply.empty();) {
        Buffer outer;
        EXPECT_TRUE(filters_[outside]->Encode(reply.view(), &outer).ok());
        reply = std::move(outer);
      }
      SendRaw(reply.view());
      bytes.clear();
    } while (filters_[i]->has_more());
    bytes = std::move(inner);
  }
  received_ += bytes;
}

bool V2Client::ReadFrame(SteadyTime deadline) {
  size_t size = 0;
  while (true) {
    if (received_.size() >= 4) size = LoadBig32(received_.data());
    if (received_.size() >= kFrameHeaderBytes && received_.size() >= 4 + size) break;
    if (!ReadMore(deadline)) return false;
  }
  const auto type = static_cast<FrameType>(LoadBig32(received_.data() + 4));
  const std::string payload = received_.substr(kFrameHeaderBytes, 4 + size - kFrameHeaderBytes);
  received_.erase(0, 4 + size);
  if (type != FrameType::kMessage) {
    if (payload == kHeartbeat) {
      Send("NOP");
    } else {
      answers_.push_back(payload);
    }
    return true;
  }
  EXPECT_GE(payload.size(), kMessageHeaderBytes);
  Message message;
  message.timestamp_ns = static_cast<int64_t>(LoadBig64(payload.data()));
  message.attempts = LoadBig16(payload.data() + 8);
  message.id = payload.substr(10, kMessageIdBytes);
  message.body = payload.substr(kMessageHeaderBytes);
  messages_.push_back(std::move(message));
  return true;
}

}  // namespace nsq::cluster
