#pragma once

#include <chrono>
#include <cstdint>

namespace nsq {

// Time-outs, deadlines and everything that must not jump.
using SteadyTime = std::chrono::steady_clock::time_point;
// What survives a restart or is shown to people.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

WallTime WallNow();

inline int64_t UnixNanos(WallTime t) { return t.time_since_epoch().count(); }
inline int64_t UnixSeconds(WallTime t) {
  return std::chrono::duration_cast<seconds>(t.time_since_epoch()).count();
}
inline WallTime WallFromUnixNanos(int64_t nanos) { return WallTime(nanoseconds(nanos)); }

}  // namespace nsq
