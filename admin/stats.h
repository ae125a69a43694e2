#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What daemons say about themselves and what it adds up to over a cluster: plain values, written
// by decode.h, added up by merge.h, shown by encode.h. The words are NSQ's; what a daemon leaves
// out is zero or empty, and a list that may be `null` in NSQ's JSON is optional here.
namespace nsq::admin {

inline constexpr char kWholeCluster[] = "*";  // the `node` of what was added up over nodes

// One percentile of the time from a message's creation to its FIN, in nanoseconds.
struct Percentile {
  double quantile = 0;
  std::optional<double> value;  // as one nsqd gave it; none on what was added up
  double average = 0;           // over nodes, weighted by samples; so are the two below
  double min = 0;
  double max = 0;
  double count = 0;  // samples behind it
};

struct Latency {
  int64_t count = 0;
  std::vector<Percentile> percentiles;  // in nsqd's order: highest quantile first
  std::string topic;                    // set on what was added up only
  std::string channel;
  std::string host;
};

struct ClientStats {
  std::string node;
  std::string remote_address;
  std::string version;
  std::string client_id;
  std::string hostname;
  std::string user_agent;
  int64_t connect_ts = 0;    // Unix seconds
  int64_t connected_ns = 0;  // age at the time of asking
  int64_t in_flight_count = 0;
  int64_t ready_count = 0;
  int64_t finish_count = 0;
  int64_t requeue_count = 0;
  int64_t message_count = 0;
  int64_t sample_rate = 0;
  bool deflate = false;
  bool snappy = false;
  bool authed = false;
  std::string auth_identity;
  std::string auth_identity_url;
  std::string node_topology_region;
  std::string node_topology_zone;
  std::string topology_region;
  std::string topology_zone;
  bool tls = false;
  std::string tls_cipher_suite;
  std::string tls_version;
  std::string tls_negotiated_protocol;
  bool tls_negotiated_protocol_is_mutual = false;
};

// Messages delivered to consumers near and far from their nsqd.
struct DeliveryCounts {
  int64_t zone_local = 0;
  int64_t region_local = 0;
  int64_t global = 0;
};

struct ChannelStats {
  std::string node;
  std::string hostname;
  std::string topic_name;
  std::string channel_name;
  int64_t depth = 0;
  int64_t backend_depth = 0;
  int64_t in_flight_count = 0;
  int64_t deferred_count = 0;
  int64_t requeue_count = 0;
  int64_t timeout_count = 0;
  int64_t message_count = 0;
  DeliveryCounts delivery;
  int64_t client_count = 0;
  std::vector<ChannelStats> nodes;  // one a node; of what was added up only
  std::optional<std::vector<ClientStats>> clients;
  bool paused = false;
  Latency latency;
};

struct TopicStats {
  std::string node;
  std::string hostname;
  std::string topic_name;
  int64_t depth = 0;
  int64_t backend_depth = 0;
  int64_t message_count = 0;
  std::vector<TopicStats> nodes;  // one a node; of what was added up only
  std::optional<std::vector<ChannelStats>> channels;
  bool paused = false;
  std::string durability;          // of our nsqd
  std::optional<Latency> latency;  // none: no node had the topic
};

// Everything one nsqd said at /stats.
struct NodeStats {
  std::string version;
  std::string health;
  int64_t start_time = 0;  // Unix seconds
  std::vector<TopicStats> topics;
};

// What one nsqd said at /info.
struct NodeInfo {
  std::string version;
  std::string broadcast_address;
  std::string hostname;
  int64_t http_port = 0;
  int64_t tcp_port = 0;
  std::string topology_zone;
  std::string topology_region;
};

struct NodeTopic {
  std::string topic;
  bool tombstoned = false;
};

// An nsqd, as discovery found it.
struct Node {
  std::vector<std::string> remote_addresses;  // "<lookupd>/<remote address>", one a sighting
  std::string remote_address;
  std::string hostname;
  std::string broadcast_address;
  int64_t tcp_port = 0;
  int64_t http_port = 0;
  std::string version;
  std::string topology_zone;
  std::string topology_region;
  std::vector<NodeTopic> topics;
  bool out_of_date = false;
  bool draining = false;  // ours says so to nsqlookupd; not in NSQ's JSON

  std::string HttpAddress() const;  // "broadcast_address:http_port", IPv6 in brackets
  std::string TcpAddress() const;
};

}  // namespace nsq::admin
