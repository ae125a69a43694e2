#pragma once

#include "tests/bench/options.h"

namespace nsq::bench {

// Runs the standard workloads against one or two nsqd, A B, B A, A B ..., each time in a fresh
// process with a fresh data path, and prints the medians as a table. False if any run failed or
// lost something.
bool Compare(const CompareOptions& options);

}  // namespace nsq::bench
