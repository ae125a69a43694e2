#include "tests/bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace nsq::bench {
namespace {

TEST(HistogramTest, PercentilesAreAtMostOneBucketAboveTheSortedValues) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> durations(12, 3);
  Histogram histogram;
  std::vector<uint64_t> sorted;
  for (int i = 0; i < 10'000; ++i) {
    sorted.push_back(static_cast<uint64_t>(durations(random)));
    histogram.Add(static_cast<int64_t>(sorted.back()));
  }
  std::sort(sorted.begin(), sorted.end());
  for (const size_t rank : {1u, 5'000u, 9'000u, 9'900u, 9'990u, 10'000u}) {
    const uint64_t got = histogram.Percentile(static_cast<double>(rank) / 10'000);
    EXPECT_GE(got, sorted[rank - 1]);
    EXPECT_LE(static_cast<double>(got), static_cast<double>(sorted[rank - 1]) * 1.016 + 1);
  }
  EXPECT_EQ(histogram.max_ns(), sorted.back());
}

TEST(HistogramTest, TakesEveryValueThereIs) {
  Histogram histogram;
  histogram.Add(-5);  // clocks of a damaged stamp
  histogram.Add(0);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.Percentile(0.5), 0u);
  EXPECT_EQ(histogram.Percentile(1), static_cast<uint64_t>(INT64_MAX));
}

TEST(HistogramTest, MergedIsAsIfAddedTogether) {
  Histogram one;
  Histogram other;
  Histogram both;
  for (int i = 0; i < 1000; ++i) {
    (i % 3 == 0 ? one : other).Add(i * i);
    both.Add(i * i);
  }
  one.Merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.max_ns(), both.max_ns());
  EXPECT_EQ(one.Percentile(0.9), both.Percentile(0.9));
}

}  // namespace
}  // namespace nsq::bench
