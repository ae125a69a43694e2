#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace nsq::bench {

// Counts durations in buckets whose width grows with the value: 64 to each power of two, so that a
// percentile is at most 1.6 % above the value it stands for, in fixed memory.
//
// Home: any thread; a value.
class Histogram {
 public:
  void Add(int64_t value_ns) {
    const uint64_t value = value_ns > 0 ? static_cast<uint64_t>(value_ns) : 0;
    ++counts_[Bucket(value)];
    ++count_;
    if (value > max_) max_ = value;
  }

  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  uint64_t max_ns() const { return max_; }

  // The upper end of the bucket that holds the value at `quantile` (0..1), never above max_ns();
  // 0 when nothing was added.
  uint64_t Percentile(double quantile) const;

 private:
  static constexpr size_t kSubBits = 6;
  static constexpr uint64_t kSubBuckets = 1u << kSubBits;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) * kSubBuckets;

  // Values below 64 have a bucket each; above, the top 7 bits choose the bucket.
  static size_t Bucket(uint64_t value) {
    if (value < kSubBuckets) return value;
    const size_t shift = static_cast<size_t>(std::bit_width(value)) - 1 - kSubBits;
    return (shift + 1) * kSubBuckets + ((value >> shift) - kSubBuckets);
  }
  static uint64_t UpperEnd(size_t bucket);

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace nsq::bench
