#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "clients/apps/timer_metrics.h"
#include "clients/nsq/internal/host_pool.h"
#include "common/time.h"

namespace nsq::apps {

enum class Mode { kHostPool, kRoundRobin, kEpsilonGreedy, kAll };

// "hostpool", "round-robin", "epsilon-greedy", "all".
std::optional<Mode> ParseMode(std::string_view text);

// Which of several addresses is next, and how long they take: a line for each of them and for all
// together.
//
// Home: any thread.
class Destinations {
 public:
  Destinations(std::vector<std::string> addresses, Mode mode, size_t status_every);

  size_t size() const { return addresses_.size(); }
  const std::string& address(size_t index) const { return addresses_[index]; }

  size_t Choose();
  // How a use of Choose's answer has ended.
  void Report(size_t index, bool success, Duration took);
  // For the metrics alone.
  void Time(size_t index, Duration took);

 private:
  const std::vector<std::string> addresses_;
  const Mode mode_;
  std::mutex mutex_;
  client::HostPool pool_;
  size_t next_ = 1;  // as the original: the second is the first in turn
  TimerMetrics all_;
  std::vector<TimerMetrics> each_;
};

}  // namespace nsq::apps
