#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/cluster_view.h"

// The state of a cluster at one moment with what two moments say together: rates and trends.
namespace nsq::admin {

// Messages a second since the sample before; none while there is nothing to compare with.
struct Flow {
  std::optional<double> in;
  std::optional<double> out;  // left the channel for good: finished, or emptied
  std::optional<double> requeued;
  std::optional<double> timed_out;
};

// A topic or channel, on one node or added up. Of a topic only depths, message_count, paused and
// flow.in are set, and clients and the counts of its channels are not added to it.
struct Load {
  std::string node;  // empty on what was added up
  int64_t depth = 0;
  int64_t backend_depth = 0;
  int64_t in_flight = 0;
  int64_t deferred = 0;
  int64_t requeued = 0;
  int64_t timed_out = 0;
  int64_t messages = 0;
  int64_t clients = 0;
  int64_t paused_nodes = 0;  // 0 or 1 on a single node
  Flow flow;
};

struct ChannelReport {
  std::string name;
  Load total;
  std::vector<Load> nodes;
  Latency latency;    // over nodes
  double growth = 0;  // of the depth, messages a second over the last half minute; 0: not growing
};

struct TopicReport {
  std::string name;
  Load total;
  std::vector<Load> nodes;
  std::vector<ChannelReport> channels;  // by name
  double growth = 0;
  std::string durability = {};         // of our nsqd; "mixed": its nodes do not agree
  bool known_to_lookupd_only = false;  // no node that answers has it
};

struct NodeReport {
  NodeState state;  // its topics are moved into the reports above
  Load total;       // over its channels; depth and flow.in over its topics too
  int64_t topics = 0;
  int64_t channels = 0;
  bool gone = false;  // was there a while ago; no nsqlookupd lists it any more
};

struct Problem {
  enum class Severity { kError, kWarning, kNotice };
  Severity severity = Severity::kNotice;
  std::string kind;  // a short word for programs: "node_down"
  std::string text;  // for people
  std::string topic = {};
  std::string channel = {};
  std::string node = {};
  int64_t messages = 0;  // how many are concerned
};

struct ClusterReport {
  int64_t unix_ms = 0;
  int64_t took_ms = 0;
  bool by_lookupd = false;
  std::vector<LookupdState> lookupds;
  std::vector<NodeReport> nodes;
  std::vector<TopicReport> topics;  // by name
  Load total;
  std::vector<Problem> problems;  // worst first
};

}  // namespace nsq::admin
