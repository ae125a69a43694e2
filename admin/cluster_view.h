#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "admin/stats.h"
#include "admin/thread_pool.h"
#include "common/status.h"

namespace nsq::admin {

class Fetcher;

// An answer put together from several daemons, some of which may have failed: one sentence for each
// step with failures, its errors on lines of their own.
template <typename T>
struct Answer {
  T value;
  std::vector<std::string> warnings;
};

// What the overview needs, as the daemons said it; nothing is left out because one of them failed.
struct LookupdState {
  std::string address;
  Status status;
  std::vector<Node> nodes;
  std::vector<std::string> topics;
};
struct NodeState {
  Node node;
  std::string address;                // what the node is known by: broadcast_address:http_port
  std::vector<std::string> lookupds;  // those that list it
  Status status;
  NodeStats stats;
};
struct ClusterSample {
  int64_t unix_ms = 0;  // when the last answer came
  int64_t took_ms = 0;
  bool by_lookupd = false;
  std::vector<LookupdState> lookupds;
  std::vector<NodeState> nodes;
};

// Asks the daemons of a cluster and adds up their answers. Nothing is kept between calls.
//
// A step that asks N daemons fails (kUnavailable, "failed to query any nsqd: ...") when all of them
// fail, or when there is none to ask; else its failures are warnings.
//
// Home: any thread; many calls at once. Each blocks until its daemons have answered or the
// Fetcher's time is over.
class ClusterView {
 public:
  struct Addresses {
    std::vector<std::string> lookupds;  // either these: nodes are found by lookup
    std::vector<std::string> nsqds;     // or these: exactly these nodes
  };

  // `fetcher` outlives the view.
  ClusterView(Fetcher* fetcher, Addresses addresses);

  // As they are now.
  Addresses addresses() const;

  // From the next question on; a question under way keeps those it began with.
  void SetLookupds(std::vector<std::string> lookupds);

  Result<Answer<std::vector<std::string>>> Topics();

  // Who has let a call of one change time out. Steps that are given it leave those out and add
  // their own: however many steps there are, a daemon that hangs costs its time limit once.
  using Silent = std::set<std::string>;

  // The nodes that have a topic: those lookups name, or of the configured ones those that say so.
  // kNotFound "TOPIC_NOT_FOUND" when every daemon asked says that it does not know the topic.
  Result<Answer<std::vector<Node>>> ProducersOf(const std::string& topic, Silent* silent = nullptr);

  // Topics that no live nsqd produces, with their channels. Empty without lookupds. A lookupd that
  // fails is asked nothing more: however many topics there are, it costs its time limit once.
  Result<Answer<std::map<std::string, std::vector<std::string>>>> InactiveTopics();

  // kNotFound "TOPIC_NOT_FOUND" when every daemon asked says so. A topic that lookupds know but no
  // node has any more comes with an empty `node`.
  Result<Answer<TopicStats>> Topic(const std::string& topic);

  // The same; kNotFound "CHANNEL_NOT_FOUND" when no node has it.
  Result<Answer<ChannelStats>> Channel(const std::string& topic, const std::string& channel);

  Result<Answer<std::vector<Node>>> Nodes(Silent* silent = nullptr);

  // kNotFound "NODE_NOT_FOUND" unless discovery lists a node with this HTTP address.
  struct OneNode {
    std::string address;
    NodeStats stats;
  };
  Result<Answer<OneNode>> NodeByAddress(const std::string& address);

  // Every channel on every node, in the order "topic:channel:node".
  struct Counter {
    std::string node;
    std::string topic;
    std::string channel;
    int64_t message_count;
  };
  Result<Answer<std::map<std::string, Counter>>> Counters();

  // Asks everybody, clients left out; a daemon that fails is reported in its place.
  ClusterSample Sample();

  // POSTs to each address that is not silent, side by side; the errors in the order of the
  // addresses.
  std::vector<std::string> Tell(const std::vector<std::string>& all_addresses,
                                const std::string& path_and_query, Silent* silent);

 private:
  struct StatsQuery {
    std::string topic = {};    // empty: all
    std::string channel = {};  // empty: all
    bool include_clients = true;
  };

  using Strings = std::vector<std::string>;
  Result<Answer<std::vector<Node>>> ProducersByLookup(const Strings& lookupds,
                                                      const std::string& topic, Silent* silent);
  Result<Answer<std::vector<Node>>> ProducersAmongNsqds(const Strings& nsqds,
                                                        const std::string& topic);
  Result<Answer<std::vector<Node>>> AllNodesDirectly(const Strings& nsqds);
  std::vector<LookupdState> AskLookupds(const Strings& lookupds);

  Result<NodeStats> AskStats(const std::string& address, const StatsQuery& query, const Node& node);
  Result<Answer<std::vector<NodeStats>>> AskStatsOfAll(const std::vector<Node>& nodes,
                                                       const StatsQuery& query);
  Result<Node> AskInfo(const std::string& address);

  Fetcher* const fetcher_;
  mutable std::mutex mutex_;
  Addresses addresses_;  // under mutex_
  ThreadPool threads_;
};

}  // namespace nsq::admin
