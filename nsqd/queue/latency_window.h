#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/time.h"

namespace nsq::nsqd {

// How long messages took, for reading quantiles: counts in log-linear buckets, 64 to each doubling.
// The rank of what is read back is exact, its value off by at most kRelativeError; the smallest and
// the greatest are exact.
//
//   nanoseconds  0..63   one bucket each                       page 0
//                64..    the top 7 bits choose the bucket      a page of 64 for each doubling
//
// Home: its owner's; a value that cannot be copied.
// Cost: Add is a shift, an index and an increment. A page (256 bytes) is made when the first value
// of its doubling comes: usual latencies live in ten of them.
class LatencySketch {
 public:
  static constexpr double kRelativeError = 1.0 / 128;

  void Add(uint64_t nanos);
  void Clear();

  uint64_t count() const { return count_; }

 private:
  friend std::vector<uint64_t> Quantiles(std::span<const LatencySketch* const> sketches,
                                         std::span<const double> quantiles);

  static constexpr size_t kSlotBits = 6;
  static constexpr size_t kSlots = size_t{1} << kSlotBits;
  static constexpr size_t kPages = 64 - kSlotBits + 1;
  using Page = std::array<uint32_t, kSlots>;  // a count that is full stays so

  static uint64_t Middle(size_t page, size_t slot);

  std::array<std::unique_ptr<Page>, kPages> pages_;
  uint64_t count_ = 0;
  uint64_t least_ = ~uint64_t{0};
  uint64_t most_ = 0;
};

// The value that a part of `quantiles`[i], 0 < q <= 1, of all that the sketches counted does not
// exceed; 0 if they counted nothing.
std::vector<uint64_t> Quantiles(std::span<const LatencySketch* const> sketches,
                                std::span<const double> quantiles);

// Latencies of the last `window`: two sketches that take turns, each for half of it, so that what
// is read covers between half a window and a whole one, as the original's (spec, nsqd-http 8.1).
//
// Home: its channel's.
class LatencyWindow {
 public:
  LatencyWindow(Duration window, WallTime now) : half_(window / 2), moved_at_(now) {}

  void Add(Duration latency, WallTime now) {
    if (now - moved_at_ > half_) Move(now);
    sketches_[current_].Add(static_cast<uint64_t>(latency.count() < 0 ? 0 : latency.count()));
  }

  // Adds what still counts at `now` to `sketches`.
  void Collect(WallTime now, std::vector<const LatencySketch*>* sketches) const;

 private:
  void Move(WallTime now);

  const Duration half_;
  WallTime moved_at_;
  size_t current_ = 0;
  std::array<LatencySketch, 2> sketches_;
};

}  // namespace nsq::nsqd
