#include "tests/bench/publisher.h"

#include <endian.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/check.h"
#include "common/strings.h"
#include "tests/bench/clock.h"
#include "tests/bench/handshake.h"

namespace nsq::bench {
namespace {

void AppendU32(std::string* to, size_t number) {
  const uint32_t big_endian = htobe32(static_cast<uint32_t>(number));
  to->append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

struct Command {
  std::string bytes;
  std::vector<size_t> bodies;  // where in `bytes` each body begins
};

Command MakePub(const std::string& topic, const std::string& body) {
  Command command;
  command.bytes = StrCat("PUB ", topic, "\n");
  AppendU32(&command.bytes, body.size());
  command.bodies.push_back(command.bytes.size());
  command.bytes += body;
  return command;
}

Command MakeMpub(const std::string& topic, const std::vector<std::string>& bodies) {
  Command command;
  command.bytes = StrCat("MPUB ", topic, "\n");
  AppendU32(&command.bytes, 4 + bodies.size() * (4 + bodies.front().size()));
  AppendU32(&command.bytes, bodies.size());
  for (const std::string& body : bodies) {
    AppendU32(&command.bytes, body.size());
    command.bodies.push_back(command.bytes.size());
    command.bytes += body;
  }
  return command;
}

Command MakePost(const std::string& topic, const std::string& body) {
  Command command;
  command.bytes = StrCat("POST /pub?topic=", topic, " HTTP/1.1\r\nHost: localhost\r\n",
                         "Content-Length: ", body.size(), "\r\n\r\n");
  command.bodies.push_back(command.bytes.size());
  command.bytes += body;
  return command;
}

// An event as services publish them: the same keys, other values. For runs with compression, to
// which the body below, over and over, would be nothing at all.
std::string MakeEvent(size_t size_bytes, uint64_t number) {
  uint64_t state = number * 0x9E3779B97F4A7C15 + 1;
  const auto next = [&state](uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
  };
  static constexpr std::string_view kKinds[] = {"click", "view", "purchase", "search", "login"};
  std::string body(sizeof(Stamp), ' ');
  while (body.size() < size_bytes) {
    body += StrCat("{\"user_id\":", next(1'000'000), ",\"session\":\"", next(~uint64_t{0}),
                   "\",\"event\":\"", kKinds[next(5)], "\",\"timestamp\":1795", next(1'000'000'000),
                   ",\"path\":\"/catalog/", next(500), "/item/", next(50'000),
                   "\",\"duration_ms\":", next(10'000), "}");
  }
  body.resize(size_bytes);
  return body;
}

// Text that neither compresses to nothing nor looks like a protocol.
std::string MakeBody(size_t size_bytes) {
  std::string body(size_bytes, '\0');
  uint32_t state = 12345;
  for (char& c : body) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>('a' + (state >> 24) % 26);
  }
  return body;
}

}  // namespace

CommandRing MakeCommandRing(const Workload& workload, PublishProtocol protocol,
                            const std::vector<std::string>& topics, size_t first_topic) {
  const auto size = static_cast<size_t>(workload.size_bytes);
  const std::string body = MakeBody(size);
  const auto batch = static_cast<size_t>(workload.batch);
  uint64_t events = first_topic << 32;
  const auto make = [&](const std::string& topic) {
    if (protocol == PublishProtocol::kHttp) return MakePost(topic, body);
    std::vector<std::string> bodies(batch, body);
    if (workload.layers.any() || workload.events) {
      for (std::string& each : bodies) each = MakeEvent(size, ++events);
    }
    return batch > 1 ? MakeMpub(topic, bodies) : MakePub(topic, bodies.front());
  };

  // A multiple of the topics, so that going round the ring goes round them too.
  const size_t rounds =
      (static_cast<size_t>(workload.pipeline) + topics.size() - 1) / topics.size();
  std::vector<std::string> commands;
  for (size_t i = 0; i < rounds * topics.size(); ++i) {
    commands.push_back(make(topics[(first_topic + i) % topics.size()]).bytes);
  }
  std::vector<size_t> stamps = make(topics.front()).bodies;
  if (body.size() < sizeof(Stamp)) stamps.clear();
  return CommandRing(commands, std::move(stamps), static_cast<size_t>(workload.pipeline), batch);
}

Publisher::Publisher(UniqueFd fd, PublishProtocol protocol, CommandRing ring, Poller* poller,
                     MessageSource* source, Histogram* latencies)
    : fd_(std::move(fd)),
      protocol_(protocol),
      ring_(std::move(ring)),
      poller_(poller),
      source_(source),
      latencies_(latencies) {}

Status Publisher::Start(const LayerChoice& layers) {
  // No heartbeats: they are for connections that may be idle.
  layered_ = layers.any();
  if (layered_) {
    Status status = layers_.Open(fd_.get(), layers, "\"heartbeat_interval\":-1", &buffer_);
    if (!status.ok()) return status;
  } else if (protocol_ == PublishProtocol::kTcp) {
    if (Status status = Handshake(fd_.get(), Identify("\"heartbeat_interval\":-1"), 1, &buffer_);
        !status.ok()) {
      return status;
    }
  }
  if (Status status = MakeNonBlocking(fd_.get()); !status.ok()) return status;
  return poller_->Add(this);
}

bool Publisher::PushDue(int64_t now_ns) {
  uint64_t first_sequence = 0;
  int64_t intended_ns = 0;
  if (ring_.full() || !source_->Take(now_ns, &first_sequence, &intended_ns)) return false;
  ring_.Push(first_sequence, intended_ns);
  return true;
}

Status Publisher::SendDue(int64_t now_ns) {
  while (PushDue(now_ns)) {
  }
  return Flush();
}

Status Publisher::SetBlocked(bool blocked) {
  if (blocked == blocked_) return Status();
  blocked_ = blocked;
  return poller_->WantWritable(this, blocked);
}

Status Publisher::FlushLayered() {
  std::array<iovec, 2> pieces;
  while (const int count = ring_.Unsent(&pieces)) {
    for (int i = 0; i < count; ++i) {
      const iovec& piece = pieces[static_cast<size_t>(i)];
      Status status = layers_.Say({static_cast<const char*>(piece.iov_base), piece.iov_len});
      if (!status.ok()) return status;
      ring_.Sent(piece.iov_len);
    }
  }
  const Status sent = layers_.Send(fd_.get());
  if (sent.ok() || sent.code() == Code::kTimeout) return SetBlocked(!sent.ok());
  return sent;
}

Status Publisher::Flush() {
  if (layered_) return FlushLayered();
  std::array<iovec, 2> pieces;
  while (const int count = ring_.Unsent(&pieces)) {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = static_cast<size_t>(count);
    const ssize_t sent = sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return ErrnoStatus(errno, "send to the server");
    if (sent < 0) return SetBlocked(true);
    ring_.Sent(static_cast<size_t>(sent));
  }
  return SetBlocked(false);
}

Status Publisher::OnReadable() {
  if (Status status = layers_.Fill(fd_.get(), &buffer_); !status.ok()) {
    return status.code() == Code::kTimeout ? Status() : status;
  }
  const int64_t now_ns = NowNs();
  while (true) {
    const Result<bool> taken = TakeAnswer();
    if (!taken.ok()) return taken.status();
    if (!*taken) break;
    if (!ring_.MayAnswer()) return Status(Code::kCorrupt, "an answer to nothing");
    latencies_->Add(now_ns - ring_.Answered());
    answered_ += ring_.messages_per_command();
  }
  return SendDue(now_ns);
}

Result<bool> Publisher::TakeAnswer() {
  if (protocol_ == PublishProtocol::kHttp) {
    const std::optional<int> status = NextHttpAnswer(&buffer_);
    if (status && *status != 200) {
      return Status(Code::kInvalid, StrCat("POST /pub was answered with status ", *status));
    }
    return status.has_value();
  }
  const std::optional<Frame> frame = NextFrame(&buffer_);
  if (frame && (frame->type != FrameType::kResponse || frame->payload != "OK")) {
    return Status(Code::kInvalid, StrCat("a publish was answered with '", frame->payload, "'"));
  }
  return frame.has_value();
}

}  // namespace nsq::bench
