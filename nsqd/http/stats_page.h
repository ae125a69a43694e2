#pragma once

#include <optional>
#include <string>

#include "common/time.h"
#include "nsqd/http/backend.h"

namespace nsq::nsqd {

// Everything that one answer to GET /stats is made of.
struct StatsPage {
  std::string health;
  WallTime start_time;
  WallTime now;  // what uptime and `connected` are counted to
  StatsFilter filter;
  std::optional<MemoryStats> memory;  // nothing: not asked for
  DaemonStats stats;
  bool unknown_topic = false;  // the filter names a topic that is not there; `stats` is void
};

}  // namespace nsq::nsqd
