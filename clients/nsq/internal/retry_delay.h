#pragma once

#include <algorithm>
#include <random>

#include "common/time.h"

namespace nsq::client {

// Exponential delays with full jitter between attempts to connect: at least `least`, so that nobody
// is hammered, and at most `most`.
//
// Home: its owner's.
class RetryDelay {
 public:
  RetryDelay(Duration least, Duration most)
      : least_(least), most_(most), random_(std::random_device{}()) {}

  Duration Next() {
    const Duration ceiling = std::min(most_, least_ * (int64_t{1} << std::min(failures_, 30)));
    ++failures_;
    std::uniform_int_distribution<int64_t> draw(0, ceiling.count());
    return std::max(least_, Duration(draw(random_)));
  }
  void Reset() { failures_ = 0; }

 private:
  const Duration least_;
  const Duration most_;
  int failures_ = 0;
  std::minstd_rand random_;
};

}  // namespace nsq::client
