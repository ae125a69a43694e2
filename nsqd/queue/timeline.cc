#include "nsqd/queue/timeline.h"

#include <algorithm>
#include <iterator>

namespace nsq::nsqd {

void Timeline::Mark(Sequence first, WallTime now) {
  if (!marks_.empty()) {
    // A clock that was set back makes what follows look as old as what came before.
    if (now < marks_.back().time + distance_) return;
    if (marks_.size() >= kMaxMarks) {
      std::deque<At> kept;
      for (size_t i = 0; i < marks_.size(); i += 2) kept.push_back(marks_[i]);
      marks_.swap(kept);
      distance_ *= 2;
    }
  }
  marks_.push_back({first, now});
}

WallTime Timeline::NotBefore(Sequence sequence) const {
  const auto after = std::upper_bound(marks_.begin(), marks_.end(), sequence,
                                      [](Sequence s, const At& mark) { return s < mark.sequence; });
  return after == marks_.begin() ? WallTime() : std::prev(after)->time;
}

void Timeline::Release(Sequence sequence) {
  while (marks_.size() > 1 && marks_[1].sequence <= sequence) marks_.pop_front();
  if (marks_.size() < kMaxMarks / 4) distance_ = seconds(1);
}

}  // namespace nsq::nsqd
