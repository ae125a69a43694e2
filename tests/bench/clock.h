#pragma once

#include <cstdint>
#include <ctime>

namespace nsq::bench {

// Nanoseconds of the monotonic clock: what schedules, stamps and latencies are made of.
inline int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace nsq::bench
