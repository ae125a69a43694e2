#include "nsqd/protocol/answers.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/event/buffer.h"
#include "common/wire/frame.h"

namespace nsq::nsqd {
namespace {
constexpr size_t kLeastRing = 16;
}

Answers::Answer& Answers::Push() {
  if (size() == ring_.size()) {
    std::vector<Answer> bigger(std::max(kLeastRing, 2 * ring_.size()));
    for (uint64_t i = first_; i != next_; ++i) bigger[i & (bigger.size() - 1)] = std::move(At(i));
    ring_ = std::move(bigger);
  }
  Answer& answer = At(next_++);
  answer = Answer();
  return answer;
}

uint64_t Answers::Promise(Command publish, size_t size_bytes) {
  Answer& answer = Push();
  answer.publish = publish;
  answer.size_bytes = size_bytes;
  ++promised_;
  promised_bytes_ += size_bytes;
  return next_ - 1;
}

void Answers::Add(FrameType type, std::string_view text) {
  Answer& answer = Push();
  answer.given = true;
  answer.type = type;
  answer.text = std::make_unique<std::string>(text);
}

void Answers::Add(const Refusal& refusal) {
  Add(FrameType::kError, refusal.text);
  At(next_ - 1).fatal = refusal.fatal;
}

void Answers::Give(uint64_t ticket) {
  NSQ_DCHECK(promised_ > 0);
  if (--promised_ == 0) {
    promised_bytes_ = 0;
  } else if (!silent_) {
    promised_bytes_ -= At(ticket).size_bytes;
  }
  if (silent_) return;
  NSQ_DCHECK(ticket - first_ < size() && !At(ticket).given);
  At(ticket).given = true;
}

void Answers::Give(uint64_t ticket, const Refusal& refusal) {
  Give(ticket);
  if (silent_) return;
  Answer& answer = At(ticket);
  answer.type = FrameType::kError;
  answer.fatal = refusal.fatal;
  answer.text = std::make_unique<std::string>(refusal.text);
}

bool Answers::Say(Buffer* out) {
  for (; !silent_ && first_ != next_; ++first_) {
    const Answer& answer = At(first_);
    if (!answer.given) return true;
    AppendFrame(answer.type, answer.text == nullptr ? kOkAnswer : std::string_view(*answer.text),
                out);
    silent_ = answer.fatal;
  }
  if (silent_) first_ = next_;  // what was to follow is not said
  return !silent_;
}

void Answers::Shrink() {
  if (!empty() || promised_ > 0) return;
  ring_ = std::vector<Answer>();
}

}  // namespace nsq::nsqd
