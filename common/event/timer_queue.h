#pragma once

#include <cstddef>
#include <vector>

#include "common/time.h"

namespace nsq {

// Who waits for a time, and until when. Knows its place in the queue, so that it can be moved.
struct TimerNode {
  static constexpr size_t kNowhere = ~size_t{0};

  SteadyTime when;
  size_t index = kNowhere;  // in its queue

  bool queued() const { return index != kNowhere; }
};

// Timers by the time they are due: a heap of pointers. Pure; asks no clock.
//
// Home: its loop's. Cost: log(n) to put, move and take out; allocates only to grow.
class TimerQueue {
 public:
  // Puts it in, or moves it. It stays where it is in memory until it is taken out.
  void Put(TimerNode* node, SteadyTime when);
  void Remove(TimerNode* node);  // nothing if it is not in

  // Who is due next; null if nobody waits.
  TimerNode* first() const { return heap_.empty() ? nullptr : heap_.front(); }
  size_t size() const { return heap_.size(); }

 private:
  void Place(TimerNode* node, size_t index) {
    heap_[index] = node;
    node->index = index;
  }
  void Sift(TimerNode* node, size_t index);

  std::vector<TimerNode*> heap_;  // none is due before its parent, at (index - 1) / 2
};

}  // namespace nsq
