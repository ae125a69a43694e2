#include "admin/decode.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/strings.h"

namespace nsq::admin {
namespace {

using Json = nlohmann::json;

// Reads the members of one object; the first value of a wrong type is kept as the error.
class Reader {
 public:
  Reader(const Json& object, Status* status) : object_(object), status_(status) {
    if (!object.is_object()) Fail("an object", object);
  }

  std::string String(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return Fail(key, *value), std::string();
    return value->get_ref<const std::string&>();
  }

  int64_t Int(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return 0;
    if (!value->is_number_integer()) return Fail(key, *value), 0;
    // Beyond what JavaScript counts exactly nobody counts; sums and differences stay in range.
    constexpr int64_t kMost = int64_t{1} << 53;
    if (value->is_number_unsigned()) {
      return static_cast<int64_t>(std::min<uint64_t>(value->get<uint64_t>(), kMost));
    }
    return std::max(value->get<int64_t>(), -kMost);
  }

  double Double(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return 0;
    if (!value->is_number()) return Fail(key, *value), 0;
    return value->get<double>();
  }

  bool Bool(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) return Fail(key, *value), false;
    return value->get<bool>();
  }

  // nullptr for a missing or null array; never an array after an error.
  const Json* Array(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) return Fail(key, *value), nullptr;
    return value;
  }

  const Json* Object(const char* key) {
    const Json* value = Find(key);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) return Fail(key, *value), nullptr;
    return value;
  }

 private:
  const Json* Find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  void Fail(std::string_view key, const Json& value) {
    if (!status_->ok()) return;
    *status_ = Status(Code::kCorrupt, StrCat("unexpected JSON: ", value.type_name(), " for ", key));
  }

  const Json& object_;
  Status* status_;
};

Result<Json> Parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return Status(Code::kCorrupt, StrCat("answer is no JSON: ", GoQuoted(text.substr(0, 60)),
                                         text.size() > 60 ? "..." : ""));
  }
  return json;
}

template <typename T>
Result<T> Finish(T value, Status status) {
  if (!status.ok()) return status;
  return value;
}

Latency ReadLatency(const Json* object, Status* status) {
  Latency latency;
  if (object == nullptr) return latency;
  Reader reader(*object, status);
  latency.count = reader.Int("count");
  if (const Json* percentiles = reader.Array("percentiles")) {
    for (const Json& item : *percentiles) {
      Reader percentile(item, status);
      Percentile p;
      p.quantile = percentile.Double("quantile");
      p.value = percentile.Double("value");
      p.average = p.min = p.max = *p.value;
      p.count = static_cast<double>(latency.count);
      latency.percentiles.push_back(p);
    }
  }
  return latency;
}

ClientStats ReadClient(const Json& object, const StatsOrigin& origin, Status* status) {
  Reader reader(object, status);
  ClientStats client;
  client.node = origin.node;
  client.remote_address = reader.String("remote_address");
  client.version = reader.String("version");
  client.client_id = reader.String("client_id");
  client.hostname = reader.String("hostname");
  client.user_agent = reader.String("user_agent");
  client.connect_ts = reader.Int("connect_ts");
  // A clock that is wrong by centuries shows an age of zero.
  int64_t age_seconds = 0;
  if (__builtin_sub_overflow(origin.now_seconds, client.connect_ts, &age_seconds) ||
      __builtin_mul_overflow(age_seconds, int64_t{1'000'000'000}, &client.connected_ns)) {
    client.connected_ns = 0;
  }
  client.in_flight_count = reader.Int("in_flight_count");
  client.ready_count = reader.Int("ready_count");
  client.finish_count = reader.Int("finish_count");
  client.requeue_count = reader.Int("requeue_count");
  client.message_count = reader.Int("message_count");
  client.sample_rate = reader.Int("sample_rate");
  client.deflate = reader.Bool("deflate");
  client.snappy = reader.Bool("snappy");
  client.authed = reader.Bool("authed");
  client.auth_identity = reader.String("auth_identity");
  client.auth_identity_url = reader.String("auth_identity_url");
  client.node_topology_region = origin.topology_region;
  client.node_topology_zone = origin.topology_zone;
  client.topology_region = reader.String("topology_region");
  client.topology_zone = reader.String("topology_zone");
  client.tls = reader.Bool("tls");
  client.tls_cipher_suite = reader.String("tls_cipher_suite");
  client.tls_version = reader.String("tls_version");
  client.tls_negotiated_protocol = reader.String("tls_negotiated_protocol");
  client.tls_negotiated_protocol_is_mutual = reader.Bool("tls_negotiated_protocol_is_mutual");
  return client;
}

ChannelStats ReadChannel(const Json& object, const StatsOrigin& origin, std::string_view topic,
                         Status* status) {
  Reader reader(object, status);
  ChannelStats channel;
  channel.node = origin.node;
  channel.hostname = origin.hostname;
  channel.topic_name = topic;
  channel.channel_name = reader.String("channel_name");
  channel.depth = reader.Int("depth");
  channel.backend_depth = reader.Int("backend_depth");
  channel.in_flight_count = reader.Int("in_flight_count");
  channel.deferred_count = reader.Int("deferred_count");
  channel.requeue_count = reader.Int("requeue_count");
  channel.timeout_count = reader.Int("timeout_count");
  channel.message_count = reader.Int("message_count");
  channel.delivery.zone_local = reader.Int("zone_local_msg_count");
  channel.delivery.region_local = reader.Int("region_local_msg_count");
  channel.delivery.global = reader.Int("global_msg_count");
  channel.client_count = reader.Int("client_count");
  channel.paused = reader.Bool("paused");
  channel.latency = ReadLatency(reader.Object("e2e_processing_latency"), status);
  if (const Json* clients = reader.Array("clients")) {
    channel.clients.emplace();
    for (const Json& client : *clients) {
      channel.clients->push_back(ReadClient(client, origin, status));
    }
  }
  return channel;
}

TopicStats ReadTopic(const Json& object, const StatsOrigin& origin, Status* status) {
  Reader reader(object, status);
  TopicStats topic;
  topic.node = origin.node;
  topic.hostname = origin.hostname;
  topic.topic_name = reader.String("topic_name");
  topic.depth = reader.Int("depth");
  topic.backend_depth = reader.Int("backend_depth");
  topic.message_count = reader.Int("message_count");
  topic.paused = reader.Bool("paused");
  topic.durability = reader.String("durability");
  topic.latency = ReadLatency(reader.Object("e2e_processing_latency"), status);
  if (const Json* channels = reader.Array("channels")) {
    topic.channels.emplace();
    for (const Json& channel : *channels) {
      topic.channels->push_back(ReadChannel(channel, origin, topic.topic_name, status));
    }
  }
  return topic;
}

std::vector<std::string> ReadStrings(const Json* array, std::string_view key, Status* status) {
  std::vector<std::string> strings;
  if (array == nullptr) return strings;
  for (const Json& item : *array) {
    if (item.is_string()) {
      strings.push_back(item.get<std::string>());
    } else if (status->ok()) {
      *status = Status(Code::kCorrupt, StrCat("unexpected JSON: ", item.type_name(), " in ", key));
    }
  }
  return strings;
}

Node ReadNode(const Json& object, Status* status) {
  Reader reader(object, status);
  Node node;
  node.remote_address = reader.String("remote_address");
  node.hostname = reader.String("hostname");
  node.broadcast_address = reader.String("broadcast_address");
  node.tcp_port = reader.Int("tcp_port");
  node.http_port = reader.Int("http_port");
  node.version = reader.String("version");
  node.topology_zone = reader.String("topology_zone");
  node.topology_region = reader.String("topology_region");
  node.draining = reader.Bool("draining");
  for (std::string& topic : ReadStrings(reader.Array("topics"), "topics", status)) {
    node.topics.push_back({std::move(topic), false});
  }
  if (const Json* tombstones = reader.Array("tombstones")) {
    for (size_t i = 0; i < std::min(tombstones->size(), node.topics.size()); ++i) {
      node.topics[i].tombstoned = (*tombstones)[i] == true;
    }
  }
  std::stable_sort(node.topics.begin(), node.topics.end(),
                   [](const NodeTopic& a, const NodeTopic& b) { return a.topic < b.topic; });
  return node;
}

}  // namespace

Result<NodeStats> DecodeStats(std::string_view text, const StatsOrigin& origin) {
  Result<Json> json = Parse(text);
  if (!json.ok()) return json.status();
  Status status;
  Reader reader(*json, &status);
  NodeStats stats;
  stats.version = reader.String("version");
  stats.health = reader.String("health");
  stats.start_time = reader.Int("start_time");
  if (const Json* topics = reader.Array("topics")) {
    for (const Json& topic : *topics) stats.topics.push_back(ReadTopic(topic, origin, &status));
  }
  return Finish(std::move(stats), status);
}

Result<NodeInfo> DecodeInfo(std::string_view text) {
  Result<Json> json = Parse(text);
  if (!json.ok()) return json.status();
  Status status;
  Reader reader(*json, &status);
  NodeInfo info;
  info.version = reader.String("version");
  info.broadcast_address = reader.String("broadcast_address");
  info.hostname = reader.String("hostname");
  info.http_port = reader.Int("http_port");
  info.tcp_port = reader.Int("tcp_port");
  info.topology_zone = reader.String("topology_zone");
  info.topology_region = reader.String("topology_region");
  return Finish(std::move(info), status);
}

Result<std::vector<std::string>> DecodeNames(std::string_view text, std::string_view key) {
  Result<Json> json = Parse(text);
  if (!json.ok()) return json.status();
  Status status;
  Reader reader(*json, &status);
  std::vector<std::string> names =
      ReadStrings(reader.Array(std::string(key).c_str()), key, &status);
  return Finish(std::move(names), status);
}

Result<std::vector<Node>> DecodeProducers(std::string_view text) {
  Result<Json> json = Parse(text);
  if (!json.ok()) return json.status();
  Status status;
  Reader reader(*json, &status);
  std::vector<Node> nodes;
  if (const Json* producers = reader.Array("producers")) {
    for (const Json& producer : *producers) nodes.push_back(ReadNode(producer, &status));
  }
  return Finish(std::move(nodes), status);
}

}  // namespace nsq::admin
