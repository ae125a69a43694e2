#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "common/time.h"

namespace nsq::metrics {

// How long things took: counts in fixed buckets from 5 us to an hour, three to a decade, as
// /metrics shows them. All histograms have the same bounds, so that any two can be merged.
//
// Home: its owner's; one for each loop, merged by whoever asks. A value of 216 bytes.
// Cost: Add is a table and on average one comparison: 2 to 8 ns, as the processor guesses.
class Histogram {
 public:
  static constexpr size_t kBounds = 24;
  static constexpr size_t kBuckets = kBounds + 1;  // the last one is +Inf

  // The upper end, inclusive, of each bucket but the last.
  static const std::array<Duration, kBounds>& Bounds();

  // Counts `times` things that took so long each. Negative, from a clock that was set back, is 0.
  void Add(Duration value, uint64_t times = 1) {
    const auto nanos = static_cast<uint64_t>(value.count() < 0 ? 0 : value.count());
    counts_[BucketOf(nanos)] += times;
    sum_nanos_ += static_cast<double>(nanos) * static_cast<double>(times);
  }

  void Merge(const Histogram& other);

  uint64_t count() const;
  double sum_seconds() const { return sum_nanos_ / 1e9; }
  uint64_t bucket(size_t i) const { return counts_[i]; }  // of that bucket alone

 private:
  // The bounds in nanoseconds, closed by one that nothing exceeds.
  static constexpr std::array<uint64_t, kBuckets> kNanos = {
      5'000,          10'000,         25'000,          50'000,
      100'000,        250'000,        500'000,         1'000'000,
      2'500'000,      5'000'000,      10'000'000,      25'000'000,
      50'000'000,     100'000'000,    250'000'000,     500'000'000,
      1'000'000'000,  2'500'000'000,  5'000'000'000,   10'000'000'000,
      30'000'000'000, 60'000'000'000, 300'000'000'000, 3'600'000'000'000,
      ~uint64_t{0}};

  // By the number of bits of a value: the first bucket that may be its own.
  static constexpr std::array<uint8_t, 65> kFirst = [] {
    std::array<uint8_t, 65> first{};
    for (size_t bits = 1; bits < first.size(); ++bits) {
      const uint64_t least = uint64_t{1} << (bits - 1);
      while (kNanos[first[bits]] < least) ++first[bits];
    }
    return first;
  }();

  static size_t BucketOf(uint64_t nanos) {
    size_t bucket = kFirst[static_cast<size_t>(std::bit_width(nanos))];
    while (kNanos[bucket] < nanos) ++bucket;
    return bucket;
  }

  std::array<uint64_t, kBuckets> counts_{};
  double sum_nanos_ = 0;
};

}  // namespace nsq::metrics
