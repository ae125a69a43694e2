#pragma once

#include "nsqd/http/backend.h"

namespace nsq::nsqd {

// The "memory" part of /stats and of what statsd is sent: what the allocator says now, and how many
// things `stats` has in memory. Any thread; some 20 us.
MemoryStats ReadMemory(const DaemonStats& stats);

}  // namespace nsq::nsqd
