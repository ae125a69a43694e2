#pragma once

#include <string>

#include "common/status.h"

namespace nsq::bench {

// Measures what no nsqd can do without on this machine and prints it: copying, writing to the page
// cache, loopback TCP, waking each other up. Files are made in `dir` and removed.
Status PrintLimits(const std::string& dir);

}  // namespace nsq::bench
