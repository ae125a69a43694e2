#include "common/event/connection_limit.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace nsq {
namespace {

TEST(ConnectionLimitTest, GivesAsManyPlacesAsThereAreAndTakesThemBack) {
  ConnectionLimit limit(2);
  std::optional<ConnectionPlace> first = limit.Take();
  std::optional<ConnectionPlace> second = limit.Take();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(limit.Take());
  EXPECT_EQ(limit.open(), 2u);
  EXPECT_EQ(limit.refused(), 1u);
  first.reset();
  EXPECT_EQ(limit.open(), 1u);
  EXPECT_TRUE(limit.Take());
  EXPECT_EQ(limit.refused(), 1u);
}

TEST(ConnectionLimitTest, APlaceThatMovesCountsOnce) {
  ConnectionLimit limit(1);
  {
    std::optional<ConnectionPlace> place = limit.Take();
    ASSERT_TRUE(place);
    ConnectionPlace moved(std::move(*place));
    place.reset();
    EXPECT_EQ(limit.open(), 1u);
    ConnectionPlace assigned;
    assigned = std::move(moved);
    EXPECT_EQ(limit.open(), 1u);
  }
  EXPECT_EQ(limit.open(), 0u);
}

TEST(ConnectionLimitTest, NoLimitOnlyCounts) {
  ConnectionLimit limit(0);
  std::vector<ConnectionPlace> places;
  for (int i = 0; i < 1000; ++i) {
    std::optional<ConnectionPlace> place = limit.Take();
    ASSERT_TRUE(place);
    places.push_back(std::move(*place));
  }
  EXPECT_EQ(limit.open(), 1000u);
  EXPECT_EQ(limit.refused(), 0u);
}

TEST(ConnectionLimitTest, ThreadsNeverTakeMoreThanThereIs) {
  ConnectionLimit limit(3);
  std::atomic<size_t> taken = 0;
  std::atomic<bool> too_many = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20'000; ++round) {
        const std::optional<ConnectionPlace> place = limit.Take();
        if (!place) continue;
        if (++taken > 3) too_many = true;
        --taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(too_many);
  EXPECT_EQ(limit.open(), 0u);
}

}  // namespace
}  // namespace nsq
