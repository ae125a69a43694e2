#include "admin/trends.h"

#include <algorithm>
#include <set>
#include <utility>

#include "admin/merge.h"

namespace nsq::admin {
namespace {

void AddRate(const std::optional<double>& part, std::optional<double>* total) {
  if (part.has_value()) *total = total->value_or(0) + *part;
}

void AddFlow(const Flow& part, Flow* total) {
  AddRate(part.in, &total->in);
  AddRate(part.out, &total->out);
  AddRate(part.requeued, &total->requeued);
  AddRate(part.timed_out, &total->timed_out);
}

// Decoded counts are at most 2^53 each: a cluster's sum stays far within 64 bits.
void AddLoad(const Load& part, Load* total) {
  total->depth += part.depth;
  total->backend_depth += part.backend_depth;
  total->in_flight += part.in_flight;
  total->deferred += part.deferred;
  total->requeued += part.requeued;
  total->timed_out += part.timed_out;
  total->messages += part.messages;
  total->clients += part.clients;
  total->paused_nodes += part.paused_nodes;
  AddFlow(part.flow, &total->flow);
}

// What a node or the whole cluster holds: messages count once, when they enter a topic.
void AddTopicLoad(const Load& topic, Load* total) {
  total->depth += topic.depth;
  total->backend_depth += topic.backend_depth;
  total->messages += topic.messages;
  AddRate(topic.flow.in, &total->flow.in);
}

void AddChannelLoad(const Load& channel, Load* total) {
  const std::optional<double> in = total->flow.in;
  const int64_t messages = total->messages;
  const int64_t paused_nodes = total->paused_nodes;
  AddLoad(channel, total);
  total->flow.in = in;
  total->messages = messages;
  total->paused_nodes = paused_nodes;
}

std::optional<double> Rate(int64_t before, int64_t now, double seconds) {
  if (now < before) return std::nullopt;
  return static_cast<double>(now - before) / seconds;
}

template <typename Report>
Report& ByName(const std::string& name, std::map<std::string, Report>* reports) {
  Report& report = (*reports)[name];
  report.name = name;
  return report;
}

template <typename Report>
std::vector<Report> Values(std::map<std::string, Report> reports) {
  std::vector<Report> values;
  values.reserve(reports.size());
  for (auto& [name, report] : reports) values.push_back(std::move(report));
  return values;
}

}  // namespace

Flow Trends::FlowSince(const Key& key, const Counters& now) const {
  const auto before = previous_.find(key);
  if (before == previous_.end() || before->second.start_time != now.start_time ||
      now_ms_ <= previous_ms_) {
    return Flow();
  }
  const double seconds = static_cast<double>(now_ms_ - previous_ms_) / 1000;
  const Counters& then = before->second;
  Flow flow;
  flow.in = Rate(then.in, now.in, seconds);
  if (!flow.in.has_value()) return flow;
  flow.requeued = Rate(then.requeued, now.requeued, seconds);
  flow.timed_out = Rate(then.timed_out, now.timed_out, seconds);
  // Not a counter of nsqd: its parts are read one after the other, so it may seem to step back.
  flow.out = Rate(then.out, std::max(then.out, now.out), seconds);
  return flow;
}

// Growing means: at its highest of the window, and higher than at its start by 50 messages and by a
// twentieth, so that a queue that breathes is left in peace.
double Trends::Growth(const Key& key, int64_t depth, std::map<Key, std::deque<Depth>>* kept) {
  std::deque<Depth> window;
  if (const auto found = depths_.find(key); found != depths_.end()) {
    window = std::move(found->second);
  }
  window.push_back({now_ms_, depth});
  while (window.front().unix_ms < now_ms_ - kGrowthWindowMs) window.pop_front();
  const Depth first = window.front();
  const bool highest = std::all_of(window.begin(), window.end(),
                                   [depth](const Depth& d) { return d.depth <= depth; });
  const int64_t span_ms = now_ms_ - first.unix_ms;
  const int64_t grown = depth - first.depth;
  (*kept)[key] = std::move(window);
  if (!highest || span_ms < kLeastGrowthSpanMs || grown < std::max<int64_t>(50, first.depth / 20)) {
    return 0;
  }
  return static_cast<double>(grown) * 1000 / static_cast<double>(span_ms);
}

void Trends::AddGoneNodes(bool by_lookupd, ClusterReport* report) {
  // Other lookupds were named (/config): who they do not list has not left.
  std::vector<std::string> lookupds;
  for (const LookupdState& lookupd : report->lookupds) lookupds.push_back(lookupd.address);
  if (lookupds != lookupds_) seen_.clear();
  lookupds_ = std::move(lookupds);
  for (const NodeReport& node : report->nodes) {
    seen_[node.state.address] = {node.state.node, now_ms_};
  }
  for (auto it = seen_.begin(); it != seen_.end();) {
    const auto& [address, sighting] = *it;
    if (!by_lookupd || now_ms_ - sighting.unix_ms > kMourningMs) {
      it = seen_.erase(it);
      continue;
    }
    if (sighting.unix_ms != now_ms_) {
      NodeReport node;
      node.state.node = sighting.node;
      node.state.address = address;
      node.state.status = Status(Code::kUnavailable, "no nsqlookupd lists it any more");
      node.gone = true;
      report->nodes.push_back(std::move(node));
    }
    ++it;
  }
}

ClusterReport Trends::Add(ClusterSample sample) {
  now_ms_ = sample.unix_ms;
  if (now_ms_ - previous_ms_ > kLongestPauseMs || now_ms_ < previous_ms_) {
    previous_.clear();
    depths_.clear();
  }
  ClusterReport report;
  report.unix_ms = sample.unix_ms;
  report.took_ms = sample.took_ms;
  report.by_lookupd = sample.by_lookupd;

  std::map<Key, Counters> counters;
  std::map<std::string, TopicReport> topics;
  std::map<std::string, std::map<std::string, ChannelReport>> channels;
  for (NodeState& state : sample.nodes) {
    NodeReport node;
    const int64_t start_time = state.stats.start_time;
    for (const TopicStats& topic : state.stats.topics) {
      Load load;
      load.node = state.address;
      load.depth = topic.depth;
      load.backend_depth = topic.backend_depth;
      load.messages = topic.message_count;
      load.paused_nodes = topic.paused ? 1 : 0;
      const Key key(topic.topic_name, "", state.address);
      counters[key] = {.start_time = start_time, .in = topic.message_count};
      load.flow.in = FlowSince(key, counters[key]).in;
      TopicReport& topic_report = ByName(topic.topic_name, &topics);
      if (topic_report.nodes.empty()) {
        topic_report.durability = topic.durability;
      } else if (topic_report.durability != topic.durability) {
        topic_report.durability = "mixed";
      }
      AddLoad(load, &topic_report.total);
      AddTopicLoad(load, &node.total);
      topic_report.nodes.push_back(std::move(load));
      ++node.topics;
      if (!topic.channels.has_value()) continue;
      for (const ChannelStats& channel : *topic.channels) {
        Load share;
        share.node = state.address;
        share.depth = channel.depth;
        share.backend_depth = channel.backend_depth;
        share.in_flight = channel.in_flight_count;
        share.deferred = channel.deferred_count;
        share.requeued = channel.requeue_count;
        share.timed_out = channel.timeout_count;
        share.messages = channel.message_count;
        share.clients = channel.client_count;
        share.paused_nodes = channel.paused ? 1 : 0;
        const Key channel_key(topic.topic_name, channel.channel_name, state.address);
        const Counters now{
            .start_time = start_time,
            .in = share.messages,
            .out = share.messages - share.depth - share.in_flight - share.deferred,
            .requeued = share.requeued,
            .timed_out = share.timed_out,
        };
        counters[channel_key] = now;
        share.flow = FlowSince(channel_key, now);
        ChannelReport& channel_report = ByName(channel.channel_name, &channels[topic.topic_name]);
        AddLoad(share, &channel_report.total);
        AddLatency(channel.latency, &channel_report.latency);
        AddChannelLoad(share, &node.total);
        channel_report.nodes.push_back(std::move(share));
        ++node.channels;
      }
    }
    state.stats.topics.clear();
    node.state = std::move(state);
    report.nodes.push_back(std::move(node));
  }
  previous_ = std::move(counters);

  for (const LookupdState& lookupd : sample.lookupds) {
    for (const std::string& topic : lookupd.topics) ByName(topic, &topics);
  }
  std::map<Key, std::deque<Depth>> kept;
  report.topics = Values(std::move(topics));
  for (TopicReport& topic : report.topics) {
    topic.known_to_lookupd_only = topic.nodes.empty();
    topic.growth = Growth({topic.name, "", ""}, topic.total.depth, &kept);
    AddTopicLoad(topic.total, &report.total);
    topic.channels = Values(std::move(channels[topic.name]));
    for (ChannelReport& channel : topic.channels) {
      channel.growth = Growth({topic.name, channel.name, ""}, channel.total.depth, &kept);
      AddChannelLoad(channel.total, &report.total);
    }
  }
  depths_ = std::move(kept);
  report.lookupds = std::move(sample.lookupds);
  AddGoneNodes(report.by_lookupd, &report);
  previous_ms_ = now_ms_;
  return report;
}

}  // namespace nsq::admin
