#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time.h"

// Plain figures, copied on the home of what they describe and carried to whoever asked. Names and
// meanings are those of GET /stats (spec, nsqd-http 6).

namespace nsq::nsqd {

struct ClientStats {
  std::string client_id;
  std::string hostname;
  std::string remote_address;
  std::string user_agent;
  int state = 0;  // 0 init, 3 subscribed, 4 closing
  int64_t ready_count = 0;
  int64_t in_flight_count = 0;
  uint64_t message_count = 0;
  uint64_t finish_count = 0;
  uint64_t requeue_count = 0;
  WallTime connected_at;
  int32_t sample_rate = 0;
  bool deflate = false;
  bool snappy = false;
  bool tls = false;
  std::string tls_cipher_suite;  // } of TLS
  std::string tls_version;       // }
  bool authed = false;           // it holds authorizations
  std::string auth_identity;
  std::string auth_identity_url;
  std::string topology_zone;
  std::string topology_region;
  std::vector<std::pair<std::string, uint64_t>> pub_counts;  // by topic; empty: never published
};

// Time from publish to FIN in the latest window. Nothing is asked for, nothing there: empty.
struct LatencyStats {
  struct Percentile {
    double quantile;
    uint64_t nanos;
  };
  uint64_t count = 0;
  std::vector<Percentile> percentiles;  // in the order of the options
};

struct ChannelStats {
  std::string name;
  uint64_t depth = 0;          // neither in flight nor deferred
  uint64_t backend_depth = 0;  // the part of it that is not in memory
  uint64_t in_flight_count = 0;
  uint64_t deferred_count = 0;
  uint64_t message_count = 0;  // put in by the topic since start
  uint64_t delivered_count = 0;
  uint64_t zone_local_count = 0;    // } of those delivered, to consumers in this zone, or else in
  uint64_t region_local_count = 0;  // } this region; the others are "global"
  uint64_t requeue_count = 0;
  uint64_t timeout_count = 0;
  uint64_t finish_count = 0;
  uint64_t client_count = 0;
  bool paused = false;
  WallTime oldest;  // when the oldest of those that wait was published; zero: none waits
  LatencyStats e2e;
  std::optional<std::vector<ClientStats>> clients;  // nothing: not asked for
};

struct TopicStats {
  std::string name;
  uint64_t depth = 0;  // not yet given to channels
  uint64_t backend_depth = 0;
  uint64_t message_count = 0;
  uint64_t message_bytes = 0;
  uint64_t disk_bytes = 0;
  uint64_t damaged_records = 0;
  uint64_t memory_messages = 0;  // of its log, whoever has had them
  bool paused = false;
  WallTime oldest;                     // of `depth`; zero: there is none
  LatencyStats e2e;                    // of all channels together
  std::string_view durability;         // as --durability has it
  bool own_durability = false;         // set for the topic, not the daemon's
  std::vector<ChannelStats> channels;  // by name
};

// What a caller of /stats asked for.
struct StatsFilter {
  std::string topic;    // empty: all
  std::string channel;  // empty: all
  bool include_clients = true;
};

}  // namespace nsq::nsqd
