#include "common/metrics/histogram.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace nsq::metrics {
namespace {

// A bound belongs to the bucket it ends, as Prometheus' `le` says.
TEST(HistogramTest, EachBoundIsTheLastOfItsBucket) {
  const auto& bounds = Histogram::Bounds();
  for (size_t i = 0; i < bounds.size(); ++i) {
    Histogram histogram;
    histogram.Add(bounds[i]);
    EXPECT_EQ(histogram.bucket(i), 1u) << i;
    histogram.Add(bounds[i] + nanoseconds(1));
    EXPECT_EQ(histogram.bucket(i + 1), 1u) << i;
  }
}

TEST(HistogramTest, BoundsRise) {
  const auto& bounds = Histogram::Bounds();
  for (size_t i = 1; i < bounds.size(); ++i) EXPECT_LT(bounds[i - 1], bounds[i]);
}

TEST(HistogramTest, AgreesWithALinearSearch) {
  std::mt19937_64 random(7);
  for (int n = 0; n < 100000; ++n) {
    const Duration value(static_cast<int64_t>(random() >> (1 + random() % 63)));
    Histogram histogram;
    histogram.Add(value);
    size_t expected = 0;
    while (expected < Histogram::kBounds && value > Histogram::Bounds()[expected]) ++expected;
    ASSERT_EQ(histogram.bucket(expected), 1u) << value.count();
  }
}

TEST(HistogramTest, AClockSetBackCountsAsNothing) {
  Histogram histogram;
  histogram.Add(seconds(-5));
  EXPECT_EQ(histogram.bucket(0), 1u);
  EXPECT_EQ(histogram.sum_seconds(), 0);
}

TEST(HistogramTest, MergingAddsUp) {
  Histogram all;
  Histogram a;
  Histogram b;
  for (int i = 0; i < 1000; ++i) {
    const Duration value = microseconds(i * i);
    all.Add(value, 2);
    (i % 3 == 0 ? a : b).Add(value, 2);
  }
  a.Merge(b);
  EXPECT_EQ(a.count(), 2000u);
  for (size_t i = 0; i < Histogram::kBuckets; ++i) EXPECT_EQ(a.bucket(i), all.bucket(i));
  EXPECT_NEAR(a.sum_seconds(), all.sum_seconds(), 1e-9);
}

}  // namespace
}  // namespace nsq::metrics
