#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nsq::bench {

// Knows, for each channel, which of the published messages arrived.
//
// Home: the thread that made it.
class DeliveryCheck {
 public:
  // Without stamps in the bodies messages can only be counted: a duplicate hides a loss.
  DeliveryCheck(int channels, bool stamped)
      : stamped_(stamped), seen_(static_cast<size_t>(channels)) {}

  void Arrived(int channel, uint64_t sequence) {
    if (!stamped_) {
      ++delivered_;
      return;
    }
    if (sequence >= kMaxSequence) {
      ++damaged_;
      return;
    }
    std::vector<uint64_t>& words = seen_[static_cast<size_t>(channel)];
    const size_t word = sequence / 64;
    if (word >= words.size()) words.resize(std::max(word + 1, words.size() * 2));
    const uint64_t bit = uint64_t{1} << (sequence % 64);
    (words[word] & bit) != 0 ? ++duplicates_ : ++delivered_;
    words[word] |= bit;
  }

  bool stamped() const { return stamped_; }
  uint64_t delivered() const { return delivered_; }    // over all channels, duplicates not counted
  uint64_t duplicates() const { return duplicates_; }  // second and later deliveries
  uint64_t damaged() const { return damaged_; }        // bodies with a stamp that was never made

 private:
  static constexpr uint64_t kMaxSequence = uint64_t{1} << 33;  // a gigabyte of bits

  const bool stamped_;
  std::vector<std::vector<uint64_t>> seen_;  // by channel, a bit for each sequence
  uint64_t delivered_ = 0;
  uint64_t duplicates_ = 0;
  uint64_t damaged_ = 0;
};

}  // namespace nsq::bench
