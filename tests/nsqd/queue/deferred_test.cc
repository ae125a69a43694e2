#include "nsqd/queue/deferred.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

WallTime At(int64_t ms) { return WallTime(seconds(1000)) + milliseconds(ms); }

TEST(DeferredQueueTest, GivesWhatIsDueAndNothingElse) {
  DeferredQueue queue;
  queue.Add({5}, 2, At(10));
  EXPECT_EQ(queue.TakeDue(At(9)), std::nullopt);
  EXPECT_EQ(queue.TakeDue(At(10)), (Unfinished{{5}, 2, At(10)}));
  EXPECT_EQ(queue.TakeDue(At(10)), std::nullopt);
}

TEST(DeferredQueueTest, OrdersByDueThenBySequence) {
  DeferredQueue queue;
  queue.Add({4}, 0, At(20));
  queue.Add({3}, 0, At(10));
  queue.Add({2}, 0, At(20));
  queue.Add({1}, 0, At(30));
  EXPECT_EQ(queue.NextDue(), At(10));
  std::vector<uint64_t> order;
  while (const auto due = queue.TakeDue(At(100))) order.push_back(due->sequence.value);
  EXPECT_EQ(order, (std::vector<uint64_t>{3, 2, 4, 1}));
  EXPECT_EQ(queue.NextDue(), std::nullopt);
}

TEST(DeferredQueueTest, ClearForgetsAll) {
  DeferredQueue queue;
  queue.Add({1}, 0, At(1));
  queue.Clear();
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.TakeDue(At(9)), std::nullopt);
  queue.Add({9}, 0, At(1));
  EXPECT_EQ(queue.size(), 1u);
}

TEST(DeferredQueueTest, BehavesAsASortedSet) {
  std::mt19937_64 random(TestSeed());
  SCOPED_TRACE(testing::Message() << "NSQ_TEST_SEED=" << TestSeed());
  const auto draw = [&](uint64_t below) { return random() % below; };

  DeferredQueue queue;
  std::set<std::tuple<WallTime, Sequence, uint16_t>> model;
  std::set<Sequence> sequences;
  int64_t now_ms = 0;
  Sequence next{1};
  for (int step = 0; step < 100'000; ++step) {
    switch (draw(3)) {
      case 0:
      case 1: {
        if (model.size() > 1000) break;
        // A requeued message may be far behind the deferred publishes.
        const Sequence s = draw(4) == 0 ? Sequence{1 + draw(next.value)} : next;
        if (!sequences.insert(s).second) break;
        next = std::max(next, s + 1);
        const auto attempts = static_cast<uint16_t>(draw(5));
        const WallTime due = At(now_ms + static_cast<int64_t>(draw(200)));
        queue.Add(s, attempts, due);
        model.insert({due, s, attempts});
        break;
      }
      case 2: {
        now_ms += static_cast<int64_t>(draw(5));
        while (const auto due = queue.TakeDue(At(now_ms))) {
          ASSERT_FALSE(model.empty());
          ASSERT_EQ(std::tuple(due->due, due->sequence, due->attempts), *model.begin());
          sequences.erase(due->sequence);
          model.erase(model.begin());
        }
        if (!model.empty()) {
          ASSERT_GT(std::get<0>(*model.begin()), At(now_ms));
        }
        break;
      }
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.items().size(), model.size());
    if (!model.empty()) {
      ASSERT_EQ(queue.NextDue(), std::get<0>(*model.begin()));
    }
  }
}

}  // namespace
}  // namespace nsq::nsqd
