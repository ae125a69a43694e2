#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/status.h"

namespace nsq::bench {

// What /stats says about the topics of a run, added up.
struct QueueTotals {
  uint64_t topic_messages = 0;  // accepted by the topics
  uint64_t topic_depth = 0;     // not yet handed to the channels
  uint64_t channel_depth = 0;   // over all channels, as the rest
  uint64_t in_flight = 0;
  uint64_t deferred = 0;
  uint64_t requeued = 0;
  uint64_t timed_out = 0;
};

Result<QueueTotals> FetchTotals(const Address& http, const std::vector<std::string>& topics);

// The TCP port in /info.
Result<uint16_t> FetchTcpPort(const Address& http);

}  // namespace nsq::bench
