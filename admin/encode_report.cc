#include "admin/encode_report.h"

#include <algorithm>

#include "admin/json_writer.h"
#include "admin/report.h"

namespace nsq::admin {
namespace {

std::string_view Word(Problem::Severity severity) {
  switch (severity) {
    case Problem::Severity::kError:
      return "error";
    case Problem::Severity::kWarning:
      return "warning";
    case Problem::Severity::kNotice:
      break;
  }
  return "notice";
}

void RateMember(std::string_view key, const std::optional<double>& rate, JsonWriter* out) {
  if (!rate.has_value()) return out->Null(key);
  // Two decimals are more than a page shows, and keep the answer small.
  out->Double(key, static_cast<double>(static_cast<int64_t>(*rate * 100 + 0.5)) / 100);
}

void LoadMembers(const Load& load, bool is_topic, JsonWriter* out) {
  out->Int("depth", load.depth);
  out->Int("backend_depth", load.backend_depth);
  out->Int("messages", load.messages);
  out->Int("paused_nodes", load.paused_nodes);
  RateMember("in_rate", load.flow.in, out);
  if (is_topic) return;
  out->Int("in_flight", load.in_flight);
  out->Int("deferred", load.deferred);
  out->Int("requeued", load.requeued);
  out->Int("timed_out", load.timed_out);
  out->Int("clients", load.clients);
  RateMember("out_rate", load.flow.out, out);
  RateMember("requeue_rate", load.flow.requeued, out);
  RateMember("timeout_rate", load.flow.timed_out, out);
}

// Of a node that does not answer: nothing is known, and nothing is not zero.
void UnknownMembers(JsonWriter* out) {
  for (const std::string_view key :
       {"topics", "channels", "depth", "backend_depth", "messages", "paused_nodes", "in_rate",
        "in_flight", "deferred", "requeued", "timed_out", "clients", "out_rate", "requeue_rate",
        "timeout_rate"}) {
    out->Null(key);
  }
}

void Shares(const std::vector<Load>& shares, bool all, std::string_view node, bool is_topic,
            JsonWriter* out) {
  if (!all && node.empty()) return;
  out->Key("shares");
  out->BeginArray();
  for (const Load& share : shares) {
    if (!all && share.node != node) continue;
    out->BeginObject();
    out->String("node", share.node);
    LoadMembers(share, is_topic, out);
    out->EndObject();
  }
  out->EndArray();
}

// Nanoseconds from publishing to FIN, by percentile.
void LatencyMember(const Latency& latency, JsonWriter* out) {
  out->Key("latency");
  out->BeginArray();
  for (const Percentile& p : latency.percentiles) {
    out->BeginObject();
    out->Double("quantile", p.quantile);
    out->Double("average", p.average);
    out->Double("max", p.max);
    out->Double("count", p.count);
    out->EndObject();
  }
  out->EndArray();
}

void Strings(std::string_view key, const std::vector<std::string>& strings, JsonWriter* out) {
  out->Key(key);
  out->BeginArray();
  for (const std::string& text : strings) out->String(text);
  out->EndArray();
}

void EncodeLookupds(const ClusterReport& report, JsonWriter* out) {
  out->Key("lookupds");
  out->BeginArray();
  for (const LookupdState& lookupd : report.lookupds) {
    out->BeginObject();
    out->String("address", lookupd.address);
    out->Bool("up", lookupd.status.ok());
    out->String("error", lookupd.status.detail());
    out->Int("nodes", static_cast<int64_t>(lookupd.nodes.size()));
    out->Int("topics", static_cast<int64_t>(lookupd.topics.size()));
    out->EndObject();
  }
  out->EndArray();
}

void EncodeNodes(const ClusterReport& report, JsonWriter* out) {
  out->Key("nodes");
  out->BeginArray();
  for (const NodeReport& node : report.nodes) {
    const Node& known = node.state.node;
    out->BeginObject();
    out->String("node", node.state.address);
    out->String("hostname", known.hostname);
    out->String("broadcast_address", known.broadcast_address);
    out->Int("tcp_port", known.tcp_port);
    out->Int("http_port", known.http_port);
    out->String("version", known.version);
    out->Bool("out_of_date", known.out_of_date);
    out->Bool("draining", known.draining);
    out->String("topology_zone", known.topology_zone);
    out->String("topology_region", known.topology_region);
    Strings("lookupds", node.state.lookupds, out);
    Strings("remote_addresses", known.remote_addresses, out);
    std::vector<std::string> tombstones;
    for (const NodeTopic& topic : known.topics) {
      if (topic.tombstoned) tombstones.push_back(topic.topic);
    }
    Strings("tombstones", tombstones, out);
    out->Bool("up", node.state.status.ok());
    out->Bool("gone", node.gone);
    out->String("error", node.state.status.detail());
    out->String("health", node.state.stats.health);
    out->Int("start_time", node.state.stats.start_time);
    if (node.state.status.ok()) {
      out->Int("topics", node.topics);
      out->Int("channels", node.channels);
      LoadMembers(node.total, false, out);
    } else {
      UnknownMembers(out);
    }
    out->EndObject();
  }
  out->EndArray();
}

void EncodeTopics(const ClusterReport& report, std::string_view topic, std::string_view node,
                  JsonWriter* out) {
  out->Key("topics");
  out->BeginArray();
  for (const TopicReport& t : report.topics) {
    const bool all = !topic.empty() && t.name == topic;
    out->BeginObject();
    out->String("topic", t.name);
    LoadMembers(t.total, true, out);
    out->Int("nodes", static_cast<int64_t>(t.nodes.size()));
    out->Double("growth", t.growth);
    if (!t.durability.empty()) out->String("durability", t.durability);
    Shares(t.nodes, all, node, true, out);
    out->Key("channels");
    out->BeginArray();
    for (const ChannelReport& channel : t.channels) {
      out->BeginObject();
      out->String("channel", channel.name);
      LoadMembers(channel.total, false, out);
      out->Int("nodes", static_cast<int64_t>(channel.nodes.size()));
      out->Double("growth", channel.growth);
      if (!channel.latency.percentiles.empty()) LatencyMember(channel.latency, out);
      Shares(channel.nodes, all, node, false, out);
      out->EndObject();
    }
    out->EndArray();
    out->EndObject();
  }
  out->EndArray();
}

void EncodeProblems(const ClusterReport& report, JsonWriter* out) {
  out->Key("problems");
  out->BeginArray();
  for (const Problem& problem : report.problems) {
    out->BeginObject();
    out->String("severity", Word(problem.severity));
    out->String("kind", problem.kind);
    out->String("text", problem.text);
    out->String("topic", problem.topic);
    out->String("channel", problem.channel);
    out->String("node", problem.node);
    out->EndObject();
  }
  out->EndArray();
}

}  // namespace

std::string EncodeReport(const ClusterReport& report, std::string_view topic,
                         std::string_view node) {
  JsonWriter out;
  out.BeginObject();
  out.Int("time_ms", report.unix_ms);
  out.Int("took_ms", report.took_ms);
  out.String("mode", report.by_lookupd ? "lookupd" : "direct");
  EncodeLookupds(report, &out);
  EncodeNodes(report, &out);
  out.Key("total");
  out.BeginObject();
  LoadMembers(report.total, false, &out);
  out.EndObject();
  EncodeTopics(report, topic, node, &out);
  EncodeProblems(report, &out);
  out.EndObject();
  return out.Take();
}

}  // namespace nsq::admin
