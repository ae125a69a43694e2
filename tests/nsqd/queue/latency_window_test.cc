#include "nsqd/queue/latency_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

constexpr Duration kWindow = seconds(600);

WallTime At(Duration since_epoch) { return WallTime(since_epoch); }

// The value of that rank, by sorting.
uint64_t Naive(std::vector<uint64_t> values, double quantile) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(quantile * static_cast<double>(values.size())));
  return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

void ExpectClose(uint64_t value, uint64_t expected) {
  EXPECT_NEAR(static_cast<double>(value), static_cast<double>(expected),
              LatencySketch::kRelativeError * static_cast<double>(expected) + 0.5);
}

TEST(LatencySketchTest, QuantilesAgreeWithSortingWithinTheStatedError) {
  const std::vector<double> quantiles = {1.0, 0.999, 0.99, 0.95, 0.5, 0.1, 1e-9};
  std::mt19937_64 random(TestSeed());
  std::lognormal_distribution<double> usual(14, 3);
  std::uniform_int_distribution<uint64_t> even(0, 1000);
  for (int round = 0; round < 60; ++round) {
    const size_t count = 1 + random() % 3000;
    std::vector<uint64_t> values;
    std::vector<LatencySketch> sketches(1 + random() % 4);
    for (size_t i = 0; i < count; ++i) {
      const uint64_t value = round % 3 == 0   ? even(random)
                             : round % 3 == 1 ? static_cast<uint64_t>(usual(random))
                                              : random() >> (random() % 64);
      values.push_back(value);
      sketches[random() % sketches.size()].Add(value);
    }
    std::vector<const LatencySketch*> all;
    for (const LatencySketch& sketch : sketches) all.push_back(&sketch);
    const std::vector<uint64_t> read = Quantiles(all, quantiles);
    for (size_t i = 0; i < quantiles.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "round " << round << ", quantile " << quantiles[i]);
      ExpectClose(read[i], Naive(values, quantiles[i]));
    }
    EXPECT_EQ(read[0], *std::max_element(values.begin(), values.end())) << "exact";
  }
}

TEST(LatencySketchTest, EveryPowerOfTwoAndItsNeighboursAreFound) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t value :
         {(uint64_t{1} << bit) - 1, uint64_t{1} << bit, (uint64_t{1} << bit) + 1}) {
      LatencySketch sketch;
      sketch.Add(0);
      sketch.Add(value);
      sketch.Add(~uint64_t{0});
      const LatencySketch* const one[] = {&sketch};
      const double half[] = {0.5};
      ExpectClose(Quantiles(one, half)[0], value);
    }
  }
}

TEST(LatencySketchTest, NothingCountedIsZero) {
  const LatencySketch sketch;
  const LatencySketch* const one[] = {&sketch};
  const double quantiles[] = {1.0, 0.5};
  EXPECT_EQ(Quantiles(one, quantiles), (std::vector<uint64_t>{0, 0}));
  EXPECT_EQ(Quantiles({}, quantiles), (std::vector<uint64_t>{0, 0}));
}

uint64_t CountAt(const LatencyWindow& window, WallTime now) {
  std::vector<const LatencySketch*> sketches;
  window.Collect(now, &sketches);
  uint64_t count = 0;
  for (const LatencySketch* const sketch : sketches) count += sketch->count();
  return count;
}

TEST(LatencyWindowTest, CoversAtLeastHalfAWindowAndNeverMoreThanOne) {
  // Naively: keep everything with its time.
  std::mt19937_64 random(TestSeed());
  LatencyWindow window(kWindow, At(seconds(0)));
  std::vector<WallTime> samples;
  WallTime now = At(seconds(0));
  const auto since = [&](Duration age) {
    return static_cast<uint64_t>(
        std::count_if(samples.begin(), samples.end(), [&](WallTime t) { return now - t < age; }));
  };
  for (int i = 0; i < 20000; ++i) {
    // Mostly a second apart, sometimes longer than the window.
    now += milliseconds(random() % 2000);
    if (random() % 1000 == 0) now += seconds(random() % 1500);
    if (random() % 4 != 0) {
      window.Add(milliseconds(3), now);
      samples.push_back(now);
    }
    const uint64_t count = CountAt(window, now);
    ASSERT_GE(count, since(kWindow / 2)) << i;
    ASSERT_LE(count, since(kWindow + nanoseconds(1))) << i;
    // Looking changes nothing.
    ASSERT_EQ(CountAt(window, now), count);
  }
}

TEST(LatencyWindowTest, AClockThatJumpsNeitherHangsNorKeepsOldSamples) {
  LatencyWindow window(kWindow, WallTime());
  window.Add(milliseconds(1), At(seconds(1'700'000'000)));
  EXPECT_EQ(CountAt(window, At(seconds(1'700'000'000))), 1u);
  window.Add(milliseconds(1), At(seconds(1'600'000'000)));
  EXPECT_EQ(CountAt(window, At(seconds(1'600'000'000))), 2u);
  EXPECT_EQ(CountAt(window, At(seconds(1'800'000'000))), 0u);
}

TEST(LatencyWindowTest, AMessageFromTheFutureTookNoTime) {
  LatencyWindow window(kWindow, WallTime());
  window.Add(seconds(-3), At(seconds(1)));
  std::vector<const LatencySketch*> sketches;
  window.Collect(At(seconds(1)), &sketches);
  const double all[] = {1.0};
  EXPECT_EQ(Quantiles(sketches, all)[0], 0u);
}

}  // namespace
}  // namespace nsq::nsqd
