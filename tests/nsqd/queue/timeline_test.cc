#include "nsqd/queue/timeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

TEST(TimelineTest, KnowsNothingBeforeItsFirstMark) {
  Timeline timeline;
  EXPECT_EQ(timeline.NotBefore({7}), WallTime());
  timeline.Mark({5}, WallTime(seconds(100)));
  EXPECT_EQ(timeline.NotBefore({4}), WallTime());
  EXPECT_EQ(timeline.NotBefore({5}), WallTime(seconds(100)));
  EXPECT_EQ(timeline.NotBefore({500}), WallTime(seconds(100)));
}

// However long the backlog: never later than the truth, and earlier by a small part of its age.
TEST(TimelineTest, IsNeverLateAndSeldomFarOff) {
  std::mt19937_64 random(TestSeed());
  Timeline timeline;
  std::vector<WallTime> published;
  WallTime now(seconds(1'000'000));
  for (uint64_t s = 0; s < 200000; ++s) {
    now += milliseconds(random() % 1000);
    timeline.Mark({s}, now);
    published.push_back(now);
  }
  const Duration span = now - published.front();
  for (uint64_t s = 0; s < published.size(); s += 97) {
    const WallTime told = timeline.NotBefore({s});
    ASSERT_LE(told, published[s]);
    ASSERT_GE(told, published[s] - span / 32) << s;
  }
}

TEST(TimelineTest, AfterABacklogItIsAsFineAsBefore) {
  Timeline timeline;
  WallTime now(seconds(1'000'000));
  uint64_t s = 0;
  for (; s < 100000; ++s) timeline.Mark({s}, now += seconds(1));
  timeline.Release({s});
  for (uint64_t last = s + 20; s < last; ++s) {
    timeline.Mark({s}, now += seconds(1));
    EXPECT_EQ(timeline.NotBefore({s}), now);
  }
}

}  // namespace
}  // namespace nsq::nsqd
