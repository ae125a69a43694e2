#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nsqd/http/backend.h"

namespace nsq::nsqd {

struct StatsdFormat {
  std::string prefix;  // "nsq.host_4151.", with its dot
  size_t packet_bytes = 508;
  bool exclude_ephemeral = false;
};

// What a statsd daemon is sent, to the byte (spec, nsqd-http 12): counters as what has come since
// the last report, gauges as they are.
//
// Home: its owner's. Pure: knows no socket and no clock.
class StatsdReport {
 public:
  explicit StatsdReport(StatsdFormat format) : format_(std::move(format)) {}

  // The lines for `stats`, whose topics are sorted by name, in datagrams of up to packet_bytes; a
  // longer line is one of its own. `memory`: nothing if not wanted. Counters are remembered for the
  // next time; one that has fallen begins anew: its topic was deleted and made again.
  std::vector<std::string> Next(const DaemonStats& stats, const std::optional<MemoryStats>& memory);

 private:
  struct ChannelCounters {
    uint64_t messages = 0;
    uint64_t requeues = 0;
    uint64_t timeouts = 0;
  };
  struct TopicCounters {
    uint64_t messages = 0;
    uint64_t bytes = 0;
    std::map<std::string, ChannelCounters> channels;
  };

  const StatsdFormat format_;
  std::map<std::string, TopicCounters> last_;
};

}  // namespace nsq::nsqd
