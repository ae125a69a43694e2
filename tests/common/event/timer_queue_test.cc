#include "common/event/timer_queue.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>
#include <vector>

namespace nsq {
namespace {

SteadyTime At(int64_t ns) { return SteadyTime(Duration(ns)); }

TEST(TimerQueueTest, FirstIsWhoIsDueFirstWhateverIsPutMovedAndRemoved) {
  std::mt19937 random(7);
  TimerQueue queue;
  std::vector<TimerNode> nodes(300);
  std::set<std::pair<SteadyTime, TimerNode*>> model;
  for (int step = 0; step < 20'000; ++step) {
    TimerNode& node = nodes[random() % nodes.size()];
    if (node.queued()) model.erase({node.when, &node});
    if (random() % 3 == 0) {
      queue.Remove(&node);
      EXPECT_FALSE(node.queued());
    } else {
      queue.Put(&node, At(static_cast<int64_t>(random() % 1000)));
      model.insert({node.when, &node});
    }
    ASSERT_EQ(queue.size(), model.size());
    if (model.empty()) continue;
    ASSERT_EQ(queue.first()->when, model.begin()->first);
  }
  while (!model.empty()) {
    TimerNode* const first = queue.first();
    ASSERT_EQ(first->when, model.begin()->first);
    model.erase({first->when, first});
    queue.Remove(first);
  }
  EXPECT_EQ(queue.first(), nullptr);
}

TEST(TimerQueueTest, RemovingWhatIsNotInDoesNothing) {
  TimerQueue queue;
  TimerNode in;
  TimerNode out;
  queue.Put(&in, At(1));
  queue.Remove(&out);
  EXPECT_EQ(queue.first(), &in);
  queue.Remove(&in);
  queue.Remove(&in);
  EXPECT_EQ(queue.size(), 0u);
}

}  // namespace
}  // namespace nsq
