#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/stats.h"
#include "common/status.h"

// Answers of nsqd and nsqlookupd, read. Missing and unknown keys are fine, as in NSQ; text that is
// no JSON, or a value of the wrong type, is kCorrupt with a sentence that names the key.
namespace nsq::admin {

// nsqd, GET /stats?format=json. `node` and `hostname` are copied into every object; `now_seconds`
// (Unix) dates the clients' connections.
struct StatsOrigin {
  std::string node;
  std::string hostname;
  std::string topology_zone;
  std::string topology_region;
  int64_t now_seconds = 0;
};
Result<NodeStats> DecodeStats(std::string_view json, const StatsOrigin& origin);

// nsqd, GET /info.
Result<NodeInfo> DecodeInfo(std::string_view json);

// nsqlookupd, GET /topics and /channels: the list under `key`.
Result<std::vector<std::string>> DecodeNames(std::string_view json, std::string_view key);

// nsqlookupd, GET /nodes and /lookup. A node's topics are those of /nodes, sorted by name; a list
// of tombstones shorter than that of topics counts the rest as not tombstoned.
Result<std::vector<Node>> DecodeProducers(std::string_view json);

}  // namespace nsq::admin
