#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "common/metrics/exposition.h"
#include "common/metrics/histogram.h"

namespace nsq::admin {

// Counts calls by their outcome, and how long they took.
//
// Home: any thread.
class CallStats {
 public:
  // `outcome` is one of a few words: "2xx", "timeout".
  void Add(std::string_view outcome, Duration took) {
    const std::lock_guard lock(mutex_);
    ++counts_[std::string(outcome)];
    times_.Add(took);
  }

  // Adds the families <name>_total, by `label`, and <name>_duration_seconds.
  void AppendTo(std::string_view name, std::string_view label, std::string_view what,
                metrics::Page* page) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> counts_;
  metrics::Histogram times_;
};

}  // namespace nsq::admin
