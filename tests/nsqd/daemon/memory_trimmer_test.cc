#include "nsqd/daemon/memory_trimmer.h"

#include <gtest/gtest.h>

namespace nsq::nsqd {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr Duration kIdle = milliseconds(1);
constexpr Duration kBusy = seconds(4);
constexpr Duration kElapsed = seconds(5);

metrics::HeapStats Heap(uint64_t in_use, uint64_t idle, uint64_t released = 0) {
  metrics::HeapStats heap;
  heap.in_use_bytes = in_use;
  heap.idle_bytes = idle;
  heap.released_bytes = released;
  return heap;
}

TEST(TrimPolicyTest, AnIdleProcessGivesBackWhatAPeakLeft) {
  TrimPolicy policy;
  EXPECT_FALSE(policy.Look(Heap(5 * kMiB, kMiB), kIdle, kElapsed));
  EXPECT_TRUE(policy.Look(Heap(5 * kMiB, 400 * kMiB), kIdle, kElapsed));
}

TEST(TrimPolicyTest, WhatIsNotResidentIsNotWorthATrim) {
  TrimPolicy policy;
  EXPECT_FALSE(policy.Look(Heap(5 * kMiB, 400 * kMiB, 397 * kMiB), kIdle, kElapsed));
}

TEST(TrimPolicyTest, ALargeHeapMayKeepAPartOfItself) {
  TrimPolicy policy;
  EXPECT_FALSE(policy.Look(Heap(1000 * kMiB, 200 * kMiB), kIdle, kElapsed));
  EXPECT_TRUE(policy.Look(Heap(1000 * kMiB, 300 * kMiB), kIdle, kElapsed));
}

TEST(TrimPolicyTest, ABusyProcessGivesBackAfterAMinute) {
  TrimPolicy policy;
  Duration waited{0};
  while (!policy.Look(Heap(5 * kMiB, 400 * kMiB), kBusy, kElapsed)) {
    waited += kElapsed;
    ASSERT_LT(waited, TrimPolicy::kPatience);
  }
  EXPECT_GE(waited + kElapsed, TrimPolicy::kPatience);
}

TEST(TrimPolicyTest, WhatATrimCouldNotGiveBackIsLeftAlone) {
  TrimPolicy policy;
  ASSERT_TRUE(policy.Look(Heap(5 * kMiB, 400 * kMiB), kIdle, kElapsed));
  policy.Trimmed(Heap(5 * kMiB, 100 * kMiB));
  EXPECT_FALSE(policy.Look(Heap(5 * kMiB, 103 * kMiB), kIdle, kElapsed));
  EXPECT_TRUE(policy.Look(Heap(5 * kMiB, 105 * kMiB), kIdle, kElapsed));
  // It has been used and freed since: all of it counts again.
  policy.Trimmed(Heap(5 * kMiB, 100 * kMiB));
  EXPECT_FALSE(policy.Look(Heap(105 * kMiB, 0), kIdle, kElapsed));
  EXPECT_TRUE(policy.Look(Heap(5 * kMiB, 100 * kMiB), kIdle, kElapsed));
}

TEST(TrimPolicyTest, WhereNothingHappensItLooksSeldom) {
  TrimPolicy policy;
  EXPECT_FALSE(policy.Look(Heap(5 * kMiB, 0), kIdle, kElapsed));
  EXPECT_EQ(policy.next_look(), TrimPolicy::kSeldom);
  EXPECT_FALSE(policy.Look(Heap(5 * kMiB, 0), kBusy, kElapsed));
  EXPECT_EQ(policy.next_look(), TrimPolicy::kOften);
}

}  // namespace
}  // namespace nsq::nsqd
