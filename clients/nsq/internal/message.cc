#include <nsq/message.h>

#include <algorithm>
#include <utility>

#include "clients/nsq/internal/block.h"
#include "clients/nsq/internal/consumer_core.h"
#include "common/event/buffer.h"

namespace nsq {

Message::Message(std::shared_ptr<client::Block> block, const char* frame, size_t size)
    : block_(std::move(block)), frame_(frame), size_(size), given_(block_->received) {}

Message::Message(Message&& other) noexcept
    : block_(std::move(other.block_)),
      frame_(other.frame_),
      size_(other.size_),
      given_(other.given_),
      answered_(other.answered_) {}

Message& Message::operator=(Message&& other) noexcept {
  if (this == &other) return *this;
  if (!answered()) static_cast<void>(Requeue({}, Penalty::kNone));
  block_ = std::move(other.block_);
  frame_ = other.frame_;
  size_ = other.size_;
  given_ = other.given_;
  answered_ = other.answered_;
  return *this;
}

Message::~Message() {
  if (!answered()) static_cast<void>(Requeue({}, Penalty::kNone));
}

uint16_t Message::attempts() const { return LoadBig16(frame_ + 8); }

std::chrono::time_point<std::chrono::system_clock, Message::Time> Message::timestamp() const {
  return WallFromUnixNanos(static_cast<int64_t>(LoadBig64(frame_)));
}

std::string_view Message::nsqd() const { return block_->source->address; }

std::chrono::steady_clock::time_point Message::deadline() const {
  return std::min(given_ + block_->source->msg_timeout, last_deadline());
}

std::chrono::steady_clock::time_point Message::last_deadline() const {
  return block_->received + block_->source->max_msg_timeout;
}

bool Message::expired() const { return block_ == nullptr || block_->source->lost.load(); }

namespace {
Error Gone() { return Error{ErrorCode::kExpired, "the message was moved away", ""}; }
}  // namespace

Expected<void> Message::Finish() {
  if (block_ == nullptr) return Gone();
  if (std::exchange(answered_, true)) return Expected<void>();
  return client::ConsumerCore::Answer(*block_->source, client::AnswerKind::kFinish, frame_, {},
                                      Penalty::kNone);
}

Expected<void> Message::Requeue(std::optional<Time> delay, Penalty penalty) {
  if (block_ == nullptr) return Gone();
  if (delay && *delay < Time::zero()) {
    return Error{ErrorCode::kInvalidArgument, "negative delay", ""};
  }
  if (std::exchange(answered_, true)) return Expected<void>();
  return client::ConsumerCore::Answer(*block_->source, client::AnswerKind::kRequeue, frame_, delay,
                                      penalty);
}

Expected<void> Message::Touch() {
  if (block_ == nullptr) return Gone();
  if (answered_) return Expected<void>();
  given_ = std::chrono::steady_clock::now();
  return client::ConsumerCore::Answer(*block_->source, client::AnswerKind::kTouch, frame_, {},
                                      Penalty::kNone);
}

}  // namespace nsq
