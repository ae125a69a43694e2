#include "admin/encode.h"

namespace nsq::admin {
namespace {

// NSQ leaves these keys out when there is nothing to say.
void StringIfAny(std::string_view key, const std::string& text, JsonWriter* out) {
  if (!text.empty()) out->String(key, text);
}
void IntIfAny(std::string_view key, int64_t number, JsonWriter* out) {
  if (number != 0) out->Int(key, number);
}

// `items` as an array, or null when there are none.
template <typename T, typename Encode>
void ArrayOrNull(std::string_view key, const std::vector<T>& items, Encode encode,
                 JsonWriter* out) {
  out->Key(key);
  if (items.empty()) return out->Null();
  out->BeginArray();
  for (const T& item : items) encode(item, out);
  out->EndArray();
}

template <typename T, typename Encode>
void ArrayOrNull(std::string_view key, const std::optional<std::vector<T>>& items, Encode encode,
                 JsonWriter* out) {
  if (items.has_value() && items->empty()) {
    out->Key(key);
    out->BeginArray();
    out->EndArray();
    return;
  }
  ArrayOrNull(key, items.has_value() ? *items : std::vector<T>(), encode, out);
}

void EncodePercentile(const Percentile& percentile, JsonWriter* out) {
  out->BeginObject();
  out->Double("average", percentile.average);
  out->Double("count", percentile.count);
  out->Double("max", percentile.max);
  out->Double("min", percentile.min);
  out->Double("quantile", percentile.quantile);
  if (percentile.value.has_value()) out->Double("value", *percentile.value);
  out->EndObject();
}

void EncodeLatency(const Latency& latency, JsonWriter* out) {
  out->BeginObject();
  out->Int("count", latency.count);
  ArrayOrNull("percentiles", latency.percentiles, EncodePercentile, out);
  out->String("topic", latency.topic);
  out->String("channel", latency.channel);
  out->String("host", latency.host);
  out->EndObject();
}

void EncodeClient(const ClientStats& client, JsonWriter* out) {
  out->BeginObject();
  out->String("node", client.node);
  out->String("remote_address", client.remote_address);
  out->String("version", client.version);
  out->String("client_id", client.client_id);
  out->String("hostname", client.hostname);
  out->String("user_agent", client.user_agent);
  out->Int("connect_ts", client.connect_ts);
  out->Int("connected", client.connected_ns);
  out->Int("in_flight_count", client.in_flight_count);
  out->Int("ready_count", client.ready_count);
  out->Int("finish_count", client.finish_count);
  out->Int("requeue_count", client.requeue_count);
  out->Int("message_count", client.message_count);
  out->Int("sample_rate", client.sample_rate);
  out->Bool("deflate", client.deflate);
  out->Bool("snappy", client.snappy);
  out->Bool("authed", client.authed);
  out->String("auth_identity", client.auth_identity);
  out->String("auth_identity_url", client.auth_identity_url);
  StringIfAny("node_topology_region", client.node_topology_region, out);
  StringIfAny("node_topology_zone", client.node_topology_zone, out);
  StringIfAny("topology_region", client.topology_region, out);
  StringIfAny("topology_zone", client.topology_zone, out);
  out->Bool("tls", client.tls);
  out->String("tls_cipher_suite", client.tls_cipher_suite);
  out->String("tls_version", client.tls_version);
  out->String("tls_negotiated_protocol", client.tls_negotiated_protocol);
  out->Bool("tls_negotiated_protocol_is_mutual", client.tls_negotiated_protocol_is_mutual);
  out->EndObject();
}

}  // namespace

void EncodeChannelMembers(const ChannelStats& channel, JsonWriter* out) {
  const DeliveryCounts& delivery = channel.delivery;
  out->String("node", channel.node);
  out->String("hostname", channel.hostname);
  out->String("topic_name", channel.topic_name);
  out->String("channel_name", channel.channel_name);
  out->Int("depth", channel.depth);
  out->Int("memory_depth", channel.depth - channel.backend_depth);
  out->Int("backend_depth", channel.backend_depth);
  out->Int("in_flight_count", channel.in_flight_count);
  out->Int("deferred_count", channel.deferred_count);
  out->Int("requeue_count", channel.requeue_count);
  out->Int("timeout_count", channel.timeout_count);
  out->Int("message_count", channel.message_count);
  IntIfAny("delivery_msg_count", delivery.zone_local + delivery.region_local + delivery.global,
           out);
  IntIfAny("zone_local_msg_count", delivery.zone_local, out);
  IntIfAny("region_local_msg_count", delivery.region_local, out);
  IntIfAny("global_msg_count", delivery.global, out);
  out->Int("client_count", channel.client_count);
  ArrayOrNull("nodes", channel.nodes, EncodeChannel, out);
  ArrayOrNull("clients", channel.clients, EncodeClient, out);
  out->Bool("paused", channel.paused);
  out->Key("e2e_processing_latency");
  EncodeLatency(channel.latency, out);
}

void EncodeChannel(const ChannelStats& channel, JsonWriter* out) {
  out->BeginObject();
  EncodeChannelMembers(channel, out);
  out->EndObject();
}

void EncodeTopicMembers(const TopicStats& topic, JsonWriter* out) {
  out->String("node", topic.node);
  out->String("hostname", topic.hostname);
  out->String("topic_name", topic.topic_name);
  out->Int("depth", topic.depth);
  out->Int("memory_depth", topic.depth - topic.backend_depth);
  out->Int("backend_depth", topic.backend_depth);
  out->Int("message_count", topic.message_count);
  out->Int("delivery_msg_count", 0);  // as nsqd: it counts deliveries in channels only
  ArrayOrNull("nodes", topic.nodes, EncodeTopic, out);
  ArrayOrNull("channels", topic.channels, EncodeChannel, out);
  out->Bool("paused", topic.paused);
  out->Key("e2e_processing_latency");
  if (topic.latency.has_value()) {
    EncodeLatency(*topic.latency, out);
  } else {
    out->Null();
  }
}

void EncodeTopic(const TopicStats& topic, JsonWriter* out) {
  out->BeginObject();
  EncodeTopicMembers(topic, out);
  out->EndObject();
}

void EncodeNode(const Node& node, JsonWriter* out) {
  out->BeginObject();
  ArrayOrNull(
      "remote_addresses", node.remote_addresses,
      [](const std::string& address, JsonWriter* writer) { writer->String(address); }, out);
  out->String("remote_address", node.remote_address);
  out->String("hostname", node.hostname);
  out->String("broadcast_address", node.broadcast_address);
  out->Int("tcp_port", node.tcp_port);
  out->Int("http_port", node.http_port);
  out->String("version", node.version);
  StringIfAny("topology_zone", node.topology_zone, out);
  StringIfAny("topology_region", node.topology_region, out);
  ArrayOrNull(
      "topics", node.topics,
      [](const NodeTopic& topic, JsonWriter* writer) {
        writer->BeginObject();
        writer->String("topic", topic.topic);
        writer->Bool("tombstoned", topic.tombstoned);
        writer->EndObject();
      },
      out);
  out->Bool("out_of_date", node.out_of_date);
  out->EndObject();
}

}  // namespace nsq::admin
