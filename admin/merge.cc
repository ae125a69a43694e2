#include "admin/merge.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <tuple>

#include "common/strings.h"

namespace nsq::admin {
namespace {

// Far above any real count and far enough below the largest int64_t for two sums to be added.
constexpr int64_t kMostCounted = int64_t{1} << 60;

void AddTo(int64_t part, int64_t* total) {
  *total = std::clamp(*total + std::clamp(part, -kMostCounted, kMostCounted), -kMostCounted,
                      kMostCounted);
}

// Lower is nearer to the client's node.
auto ClientRank(const ClientStats& client) {
  const bool same_region = client.topology_region == client.node_topology_region;
  const bool same_zone = same_region && client.topology_zone == client.node_topology_zone;
  return std::tuple(std::string_view(client.node), !same_zone, !same_region,
                    std::string_view(client.topology_region),
                    std::string_view(client.topology_zone));
}

// A version's order: its three numbers, then "a release is above its previews", then the preview's
// name. Enough of semver for what nsqd reports.
struct Version {
  std::array<int64_t, 3> numbers{};
  bool release = true;
  std::string preview;
};

Version ParseVersion(std::string_view text) {
  Version version;
  text = text.substr(0, text.find('+'));
  if (const size_t dash = text.find('-'); dash != std::string_view::npos) {
    version.release = false;
    version.preview = text.substr(dash + 1);
    text = text.substr(0, dash);
  }
  const std::vector<std::string_view> parts = Split(text, '.');
  if (parts.size() != version.numbers.size()) return Version();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!ParseInt(parts[i], &version.numbers[i]) || version.numbers[i] < 0) return Version();
  }
  return version;
}

std::string HostPort(const std::string& host, int64_t port) {
  if (host.find(':') != std::string::npos) return StrCat("[", host, "]:", port);
  return StrCat(host, ":", port);
}

}  // namespace

std::string Node::HttpAddress() const { return HostPort(broadcast_address, http_port); }
std::string Node::TcpAddress() const { return HostPort(broadcast_address, tcp_port); }

void AddLatency(const Latency& part, Latency* total) {
  AddTo(part.count, &total->count);
  for (const Percentile& p : part.percentiles) {
    auto same = std::find_if(total->percentiles.begin(), total->percentiles.end(),
                             [&p](const Percentile& t) { return t.quantile == p.quantile; });
    if (same == total->percentiles.end()) {
      total->percentiles.push_back(p);
      total->percentiles.back().value.reset();
      continue;
    }
    const double count = same->count + p.count;
    same->average = count == 0 ? 0 : (same->average * same->count + p.average * p.count) / count;
    same->count = count;
    same->min = std::min(same->min, p.min);
    same->max = std::max(same->max, p.max);
  }
}

void AddChannel(ChannelStats part, ChannelStats* total) {
  total->node = kWholeCluster;
  AddTo(part.depth, &total->depth);
  AddTo(part.backend_depth, &total->backend_depth);
  AddTo(part.in_flight_count, &total->in_flight_count);
  AddTo(part.deferred_count, &total->deferred_count);
  AddTo(part.requeue_count, &total->requeue_count);
  AddTo(part.timeout_count, &total->timeout_count);
  AddTo(part.message_count, &total->message_count);
  AddTo(part.delivery.zone_local, &total->delivery.zone_local);
  AddTo(part.delivery.region_local, &total->delivery.region_local);
  AddTo(part.delivery.global, &total->delivery.global);
  AddTo(part.client_count, &total->client_count);
  total->paused = total->paused || part.paused;
  total->latency.topic = total->topic_name;
  total->latency.channel = total->channel_name;
  total->latency.host = kWholeCluster;
  AddLatency(part.latency, &total->latency);
  if (part.clients.has_value() && !part.clients->empty()) {
    if (!total->clients.has_value()) total->clients.emplace();
    total->clients->insert(total->clients->end(), part.clients->begin(), part.clients->end());
  }
  total->nodes.push_back(std::move(part));
}

void AddTopic(TopicStats part, TopicStats* total) {
  total->node = kWholeCluster;
  AddTo(part.depth, &total->depth);
  AddTo(part.backend_depth, &total->backend_depth);
  AddTo(part.message_count, &total->message_count);
  total->paused = total->paused || part.paused;
  if (!total->latency.has_value()) {
    total->latency.emplace();
    total->latency->topic = total->topic_name;
    total->latency->host = kWholeCluster;
  }
  if (part.latency.has_value()) AddLatency(*part.latency, &*total->latency);
  if (part.channels.has_value() && !part.channels->empty()) {
    if (!total->channels.has_value()) total->channels.emplace();
    for (const ChannelStats& channel : *part.channels) {
      auto same = std::find_if(
          total->channels->begin(), total->channels->end(),
          [&channel](const ChannelStats& c) { return c.channel_name == channel.channel_name; });
      if (same == total->channels->end()) {
        same = total->channels->insert(same, ChannelStats());
        same->topic_name = channel.topic_name;
        same->channel_name = channel.channel_name;
      }
      AddChannel(channel, &*same);
    }
  }
  total->nodes.push_back(std::move(part));
}

void FinishChannel(ChannelStats* total) {
  std::stable_sort(
      total->nodes.begin(), total->nodes.end(),
      [](const ChannelStats& a, const ChannelStats& b) { return a.hostname < b.hostname; });
  if (!total->clients.has_value()) return;
  std::stable_sort(
      total->clients->begin(), total->clients->end(),
      [](const ClientStats& a, const ClientStats& b) { return ClientRank(a) < ClientRank(b); });
}

void FinishTopic(TopicStats* total) {
  std::stable_sort(
      total->nodes.begin(), total->nodes.end(),
      [](const TopicStats& a, const TopicStats& b) { return a.hostname < b.hostname; });
  if (!total->channels.has_value()) return;
  for (ChannelStats& channel : *total->channels) FinishChannel(&channel);
}

bool VersionLess(const std::string& a, const std::string& b) {
  const Version left = ParseVersion(a);
  const Version right = ParseVersion(b);
  return std::tie(left.numbers, left.release, left.preview) <
         std::tie(right.numbers, right.release, right.preview);
}

void SortByHostname(std::vector<Node>* nodes) {
  std::stable_sort(nodes->begin(), nodes->end(),
                   [](const Node& a, const Node& b) { return a.hostname < b.hostname; });
}

std::vector<Node> MergeNodes(const std::vector<LookupdNodes>& answers) {
  std::vector<Node> merged;
  std::map<std::string, size_t> index_of;  // by TCP address
  for (const LookupdNodes& answer : answers) {
    for (const Node& node : answer.nodes) {
      const auto [place, is_new] = index_of.emplace(node.TcpAddress(), merged.size());
      if (is_new) merged.push_back(node);
      const std::string remote = node.remote_address.empty() ? "N/A" : node.remote_address;
      merged[place->second].remote_addresses.push_back(StrCat(answer.lookupd_address, "/", remote));
    }
  }
  std::string newest;
  for (const Node& node : merged) {
    if (VersionLess(newest, node.version)) newest = node.version;
  }
  for (Node& node : merged) node.out_of_date = VersionLess(node.version, newest);
  SortByHostname(&merged);
  return merged;
}

std::vector<Node> MergeProducers(std::vector<std::vector<Node>> answers) {
  std::vector<Node> merged;
  std::set<std::string> seen;
  for (std::vector<Node>& answer : answers) {
    for (Node& node : answer) {
      if (seen.insert(node.HttpAddress()).second) merged.push_back(std::move(node));
    }
  }
  return merged;
}

std::vector<std::string> MergeNames(const std::vector<std::vector<std::string>>& lists) {
  std::set<std::string> names;
  for (const std::vector<std::string>& list : lists) names.insert(list.begin(), list.end());
  return {names.begin(), names.end()};
}

}  // namespace nsq::admin
