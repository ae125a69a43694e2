#include "common/metrics/histogram.h"

#include <numeric>

namespace nsq::metrics {

const std::array<Duration, Histogram::kBounds>& Histogram::Bounds() {
  static constexpr std::array<Duration, kBounds> kBoundsAsDurations = [] {
    std::array<Duration, kBounds> bounds{};
    for (size_t i = 0; i < kBounds; ++i) bounds[i] = Duration(kNanos[i]);
    return bounds;
  }();
  return kBoundsAsDurations;
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  sum_nanos_ += other.sum_nanos_;
}

uint64_t Histogram::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
}

}  // namespace nsq::metrics
