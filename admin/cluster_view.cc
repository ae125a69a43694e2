#include "admin/cluster_view.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "admin/decode.h"
#include "admin/fetcher.h"
#include "admin/merge.h"
#include "common/http/client.h"
#include "common/strings.h"
#include "common/time.h"

namespace nsq::admin {
namespace {

// Calls under way at once over all requests: as many nodes as a large cluster has, so that one
// node that hangs does not hold up the others.
constexpr size_t kMostThreads = 64;

constexpr std::string_view kAnyNsqd = "failed to query any nsqd: ";
constexpr std::string_view kAnyLookupd = "failed to query any nsqlookupd: ";

template <typename T>
using Slots = std::vector<std::optional<Result<T>>>;

std::string JoinLines(const std::vector<Status>& errors) {
  std::string lines;
  for (const Status& error : errors) {
    if (!lines.empty()) lines.push_back('\n');
    lines.append(error.detail());
  }
  return lines;
}

// The rule above ClusterView for one step: what succeeded, in order; failures as one warning.
template <typename T>
Result<Answer<std::vector<T>>> Outcome(Slots<T> slots, std::string_view failure) {
  Answer<std::vector<T>> answer;
  std::vector<Status> errors;
  for (std::optional<Result<T>>& slot : slots) {
    if (slot->ok()) {
      answer.value.push_back(std::move(**slot));
    } else {
      errors.push_back(slot->status());
    }
  }
  if (errors.size() == slots.size()) {
    const bool all_not_found =
        !errors.empty() && std::all_of(errors.begin(), errors.end(), [](const Status& error) {
          return error.code() == Code::kNotFound;
        });
    return Status(all_not_found ? Code::kNotFound : Code::kUnavailable,
                  StrCat(failure, JoinLines(errors)));
  }
  if (!errors.empty()) answer.warnings.push_back(JoinLines(errors));
  return answer;
}

void Append(std::vector<std::string> more, std::vector<std::string>* warnings) {
  warnings->insert(warnings->end(), more.begin(), more.end());
}

bool HasTopic(const NodeStats& stats, const std::string& topic) {
  return std::any_of(stats.topics.begin(), stats.topics.end(),
                     [&topic](const TopicStats& t) { return t.topic_name == topic; });
}

std::vector<std::string> Without(std::vector<std::string> addresses,
                                 const ClusterView::Silent* silent) {
  if (silent != nullptr) {
    std::erase_if(addresses, [&](const std::string& a) { return silent->contains(a); });
  }
  return addresses;
}

void NoteSilence(const std::string& address, const Status& status, ClusterView::Silent* silent) {
  if (silent != nullptr && status.code() == Code::kTimeout) silent->insert(address);
}

template <typename T>
void NoteSilence(const std::vector<std::string>& addresses, const Slots<T>& slots,
                 ClusterView::Silent* silent) {
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i]->ok()) NoteSilence(addresses[i], slots[i]->status(), silent);
  }
}

std::string HostOf(const std::string& address) { return address.substr(0, address.rfind(':')); }

}  // namespace

ClusterView::ClusterView(Fetcher* fetcher, Addresses addresses)
    : fetcher_(fetcher), addresses_(std::move(addresses)), threads_(kMostThreads) {}

ClusterView::Addresses ClusterView::addresses() const {
  const std::lock_guard lock(mutex_);
  return addresses_;
}

void ClusterView::SetLookupds(std::vector<std::string> lookupds) {
  const std::lock_guard lock(mutex_);
  addresses_.lookupds = std::move(lookupds);
}

Result<NodeStats> ClusterView::AskStats(const std::string& address, const StatsQuery& query,
                                        const Node& node) {
  std::string url = StrCat("http://", address, "/stats?format=json");
  if (!query.topic.empty()) url += "&topic=" + http::EscapeQuery(query.topic);
  if (!query.channel.empty()) url += "&channel=" + http::EscapeQuery(query.channel);
  if (!query.include_clients) url += "&include_clients=false";
  Result<std::string> body = fetcher_->Get(url);
  if (!body.ok()) return body.status();
  return DecodeStats(*body, {.node = address,
                             .hostname = node.hostname,
                             .topology_zone = node.topology_zone,
                             .topology_region = node.topology_region,
                             .now_seconds = UnixSeconds(WallNow())});
}

Result<Answer<std::vector<NodeStats>>> ClusterView::AskStatsOfAll(const std::vector<Node>& nodes,
                                                                  const StatsQuery& query) {
  Slots<NodeStats> slots(nodes.size());
  threads_.ForEach(nodes.size(),
                   [&](size_t i) { slots[i] = AskStats(nodes[i].HttpAddress(), query, nodes[i]); });
  return Outcome(std::move(slots), kAnyNsqd);
}

// What is missing in the answer is taken from the address: an nsqd without a broadcast address is
// still reached where it was configured.
Result<Node> ClusterView::AskInfo(const std::string& address) {
  Result<std::string> body = fetcher_->Get(StrCat("http://", address, "/info"));
  if (!body.ok()) return body.status();
  Result<NodeInfo> info = DecodeInfo(*body);
  if (!info.ok()) return info.status();
  Node node;
  node.hostname = info->hostname.empty() ? HostOf(address) : info->hostname;
  node.broadcast_address = info->broadcast_address;
  node.tcp_port = info->tcp_port;
  node.http_port = info->http_port;
  if (node.broadcast_address.empty() || node.http_port <= 0) {
    node.broadcast_address = HostOf(address);
    if (!ParseInt(address.substr(address.rfind(':') + 1), &node.http_port)) node.http_port = 0;
  }
  node.version = info->version;
  node.topology_zone = info->topology_zone;
  node.topology_region = info->topology_region;
  return node;
}

Result<Answer<std::vector<Node>>> ClusterView::AllNodesDirectly(const Strings& nsqds) {
  Slots<Node> slots(nsqds.size());
  threads_.ForEach(slots.size(), [&](size_t i) {
    const std::string& address = nsqds[i];
    Result<Node> node = AskInfo(address);
    if (node.ok()) {
      Result<NodeStats> stats = AskStats(address, {.include_clients = false}, *node);
      if (!stats.ok()) {
        slots[i] = stats.status();
        return;
      }
      for (const TopicStats& topic : stats->topics) node->topics.push_back({topic.topic_name});
    }
    slots[i] = std::move(node);
  });
  return Outcome(std::move(slots), kAnyNsqd);
}

Result<Answer<std::vector<Node>>> ClusterView::Nodes(Silent* silent) {
  const Addresses addresses = this->addresses();
  if (addresses.lookupds.empty()) {
    Result<Answer<std::vector<Node>>> nodes = AllNodesDirectly(addresses.nsqds);
    if (nodes.ok()) SortByHostname(&nodes->value);
    return nodes;
  }
  Slots<LookupdNodes> slots(addresses.lookupds.size());
  threads_.ForEach(slots.size(), [&](size_t i) {
    const std::string& address = addresses.lookupds[i];
    Result<std::string> body = fetcher_->Get(StrCat("http://", address, "/nodes"));
    if (!body.ok()) {
      slots[i] = body.status();
      return;
    }
    Result<std::vector<Node>> nodes = DecodeProducers(*body);
    if (nodes.ok()) {
      slots[i] = LookupdNodes{address, std::move(*nodes)};
    } else {
      slots[i] = nodes.status();
    }
  });
  NoteSilence(addresses.lookupds, slots, silent);
  Result<Answer<std::vector<LookupdNodes>>> answers = Outcome(std::move(slots), kAnyLookupd);
  if (!answers.ok()) return answers.status();
  return Answer<std::vector<Node>>{MergeNodes(answers->value), std::move(answers->warnings)};
}

Result<Answer<std::vector<std::string>>> ClusterView::Topics() {
  const Addresses addresses = this->addresses();
  const bool by_lookup = !addresses.lookupds.empty();
  const std::vector<std::string>& asked = by_lookup ? addresses.lookupds : addresses.nsqds;
  Slots<std::vector<std::string>> slots(asked.size());
  threads_.ForEach(slots.size(), [&](size_t i) {
    if (!by_lookup) {
      Result<NodeStats> stats = AskStats(asked[i], {}, Node());
      if (!stats.ok()) {
        slots[i] = stats.status();
        return;
      }
      std::vector<std::string> names;
      for (const TopicStats& topic : stats->topics) names.push_back(topic.topic_name);
      slots[i] = std::move(names);
      return;
    }
    Result<std::string> body = fetcher_->Get(StrCat("http://", asked[i], "/topics"));
    slots[i] = body.ok() ? DecodeNames(*body, "topics") : body.status();
  });
  auto lists = Outcome(std::move(slots), by_lookup ? kAnyLookupd : kAnyNsqd);
  if (!lists.ok()) return lists.status();
  return Answer<std::vector<std::string>>{MergeNames(lists->value), std::move(lists->warnings)};
}

// What nsqlookupd says at /nodes tells the producers of all its topics at once; asking for each
// topic (/lookup, as nsqadmin does) says the same.
Result<Answer<std::map<std::string, std::vector<std::string>>>> ClusterView::InactiveTopics() {
  const Addresses addresses = this->addresses();
  Answer<std::map<std::string, std::vector<std::string>>> inactive;
  if (addresses.lookupds.empty()) {
    Result<Answer<std::vector<std::string>>> topics = Topics();
    if (!topics.ok()) return topics.status();
    inactive.warnings = std::move(topics->warnings);
    return inactive;
  }
  Slots<LookupdState> slots;
  for (LookupdState& state : AskLookupds(addresses.lookupds)) {
    if (state.status.ok()) {
      slots.emplace_back(std::move(state));
    } else {
      slots.emplace_back(state.status);
    }
  }
  Result<Answer<std::vector<LookupdState>>> answers = Outcome(std::move(slots), kAnyLookupd);
  if (!answers.ok()) return answers.status();
  inactive.warnings = std::move(answers->warnings);

  std::set<std::string> produced;
  std::set<std::string> known;
  for (const LookupdState& lookupd : answers->value) {
    known.insert(lookupd.topics.begin(), lookupd.topics.end());
    for (const Node& node : lookupd.nodes) {
      for (const NodeTopic& topic : node.topics) {
        if (!topic.tombstoned) produced.insert(topic.topic);
      }
    }
  }
  std::vector<std::string> names;
  std::set_difference(known.begin(), known.end(), produced.begin(), produced.end(),
                      std::back_inserter(names));

  const size_t lookupds = answers->value.size();
  std::vector<std::vector<std::string>> channels(names.size() * lookupds);
  std::vector<std::atomic<bool>> silent(lookupds);
  threads_.ForEach(channels.size(), [&](size_t i) {
    if (silent[i % lookupds]) return;
    Result<std::string> body =
        fetcher_->Get(StrCat("http://", answers->value[i % lookupds].address,
                             "/channels?topic=", http::EscapeQuery(names[i / lookupds])));
    if (!body.ok()) {
      if (body.status().code() == Code::kTimeout) silent[i % lookupds] = true;
      return;
    }
    Result<std::vector<std::string>> found = DecodeNames(*body, "channels");
    if (found.ok()) channels[i] = std::move(*found);
  });
  for (size_t t = 0; t < names.size(); ++t) {
    const auto first = channels.begin() + static_cast<std::ptrdiff_t>(t * lookupds);
    inactive.value[names[t]] = MergeNames({first, first + static_cast<std::ptrdiff_t>(lookupds)});
  }
  return inactive;
}

Result<Answer<std::vector<Node>>> ClusterView::ProducersByLookup(const Strings& lookupds,
                                                                 const std::string& topic,
                                                                 Silent* silent) {
  Slots<std::vector<Node>> slots(lookupds.size());
  threads_.ForEach(slots.size(), [&](size_t i) {
    Result<std::string> body =
        fetcher_->Get(StrCat("http://", lookupds[i], "/lookup?topic=", http::EscapeQuery(topic)));
    slots[i] = body.ok() ? DecodeProducers(*body) : body.status();
  });
  NoteSilence(lookupds, slots, silent);
  auto lists = Outcome(std::move(slots), kAnyLookupd);
  if (!lists.ok()) {
    if (lists.status().code() == Code::kNotFound) return Status(Code::kNotFound, "TOPIC_NOT_FOUND");
    return lists.status();
  }
  return Answer<std::vector<Node>>{MergeProducers(std::move(lists->value)),
                                   std::move(lists->warnings)};
}

Result<Answer<std::vector<Node>>> ClusterView::ProducersAmongNsqds(const Strings& nsqds,
                                                                   const std::string& topic) {
  Slots<std::optional<Node>> slots(nsqds.size());
  threads_.ForEach(slots.size(), [&](size_t i) {
    const std::string& address = nsqds[i];
    Result<NodeStats> stats = AskStats(address, {.topic = topic, .include_clients = false}, Node());
    if (!stats.ok()) {
      slots[i] = stats.status();
      return;
    }
    if (!HasTopic(*stats, topic)) {
      slots[i] = std::optional<Node>();
      return;
    }
    Result<Node> node = AskInfo(address);
    if (node.ok()) {
      slots[i] = std::optional<Node>(std::move(*node));
    } else {
      slots[i] = node.status();
    }
  });
  auto found = Outcome(std::move(slots), kAnyNsqd);
  if (!found.ok()) return found.status();
  Answer<std::vector<Node>> answer{{}, std::move(found->warnings)};
  for (std::optional<Node>& node : found->value) {
    if (node.has_value()) answer.value.push_back(std::move(*node));
  }
  if (answer.value.empty() && answer.warnings.empty()) {
    return Status(Code::kNotFound, "TOPIC_NOT_FOUND");
  }
  return answer;
}

Result<Answer<std::vector<Node>>> ClusterView::ProducersOf(const std::string& topic,
                                                           Silent* silent) {
  const Addresses addresses = this->addresses();
  return addresses.lookupds.empty()
             ? ProducersAmongNsqds(addresses.nsqds, topic)
             : ProducersByLookup(Without(addresses.lookupds, silent), topic, silent);
}

Result<Answer<TopicStats>> ClusterView::Topic(const std::string& topic) {
  auto producers = ProducersOf(topic);
  if (!producers.ok()) return producers.status();
  auto stats = AskStatsOfAll(producers->value, {.topic = topic, .include_clients = false});
  if (!stats.ok()) return stats.status();
  Answer<TopicStats> answer;
  answer.value.topic_name = topic;
  for (NodeStats& node : stats->value) {
    for (TopicStats& part : node.topics) {
      if (part.topic_name == topic) AddTopic(std::move(part), &answer.value);
    }
  }
  FinishTopic(&answer.value);
  Append(std::move(producers->warnings), &answer.warnings);
  Append(std::move(stats->warnings), &answer.warnings);
  return answer;
}

Result<Answer<ChannelStats>> ClusterView::Channel(const std::string& topic,
                                                  const std::string& channel) {
  auto producers = ProducersOf(topic);
  if (!producers.ok()) return producers.status();
  auto stats = AskStatsOfAll(producers->value, {.topic = topic, .channel = channel});
  if (!stats.ok()) return stats.status();
  Answer<ChannelStats> answer;
  answer.value.topic_name = topic;
  answer.value.channel_name = channel;
  for (NodeStats& node : stats->value) {
    for (TopicStats& part : node.topics) {
      if (part.topic_name != topic || !part.channels.has_value()) continue;
      for (ChannelStats& share : *part.channels) {
        if (share.channel_name == channel) AddChannel(std::move(share), &answer.value);
      }
    }
  }
  if (answer.value.nodes.empty()) return Status(Code::kNotFound, "CHANNEL_NOT_FOUND");
  FinishChannel(&answer.value);
  Append(std::move(producers->warnings), &answer.warnings);
  Append(std::move(stats->warnings), &answer.warnings);
  return answer;
}

Result<Answer<ClusterView::OneNode>> ClusterView::NodeByAddress(const std::string& address) {
  auto nodes = Nodes();
  if (!nodes.ok()) return nodes.status();
  const auto found = std::find_if(nodes->value.begin(), nodes->value.end(),
                                  [&](const Node& node) { return node.HttpAddress() == address; });
  if (found == nodes->value.end()) return Status(Code::kNotFound, "NODE_NOT_FOUND");
  auto stats = AskStatsOfAll({*found}, {});
  if (!stats.ok()) return stats.status();
  return Answer<OneNode>{{address, std::move(stats->value[0])}, std::move(nodes->warnings)};
}

Result<Answer<std::map<std::string, ClusterView::Counter>>> ClusterView::Counters() {
  auto nodes = Nodes();
  if (!nodes.ok()) return nodes.status();
  auto stats = AskStatsOfAll(nodes->value, {.include_clients = false});
  if (!stats.ok()) return stats.status();
  Answer<std::map<std::string, Counter>> answer;
  for (const NodeStats& node : stats->value) {
    for (const TopicStats& topic : node.topics) {
      if (!topic.channels.has_value()) continue;
      for (const ChannelStats& channel : *topic.channels) {
        answer.value[StrCat(topic.topic_name, ":", channel.channel_name, ":", channel.node)] = {
            channel.node, topic.topic_name, channel.channel_name, channel.message_count};
      }
    }
  }
  Append(std::move(nodes->warnings), &answer.warnings);
  Append(std::move(stats->warnings), &answer.warnings);
  return answer;
}

// Two questions each: who is there, and which topics are known.
std::vector<LookupdState> ClusterView::AskLookupds(const Strings& lookupds) {
  std::vector<LookupdState> states(lookupds.size());
  std::vector<Result<Strings>> topics(lookupds.size(), Strings());
  threads_.ForEach(2 * lookupds.size(), [&](size_t i) {
    LookupdState& state = states[i / 2];
    const std::string& address = lookupds[i / 2];
    const bool ask_topics = i % 2 == 1;
    Result<std::string> body =
        fetcher_->Get(StrCat("http://", address, ask_topics ? "/topics" : "/nodes"));
    if (ask_topics) {
      topics[i / 2] = body.ok() ? DecodeNames(*body, "topics") : body.status();
      return;
    }
    Result<std::vector<Node>> nodes = body.ok() ? DecodeProducers(*body) : body.status();
    if (nodes.ok()) {
      state.nodes = std::move(*nodes);
    } else {
      state.status = nodes.status();
    }
  });
  for (size_t i = 0; i < lookupds.size(); ++i) {
    states[i].address = lookupds[i];
    if (topics[i].ok()) {
      states[i].topics = std::move(*topics[i]);
    } else {
      states[i].status = topics[i].status();
    }
  }
  return states;
}

std::vector<std::string> ClusterView::Tell(const std::vector<std::string>& all_addresses,
                                           const std::string& path_and_query, Silent* silent) {
  const Strings addresses = Without(all_addresses, silent);
  std::vector<Status> answers(addresses.size());
  threads_.ForEach(addresses.size(), [&](size_t i) {
    answers[i] = fetcher_->Post(StrCat("http://", addresses[i], path_and_query));
  });
  std::vector<std::string> errors;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].ok()) continue;
    NoteSilence(addresses[i], answers[i], silent);
    errors.push_back(answers[i].detail());
  }
  return errors;
}

ClusterSample ClusterView::Sample() {
  const auto start = std::chrono::steady_clock::now();
  ClusterSample sample;
  const Addresses addresses = this->addresses();
  sample.by_lookupd = !addresses.lookupds.empty();
  sample.lookupds = AskLookupds(addresses.lookupds);
  std::vector<LookupdNodes> answers;
  for (const LookupdState& state : sample.lookupds) {
    if (state.status.ok()) answers.push_back({state.address, state.nodes});
  }
  for (Node& node : MergeNodes(answers)) {
    NodeState state;
    state.address = node.HttpAddress();
    for (const std::string& sighting : node.remote_addresses) {
      state.lookupds.push_back(sighting.substr(0, sighting.find('/')));
    }
    state.node = std::move(node);
    sample.nodes.push_back(std::move(state));
  }
  for (const std::string& address :
       sample.by_lookupd ? std::vector<std::string>() : addresses.nsqds) {
    NodeState state;
    state.address = address;
    sample.nodes.push_back(std::move(state));
  }

  threads_.ForEach(sample.nodes.size(), [&](size_t i) {
    NodeState& state = sample.nodes[i];
    if (!sample.by_lookupd) {
      Result<Node> node = AskInfo(state.address);
      if (!node.ok()) {
        state.status = node.status();
        return;
      }
      state.node = std::move(*node);
      state.address = state.node.HttpAddress();
    }
    Result<NodeStats> stats = AskStats(state.address, {.include_clients = false}, state.node);
    if (stats.ok()) {
      state.stats = std::move(*stats);
    } else {
      state.status = stats.status();
    }
  });

  sample.unix_ms = UnixNanos(WallNow()) / 1'000'000;
  sample.took_ms =
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start).count();
  return sample;
}

}  // namespace nsq::admin
