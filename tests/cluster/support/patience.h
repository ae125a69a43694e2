#pragma once

#include <chrono>
#include <thread>

#include "common/time.h"

namespace nsq::cluster {

// How long anything may take before a test gives up; nothing waits so long unless it failed.
inline constexpr Duration kPatience = seconds(30);

// Asks again and again until `condition` holds; false if it does not in time.
template <typename Condition>
[[nodiscard]] bool Eventually(Condition condition) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

}  // namespace nsq::cluster
