#include "nsqd/http/stats_json.h"

#include <charconv>
#include <concepts>
#include <string_view>

#include "common/version.h"
#include "common/wire/json.h"
#include "nsqd/http/stats_page.h"

namespace nsq::nsqd {
namespace {

// What one object takes when nothing in it is unusual; one allocation for a whole answer.
constexpr size_t kTopicBytes = 220;
constexpr size_t kChannelBytes = 320;
constexpr size_t kClientBytes = 640;

// Appends `"name":value` pairs. Names are given with their quotes, colon and, but for the first of
// an object, the comma before them: one append each.
class Writer {
 public:
  explicit Writer(size_t expected_bytes) { out_.reserve(expected_bytes); }

  void Raw(std::string_view text) { out_ += text; }
  void Raw(char c) { out_ += c; }
  void String(std::string_view name, std::string_view value) {
    out_ += name;
    AppendJsonString(value, &out_);
  }
  void Bool(std::string_view name, bool value) {
    out_ += name;
    out_ += value ? "true" : "false";
  }
  template <std::integral T>
  void Number(std::string_view name, T value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out_ += name;
    out_.append(digits, end);
  }
  void Float(std::string_view name, double value) {
    out_ += name;
    AppendJsonNumber(value, &out_);
  }
  template <std::integral T>
  void NumberUnlessZero(std::string_view name, T value) {
    if (value != 0) Number(name, value);
  }

  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

// Never null, nsqadmin would crash.
void AppendLatency(const LatencyStats& latency, Writer* out) {
  out->Number(R"(,"e2e_processing_latency":{"count":)", latency.count);
  if (latency.percentiles.empty()) return out->Raw(R"(,"percentiles":null})");
  out->Raw(R"(,"percentiles":)");
  char before = '[';
  for (const LatencyStats::Percentile& percentile : latency.percentiles) {
    out->Raw(before);
    before = ',';
    out->Float(R"({"quantile":)", percentile.quantile);
    out->Number(R"(,"value":)", percentile.nanos);
    out->Raw('}');
  }
  out->Raw("]}");
}

// With a filter only that topic's count; a client that never published there shows none.
void AppendPubCounts(const ClientStats& client, const StatsFilter& filter, Writer* out) {
  bool any = false;
  for (const auto& [topic, count] : client.pub_counts) {
    if (!filter.topic.empty() && topic != filter.topic) continue;
    out->Raw(any ? "," : R"(,"pub_counts":[)");
    any = true;
    out->String(R"({"topic":)", topic);
    out->Number(R"(,"count":)", count);
    out->Raw('}');
  }
  if (any) out->Raw(']');
}

void AppendClient(const ClientStats& client, const StatsFilter& filter, Writer* out) {
  out->String(R"({"client_id":)", client.client_id);
  out->String(R"(,"hostname":)", client.hostname);
  out->Raw(R"(,"version":"V2")");
  out->String(R"(,"remote_address":)", client.remote_address);
  out->Number(R"(,"state":)", client.state);
  out->Number(R"(,"ready_count":)", client.ready_count);
  out->Number(R"(,"in_flight_count":)", client.in_flight_count);
  out->Number(R"(,"message_count":)", client.message_count);
  out->Number(R"(,"finish_count":)", client.finish_count);
  out->Number(R"(,"requeue_count":)", client.requeue_count);
  out->Number(R"(,"connect_ts":)", UnixSeconds(client.connected_at));
  out->Number(R"(,"sample_rate":)", client.sample_rate);
  out->Bool(R"(,"deflate":)", client.deflate);
  out->Bool(R"(,"snappy":)", client.snappy);
  out->String(R"(,"user_agent":)", client.user_agent);
  if (client.authed) out->Raw(R"(,"authed":true)");
  if (!client.auth_identity.empty()) out->String(R"(,"auth_identity":)", client.auth_identity);
  if (!client.auth_identity_url.empty()) {
    out->String(R"(,"auth_identity_url":)", client.auth_identity_url);
  }
  out->String(R"(,"topology_zone":)", client.topology_zone);
  out->String(R"(,"topology_region":)", client.topology_region);
  AppendPubCounts(client, filter, out);
  out->Bool(R"(,"tls":)", client.tls);
  out->String(R"(,"tls_cipher_suite":)", client.tls_cipher_suite);
  out->String(R"(,"tls_version":)", client.tls_version);
  out->Raw(R"(,"tls_negotiated_protocol":"")");
  // "Mutual" is what the original says of every TLS connection.
  out->Bool(R"(,"tls_negotiated_protocol_is_mutual":)", client.tls);
  out->Raw('}');
}

void AppendClients(const std::vector<ClientStats>& clients, const StatsFilter& filter,
                   Writer* out) {
  out->Raw('[');
  for (size_t i = 0; i < clients.size(); ++i) {
    if (i > 0) out->Raw(',');
    AppendClient(clients[i], filter, out);
  }
  out->Raw(']');
}

void AppendChannel(const ChannelStats& channel, const StatsFilter& filter, Writer* out) {
  out->String(R"({"channel_name":)", channel.name);
  out->Number(R"(,"depth":)", channel.depth);
  out->Number(R"(,"backend_depth":)", channel.backend_depth);
  out->Number(R"(,"in_flight_count":)", channel.in_flight_count);
  out->Number(R"(,"deferred_count":)", channel.deferred_count);
  out->Number(R"(,"message_count":)", channel.message_count);
  out->NumberUnlessZero(R"(,"zone_local_msg_count":)", channel.zone_local_count);
  out->NumberUnlessZero(R"(,"region_local_msg_count":)", channel.region_local_count);
  out->NumberUnlessZero(
      R"(,"global_msg_count":)",
      channel.delivered_count - channel.zone_local_count - channel.region_local_count);
  out->Number(R"(,"requeue_count":)", channel.requeue_count);
  out->Number(R"(,"timeout_count":)", channel.timeout_count);
  out->Number(R"(,"client_count":)", channel.client_count);
  out->Raw(R"(,"clients":)");
  if (channel.clients && filter.include_clients) {
    AppendClients(*channel.clients, filter, out);
  } else {
    out->Raw("null");
  }
  out->Bool(R"(,"paused":)", channel.paused);
  AppendLatency(channel.e2e, out);
  out->Raw('}');
}

void AppendTopic(const TopicStats& topic, const StatsFilter& filter, Writer* out) {
  out->String(R"({"topic_name":)", topic.name);
  out->Raw(R"(,"channels":[)");
  for (size_t i = 0; i < topic.channels.size(); ++i) {
    if (i > 0) out->Raw(',');
    AppendChannel(topic.channels[i], filter, out);
  }
  out->Raw(']');
  out->Number(R"(,"depth":)", topic.depth);
  out->Number(R"(,"backend_depth":)", topic.backend_depth);
  out->Number(R"(,"message_count":)", topic.message_count);
  out->Number(R"(,"message_bytes":)", topic.message_bytes);
  out->Bool(R"(,"paused":)", topic.paused);
  if (!topic.durability.empty()) out->String(R"(,"durability":)", topic.durability);  // ours
  AppendLatency(topic.e2e, out);
  out->Raw('}');
}

void AppendMemory(const MemoryStats& memory, Writer* out) {
  out->Number(R"(,"memory":{"heap_objects":)", memory.heap_objects);
  out->Number(R"(,"heap_idle_bytes":)", memory.heap_idle_bytes);
  out->Number(R"(,"heap_in_use_bytes":)", memory.heap_in_use_bytes);
  out->Number(R"(,"heap_released_bytes":)", memory.heap_released_bytes);
  // Nothing here collects garbage, but exporters expect the keys.
  out->Raw(R"(,"gc_pause_usec_100":0,"gc_pause_usec_99":0,"gc_pause_usec_95":0)");
  out->Raw(R"(,"next_gc_bytes":0,"gc_total_runs":0})");
}

size_t ExpectedBytes(const StatsPage& page) {
  size_t clients = page.stats.producers.size();
  size_t channels = 0;
  for (const TopicStats& topic : page.stats.topics) {
    channels += topic.channels.size();
    for (const ChannelStats& channel : topic.channels) {
      if (channel.clients) clients += channel.clients->size();
    }
  }
  return 512 + kTopicBytes * page.stats.topics.size() + kChannelBytes * channels +
         kClientBytes * clients;
}

}  // namespace

std::string StatsJson(const StatsPage& page) {
  const StatsFilter& filter = page.filter;
  Writer out(ExpectedBytes(page));
  out.String(R"({"version":)", kVersion);
  out.String(R"(,"health":)", page.health);
  out.Number(R"(,"start_time":)", UnixSeconds(page.start_time));

  out.Raw(R"(,"topics":)");
  if (page.unknown_topic) {
    out.Raw("null");
  } else {
    out.Raw('[');
    for (size_t i = 0; i < page.stats.topics.size(); ++i) {
      if (i > 0) out.Raw(',');
      AppendTopic(page.stats.topics[i], filter, &out);
    }
    out.Raw(']');
  }

  if (page.memory) AppendMemory(*page.memory, &out);

  out.Raw(R"(,"producers":)");
  if (page.unknown_topic || !filter.include_clients || page.stats.producers.empty()) {
    out.Raw("null");
  } else {
    AppendClients(page.stats.producers, filter, &out);
  }
  out.Raw('}');
  return out.Take();
}

}  // namespace nsq::nsqd
