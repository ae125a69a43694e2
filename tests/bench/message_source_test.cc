#include "tests/bench/message_source.h"

#include <gtest/gtest.h>

namespace nsq::bench {
namespace {

struct Taken {
  uint64_t sequence = 0;
  int64_t intended_ns = 0;
};

TEST(MessageSourceTest, AScheduleGoesOnWhileTheServerStops) {
  Workload workload;
  workload.rate = 1'000;
  workload.seconds = 1;
  MessageSource source(workload);
  source.Start(5'000);
  Taken taken;
  ASSERT_TRUE(source.Take(5'000, &taken.sequence, &taken.intended_ns));
  EXPECT_FALSE(source.Take(5'001, &taken.sequence, &taken.intended_ns)) << "the next is not due";

  // Half a second late: all that was due meanwhile comes, with the times it was due at.
  const int64_t late_ns = 5'000 + 500'000'000;
  uint64_t count = 1;
  while (source.Take(late_ns, &taken.sequence, &taken.intended_ns)) {
    EXPECT_EQ(taken.sequence, count);
    EXPECT_EQ(taken.intended_ns, 5'000 + static_cast<int64_t>(count) * 1'000'000);
    ++count;
  }
  EXPECT_EQ(count, 501u);
  EXPECT_FALSE(source.exhausted(late_ns));
}

TEST(MessageSourceTest, AScheduleEndsWithItsLastMessageNotWithTheClock) {
  Workload workload;
  workload.rate = 1'000;
  workload.seconds = 1;
  MessageSource source(workload);
  source.Start(0);
  const int64_t much_later_ns = 10'000'000'000;
  Taken taken;
  uint64_t count = 0;
  while (source.Take(much_later_ns, &taken.sequence, &taken.intended_ns)) ++count;
  EXPECT_EQ(count, 1000u);
  EXPECT_TRUE(source.exhausted(much_later_ns));
}

TEST(MessageSourceTest, AClosedLoopEndsAtItsLimit) {
  Workload workload;
  workload.batch = 200;
  workload.messages = 500;
  MessageSource source(workload);
  source.Start(0);
  Taken taken;
  while (source.Take(1, &taken.sequence, &taken.intended_ns)) {
  }
  EXPECT_EQ(source.taken(), 600u) << "whole batches";
}

}  // namespace
}  // namespace nsq::bench
