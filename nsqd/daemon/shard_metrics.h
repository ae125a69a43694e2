#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "nsqd/daemon/shard.h"
#include "nsqd/http/metrics_page.h"

namespace nsq::nsqd {

// The parts of one /metrics, as they come from the loops.
struct Shard::MetricsGather {
  size_t left = 0;
  std::vector<MetricsPart> parts;  // by shard
  std::function<void(std::vector<MetricsPart>)> done;
};

}  // namespace nsq::nsqd
