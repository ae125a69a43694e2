#include "clients/nsq/internal/host_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace nsq::client {
namespace {

const SteadyTime kStart = SteadyTime() + std::chrono::hours(1);

std::vector<size_t> Choices(HostPool* pool, int count, SteadyTime now) {
  std::vector<size_t> chosen;
  for (int i = 0; i < count; ++i) chosen.push_back(pool->Choose(now));
  return chosen;
}

TEST(HostPoolTest, TakesTurnsFromTheFirst) {
  HostPool pool(3, false, 1);
  EXPECT_EQ(Choices(&pool, 5, kStart), (std::vector<size_t>{0, 1, 2, 0, 1}));
}

TEST(HostPoolTest, ADeadOneIsTriedOnceWhenItIsDueAndThenWaitsTwiceAsLong) {
  HostPool pool(2, false, 1);
  pool.OnFailure(0, kStart);
  EXPECT_EQ(Choices(&pool, 2, kStart), (std::vector<size_t>{1, 1}));
  EXPECT_EQ(Choices(&pool, 2, kStart + seconds(29)), (std::vector<size_t>{1, 1}));
  EXPECT_EQ(Choices(&pool, 3, kStart + seconds(30)), (std::vector<size_t>{0, 1, 1}));
  pool.OnFailure(0, kStart + seconds(30));
  EXPECT_EQ(Choices(&pool, 2, kStart + seconds(89)), (std::vector<size_t>{1, 1}));
  EXPECT_EQ(pool.Choose(kStart + seconds(90)), 0u);
  pool.OnSuccess(0, kStart + seconds(90), milliseconds(1));
  EXPECT_EQ(Choices(&pool, 2, kStart + seconds(90)), (std::vector<size_t>{1, 0}));
}

TEST(HostPoolTest, WhenAllAreDeadAllLive) {
  HostPool pool(2, false, 1);
  pool.OnFailure(0, kStart);
  pool.OnFailure(1, kStart);
  EXPECT_EQ(Choices(&pool, 3, kStart), (std::vector<size_t>{0, 1, 0}));
}

TEST(HostPoolTest, GreedyPrefersTheQuick) {
  HostPool pool(2, true, 1);
  for (int i = 0; i < 10; ++i) {
    pool.OnSuccess(0, kStart, milliseconds(100));
    pool.OnSuccess(1, kStart, milliseconds(1));
  }
  int quick = 0;
  for (const size_t host : Choices(&pool, 1000, kStart)) quick += host == 1 ? 1 : 0;
  EXPECT_GT(quick, 900);
}

}  // namespace
}  // namespace nsq::client
