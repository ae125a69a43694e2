#pragma once

#include <cstdint>

#include "common/status.h"

namespace nsq::bench {

class Server;

// What something costs that only stands there.
struct Standing {
  double rss_kib_each = 0;       // resident memory, with it less without it
  double cpu_ms_per_second = 0;  // of the whole server
};

// `count` consumers of one channel to which nothing is published, RDY 1.
Result<Standing> StandIdleConsumers(const Server& server, int64_t count);
// `count` messages of 100 bytes published with DPUB, due in an hour, in one channel.
Result<Standing> StandDeferred(const Server& server, int64_t count);
// `count` topics with `channels` each, nothing published.
Result<Standing> StandIdleTopics(const Server& server, int64_t count, int64_t channels);

}  // namespace nsq::bench
