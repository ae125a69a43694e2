#include "tests/bench/consumer.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "common/strings.h"
#include "tests/bench/clock.h"
#include "tests/bench/command_ring.h"
#include "tests/bench/handshake.h"

namespace nsq::bench {
namespace {

// timestamp 8, attempts 2, id 16, body
constexpr size_t kIdOffset = 10;
constexpr size_t kIdBytes = 16;
constexpr size_t kBodyOffset = 26;

}  // namespace

Consumer::Consumer(UniqueFd fd, int channel, Poller* poller, DeliveryCheck* check,
                   Histogram* latencies)
    : fd_(std::move(fd)),
      channel_(channel),
      poller_(poller),
      check_(check),
      latencies_(latencies) {}

Status Consumer::Subscribe(const std::string& topic, const std::string& channel_name,
                           const Workload& workload) {
  std::string fields;
  if (workload.output_buffer_size != 0) {
    fields = StrCat("\"output_buffer_size\":", workload.output_buffer_size);
  }
  if (workload.output_buffer_timeout_ms != 0) {
    fields = StrCat(fields, fields.empty() ? "" : ",",
                    "\"output_buffer_timeout\":", workload.output_buffer_timeout_ms);
  }
  const std::string sub = StrCat("SUB ", topic, " ", channel_name, "\n");
  layered_ = workload.layers.any();
  if (layered_) {
    Status status = layers_.Open(fd_.get(), workload.layers, fields, &buffer_);
    if (status.ok()) status = layers_.Ask(fd_.get(), sub, &buffer_);
    if (!status.ok()) return status;
  } else if (Status status = Handshake(fd_.get(), Identify(fields) + sub, 2, &buffer_);
             !status.ok()) {
    return status;
  }
  if (Status status = MakeNonBlocking(fd_.get()); !status.ok()) return status;
  return poller_->Add(this);
}

Status Consumer::Ready(int64_t rdy) {
  out_ += StrCat("RDY ", rdy, "\n");
  return Flush();
}

Status Consumer::OnReadable() {
  if (Status status = layers_.Fill(fd_.get(), &buffer_); !status.ok()) {
    return status.code() == Code::kTimeout ? Status() : status;
  }
  const int64_t now_ns = NowNs();
  while (const std::optional<Frame> frame = NextFrame(&buffer_)) {
    if (frame->type == FrameType::kMessage) {
      if (Status status = TakeMessage(frame->payload, now_ns); !status.ok()) return status;
    } else if (frame->payload == "_heartbeat_") {
      out_ += "NOP\n";
    } else {
      return Status(Code::kInvalid, StrCat("a consumer was told '", frame->payload, "'"));
    }
  }
  return Flush();
}

Status Consumer::TakeMessage(std::string_view payload, int64_t now_ns) {
  if (payload.size() <= kBodyOffset) return Status(Code::kCorrupt, "a message without a body");
  Stamp stamp;
  if (check_->stamped()) {
    if (payload.size() < kBodyOffset + sizeof stamp) {
      return Status(Code::kCorrupt, "a message shorter than the one published");
    }
    std::memcpy(&stamp, payload.data() + kBodyOffset, sizeof stamp);
    latencies_->Add(now_ns - stamp.intended_ns);
  }
  check_->Arrived(channel_, stamp.sequence);
  out_ += "FIN ";
  out_ += payload.substr(kIdOffset, kIdBytes);
  out_ += '\n';
  return Status();
}

Status Consumer::SetBlocked(bool blocked) {
  if (blocked == blocked_) return Status();
  blocked_ = blocked;
  return poller_->WantWritable(this, blocked);
}

Status Consumer::FlushLayered() {
  if (!out_.empty()) {
    if (Status status = layers_.Say(out_); !status.ok()) return status;
    out_.clear();
  }
  const Status sent = layers_.Send(fd_.get());
  if (sent.ok() || sent.code() == Code::kTimeout) return SetBlocked(!sent.ok());
  return sent;
}

Status Consumer::Flush() {
  if (layered_) return FlushLayered();
  while (out_sent_ < out_.size()) {
    const ssize_t sent =
        send(fd_.get(), out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return ErrnoStatus(errno, "send to the server");
    if (sent < 0) return SetBlocked(true);
    out_sent_ += static_cast<size_t>(sent);
  }
  out_.clear();
  out_sent_ = 0;
  return SetBlocked(false);
}

}  // namespace nsq::bench
