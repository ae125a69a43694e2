#include "common/event/timer_queue.h"

#include <utility>

namespace nsq {

void TimerQueue::Put(TimerNode* node, SteadyTime when) {
  node->when = when;
  if (!node->queued()) {
    node->index = heap_.size();
    heap_.push_back(node);
  }
  Sift(node, node->index);
}

void TimerQueue::Remove(TimerNode* node) {
  if (!node->queued()) return;
  const size_t hole = std::exchange(node->index, TimerNode::kNowhere);
  TimerNode* const last = heap_.back();
  heap_.pop_back();
  if (last != node) Sift(last, hole);
}

// Puts `node` at `index`, which is free or its own, and from there where it belongs.
void TimerQueue::Sift(TimerNode* node, size_t index) {
  while (index > 0) {
    const size_t parent = (index - 1) / 2;
    if (heap_[parent]->when <= node->when) break;
    Place(heap_[parent], index);
    index = parent;
  }
  while (true) {
    size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->when < heap_[child]->when) ++child;
    if (node->when <= heap_[child]->when) break;
    Place(heap_[child], index);
    index = child;
  }
  Place(node, index);
}

}  // namespace nsq
