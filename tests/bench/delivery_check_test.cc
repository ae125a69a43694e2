#include "tests/bench/delivery_check.h"

#include <gtest/gtest.h>

namespace nsq::bench {
namespace {

TEST(DeliveryCheckTest, ADuplicateDoesNotHideALoss) {
  DeliveryCheck check(1, true);
  for (const uint64_t sequence : {0u, 1u, 1u, 3u}) check.Arrived(0, sequence);
  EXPECT_EQ(check.delivered(), 3u);
  EXPECT_EQ(check.duplicates(), 1u);
}

TEST(DeliveryCheckTest, EachChannelGetsItsOwnCopy) {
  DeliveryCheck check(2, true);
  check.Arrived(0, 1000);
  check.Arrived(1, 1000);
  EXPECT_EQ(check.delivered(), 2u);
  EXPECT_EQ(check.duplicates(), 0u);
}

TEST(DeliveryCheckTest, AStampThatWasNeverMadeIsDamage) {
  DeliveryCheck check(1, true);
  check.Arrived(0, UINT64_MAX);
  EXPECT_EQ(check.delivered(), 0u);
  EXPECT_EQ(check.damaged(), 1u);
}

}  // namespace
}  // namespace nsq::bench
