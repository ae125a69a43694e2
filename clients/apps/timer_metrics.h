#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/time.h"

namespace nsq::apps {

// How long the last N of something took: a line each time N more are known.
//
// Home: its owner's.
class TimerMetrics {
 public:
  // `every`: N; 0 is off. `prefix` begins the line: "[aggregate]:".
  TimerMetrics(size_t every, std::string prefix) : every_(every), prefix_(std::move(prefix)) {}

  // The line, when it is time for one; else "".
  std::string Add(Duration took);

 private:
  const size_t every_;
  const std::string prefix_;
  std::vector<Duration> ring_;
  size_t next_ = 0;
};

}  // namespace nsq::apps
