#include "nsqd/queue/latency_window.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace nsq::nsqd {

void LatencySketch::Add(uint64_t nanos) {
  size_t page = 0;
  size_t slot = static_cast<size_t>(nanos);
  if (nanos >= kSlots) {
    page = static_cast<size_t>(std::bit_width(nanos)) - kSlotBits;
    slot = static_cast<size_t>(nanos >> (page - 1)) & (kSlots - 1);
  }
  if (pages_[page] == nullptr) pages_[page] = std::make_unique<Page>();
  uint32_t& count = (*pages_[page])[slot];
  if (count != std::numeric_limits<uint32_t>::max()) ++count;
  ++count_;
  least_ = std::min(least_, nanos);
  most_ = std::max(most_, nanos);
}

void LatencySketch::Clear() { *this = LatencySketch(); }

uint64_t LatencySketch::Middle(size_t page, size_t slot) {
  if (page == 0) return slot;
  const uint64_t width = uint64_t{1} << (page - 1);
  return (kSlots + slot) * width + width / 2;
}

std::vector<uint64_t> Quantiles(std::span<const LatencySketch* const> sketches,
                                std::span<const double> quantiles) {
  std::vector<uint64_t> values(quantiles.size(), 0);
  uint64_t count = 0;
  uint64_t least = ~uint64_t{0};
  uint64_t most = 0;
  for (const LatencySketch* const sketch : sketches) {
    count += sketch->count_;
    least = std::min(least, sketch->least_);
    most = std::max(most, sketch->most_);
  }
  if (count == 0) return values;

  std::vector<uint64_t> ranks;  // 1 is the smallest
  size_t left = quantiles.size();
  for (const double quantile : quantiles) {
    const double rank = std::ceil(quantile * static_cast<double>(count));
    ranks.push_back(std::clamp<uint64_t>(static_cast<uint64_t>(rank), 1, count));
  }
  // Those whose bucket is never reached, because a count was full, are the greatest.
  std::fill(values.begin(), values.end(), most);
  std::vector<bool> found(quantiles.size(), false);
  uint64_t below = 0;
  for (size_t page = 0; page < LatencySketch::kPages && left > 0; ++page) {
    std::array<uint64_t, LatencySketch::kSlots> counts{};
    bool any = false;
    for (const LatencySketch* const sketch : sketches) {
      if (sketch->pages_[page] == nullptr) continue;
      any = true;
      for (size_t slot = 0; slot < counts.size(); ++slot) {
        counts[slot] += (*sketch->pages_[page])[slot];
      }
    }
    for (size_t slot = 0; any && slot < counts.size(); ++slot) {
      if (counts[slot] == 0) continue;
      below += counts[slot];
      for (size_t i = 0; i < ranks.size(); ++i) {
        if (found[i] || ranks[i] > below) continue;
        found[i] = true;
        --left;
        values[i] =
            ranks[i] == count ? most : std::clamp(LatencySketch::Middle(page, slot), least, most);
      }
    }
  }
  return values;
}

void LatencyWindow::Move(WallTime now) {
  const auto halves = half_ > Duration::zero() ? (now - moved_at_) / half_ : 2;
  current_ = 1 - current_;
  sketches_[current_].Clear();
  if (halves >= 2) sketches_[1 - current_].Clear();
  moved_at_ = half_ > Duration::zero() ? moved_at_ + halves * half_ : now;
}

void LatencyWindow::Collect(WallTime now, std::vector<const LatencySketch*>* sketches) const {
  const bool moves = now - moved_at_ > half_;  // it would, if anything were added now
  const bool moves_again = now - moved_at_ > 2 * half_;
  if (!moves_again) sketches->push_back(&sketches_[current_]);
  if (!moves) sketches->push_back(&sketches_[1 - current_]);
}

}  // namespace nsq::nsqd
