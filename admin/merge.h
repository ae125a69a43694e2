#pragma once

#include <string>
#include <vector>

#include "admin/stats.h"

// Adds up what several nodes said. Pure. Sums stop at the largest number instead of wrapping:
// the parts come from other people's programs.
namespace nsq::admin {

// Adds `part`, one node's share, to `total`: numbers summed, `paused` if one is, latencies merged;
// `part` itself joins `total->nodes`, its clients (channel) and channels (topic, merged by name, in
// the order first seen) join those of the total. Call FinishTopic or FinishChannel after the last.
void AddTopic(TopicStats part, TopicStats* total);
void AddChannel(ChannelStats part, ChannelStats* total);

// Puts nodes in order (by hostname; ties as they came) and clients too: by node, then those
// nearest to the node first (same zone, same region, others by region and zone).
void FinishTopic(TopicStats* total);
void FinishChannel(ChannelStats* total);

// Percentiles meet by quantile: count summed, average weighted by samples, true minimum and
// maximum.
void AddLatency(const Latency& part, Latency* total);

// Nodes as several lookupds see them, one list for each address: one entry for each
// broadcast_address:tcp_port, the first sighting wins, each sighting is noted in remote_addresses;
// sorted by hostname, `out_of_date` set on those with a version below the highest.
struct LookupdNodes {
  std::string lookupd_address;
  std::vector<Node> nodes;
};
std::vector<Node> MergeNodes(const std::vector<LookupdNodes>& answers);

// Producers of one topic as several lookupds see them: first sighting of each HTTP address.
std::vector<Node> MergeProducers(std::vector<std::vector<Node>> answers);

void SortByHostname(std::vector<Node>* nodes);

// Union, sorted.
std::vector<std::string> MergeNames(const std::vector<std::vector<std::string>>& lists);

// Whether semantic version `a` is lower than `b`; what is no version is 0.0.0.
bool VersionLess(const std::string& a, const std::string& b);

}  // namespace nsq::admin
