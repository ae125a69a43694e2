#include "nsqd/queue/deferred.h"

#include <algorithm>

namespace nsq::nsqd {
namespace {

bool Later(const Unfinished& a, const Unfinished& b) {
  return a.due != b.due ? a.due > b.due : a.sequence > b.sequence;
}

}  // namespace

void DeferredQueue::Add(Sequence sequence, uint16_t attempts, WallTime due) {
  heap_.push_back({sequence, attempts, due});
  std::push_heap(heap_.begin(), heap_.end(), Later);
}

std::optional<Unfinished> DeferredQueue::TakeDue(WallTime now) {
  if (heap_.empty() || heap_.front().due > now) return std::nullopt;
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  const Unfinished taken = heap_.back();
  heap_.pop_back();
  return taken;
}

std::optional<WallTime> DeferredQueue::NextDue() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().due;
}

void DeferredQueue::Clear() { heap_ = {}; }

}  // namespace nsq::nsqd
