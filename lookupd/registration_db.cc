#include "lookupd/registration_db.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/strings.h"
#include "common/wire/names.h"

namespace nsq::lookupd {
namespace {

// "[::1]:4151" -> "::1:4151", the form that nsqds are compared in.
std::string WithoutBrackets(std::string_view address) {
  std::string plain(address);
  const size_t end = plain.find(']');
  if (!plain.starts_with('[') || end == std::string::npos) return plain;
  plain.erase(end, 1);
  plain.erase(0, 1);
  return plain;
}

template <typename List>
auto FindProducer(List& producers, PeerId id) {
  const auto at = std::lower_bound(producers.begin(), producers.end(), id,
                                   [](const auto& p, PeerId wanted) { return p.id < wanted; });
  return at != producers.end() && at->id == id ? at : producers.end();
}

// True if it was not there.
bool Insert(std::vector<PeerId>* ids, PeerId id) {
  const auto at = std::lower_bound(ids->begin(), ids->end(), id);
  if (at != ids->end() && *at == id) return false;
  ids->insert(at, id);
  return true;
}

// True if it was there.
bool Erase(std::vector<PeerId>* ids, PeerId id) {
  const auto at = std::lower_bound(ids->begin(), ids->end(), id);
  if (at == ids->end() || *at != id) return false;
  ids->erase(at);
  return true;
}

}  // namespace

RegistrationDb::PeerState& RegistrationDb::StateOf(PeerId id) {
  const auto at = peers_.find(id);
  NSQ_CHECK(at != peers_.end());
  return at->second;
}

const RegistrationDb::PeerState& RegistrationDb::StateOf(PeerId id) const {
  const auto at = peers_.find(id);
  NSQ_CHECK(at != peers_.end());
  return at->second;
}

RegistrationDb::TopicMap::iterator RegistrationDb::MakeTopic(std::string_view topic) {
  const auto at = topics_.find(topic);
  return at != topics_.end() ? at : topics_.emplace(topic, Topic()).first;
}

void RegistrationDb::EraseTopic(TopicMap::iterator topic) {
  for (const Producer& producer : topic->second.producers) {
    StateOf(producer.id).topics.erase(topic->first);
  }
  topics_.erase(topic);
}

// Takes the peer, which has it, out of the topic and its channels; appends the names of those it
// was in. The topic may be gone afterwards.
void RegistrationDb::LeaveTopic(PeerId id, TopicMap::iterator topic,
                                std::vector<std::string>* channels) {
  auto membership = StateOf(id).topics.extract(topic->first);
  auto& all = topic->second.channels;
  for (const std::string_view name : membership.mapped().channels) {
    channels->emplace_back(name);
    const auto channel = all.find(name);
    Erase(&channel->second, id);
    if (channel->second.empty() && IsEphemeral(channel->first)) all.erase(channel);
  }
  auto& producers = topic->second.producers;
  producers.erase(FindProducer(producers, id));
  EraseIfDead(topic);
}

// An ephemeral topic goes with its last producer. Nobody has its channels then either: a producer
// of a channel is one of the topic.
void RegistrationDb::EraseIfDead(TopicMap::iterator topic) {
  if (topic->second.producers.empty() && IsEphemeral(topic->first)) topics_.erase(topic);
}

bool RegistrationDb::IsActive(const PeerState& state, Moment now) const {
  return now.steady - state.last_update.steady <= options_.inactive_producer_timeout;
}

bool RegistrationDb::IsHidden(const Producer& producer, Moment now) const {
  return producer.tombstoned_at.has_value() &&
         now.steady - producer.tombstoned_at->steady < options_.tombstone_lifetime;
}

void RegistrationDb::AddPeer(PeerId id, Peer peer, Moment now) {
  home_.Assert();
  const bool added = peers_.emplace(id, PeerState{std::move(peer), now, {}}).second;
  NSQ_CHECK(added);
}

Duration RegistrationDb::Ping(PeerId id, Moment now) {
  home_.Assert();
  PeerState& state = StateOf(id);
  return now.steady - std::exchange(state.last_update, now).steady;
}

std::vector<RegistrationDb::Key> RegistrationDb::RemovePeer(PeerId id) {
  home_.Assert();
  std::vector<Key> registrations;
  PeerState& state = StateOf(id);
  while (!state.topics.empty()) {
    const auto topic = topics_.find(state.topics.begin()->first);
    NSQ_CHECK(topic != topics_.end());
    const std::string name = topic->first;
    std::vector<std::string> channels;
    LeaveTopic(id, topic, &channels);
    for (std::string& channel : channels) registrations.push_back({name, std::move(channel)});
    registrations.push_back({name, ""});
  }
  peers_.erase(id);
  return registrations;
}

RegistrationDb::Registered RegistrationDb::Register(PeerId id, std::string_view topic,
                                                    std::string_view channel) {
  home_.Assert();
  Registered added;
  const auto at = MakeTopic(topic);
  auto& producers = at->second.producers;
  if (FindProducer(producers, id) == producers.end()) {
    const auto place =
        std::lower_bound(producers.begin(), producers.end(), id,
                         [](const Producer& p, PeerId wanted) { return p.id < wanted; });
    producers.insert(place, Producer{id, std::nullopt});
    StateOf(id).topics.emplace(at->first, Membership{&at->second, {}});
    added.topic = true;
  }
  if (!channel.empty()) {
    auto& channels = at->second.channels;
    auto found = channels.find(channel);
    if (found == channels.end()) found = channels.emplace(channel, std::vector<PeerId>()).first;
    added.channel = Insert(&found->second, id);
    if (added.channel) StateOf(id).topics.find(at->first)->second.channels.insert(found->first);
  }
  return added;
}

bool RegistrationDb::UnregisterChannel(PeerId id, std::string_view topic,
                                       std::string_view channel) {
  home_.Assert();
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return false;
  auto& channels = at->second.channels;
  const auto found = channels.find(channel);
  if (found == channels.end()) return false;
  const bool removed = Erase(&found->second, id);
  if (removed) StateOf(id).topics.find(topic)->second.channels.erase(found->first);
  // As nsqlookupd: also when this peer had not registered it.
  if (found->second.empty() && IsEphemeral(channel)) channels.erase(found);
  return removed;
}

RegistrationDb::TopicUnregistered RegistrationDb::UnregisterTopic(PeerId id,
                                                                  std::string_view topic) {
  home_.Assert();
  TopicUnregistered removed;
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return removed;
  removed.topic = StateOf(id).topics.contains(topic);
  if (removed.topic) {
    LeaveTopic(id, at, &removed.channels);
  } else {
    EraseIfDead(at);  // made over HTTP; nobody has had it
  }
  return removed;
}

void RegistrationDb::CreateTopic(std::string_view topic) {
  home_.Assert();
  MakeTopic(topic);
}

void RegistrationDb::CreateChannel(std::string_view topic, std::string_view channel) {
  home_.Assert();
  auto& channels = MakeTopic(topic)->second.channels;
  if (!channels.contains(channel)) channels.emplace(channel, std::vector<PeerId>());
}

bool RegistrationDb::DeleteTopic(std::string_view topic) {
  home_.Assert();
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return false;
  EraseTopic(at);
  return true;
}

bool RegistrationDb::DeleteChannel(std::string_view topic, std::string_view channel) {
  home_.Assert();
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return false;
  const auto found = at->second.channels.find(channel);
  if (found == at->second.channels.end()) return false;
  for (const PeerId id : found->second) {
    StateOf(id).topics.find(topic)->second.channels.erase(found->first);
  }
  at->second.channels.erase(found);
  return true;
}

void RegistrationDb::Tombstone(std::string_view topic, std::string_view node, Moment now) {
  home_.Assert();
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return;
  const std::string wanted = WithoutBrackets(node);
  for (Producer& producer : at->second.producers) {
    const Peer& peer = StateOf(producer.id).peer;
    if (StrCat(WithoutBrackets(peer.broadcast_address), ":", peer.http_port) == wanted) {
      producer.tombstoned_at = now;
    }
  }
}

std::vector<std::string_view> RegistrationDb::Topics() const {
  home_.Assert();
  std::vector<std::string_view> names;
  names.reserve(topics_.size());
  for (const auto& [name, topic] : topics_) names.push_back(name);
  return names;
}

std::vector<std::string_view> RegistrationDb::Channels(std::string_view topic) const {
  home_.Assert();
  std::vector<std::string_view> names;
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return names;
  for (const auto& [name, producers] : at->second.channels) names.push_back(name);
  return names;
}

std::optional<RegistrationDb::LookupView> RegistrationDb::Lookup(std::string_view topic,
                                                                 Moment now) const {
  home_.Assert();
  const auto at = topics_.find(topic);
  if (at == topics_.end()) return std::nullopt;
  LookupView view;
  for (const auto& [name, producers] : at->second.channels) view.channels.push_back(name);
  for (const Producer& producer : at->second.producers) {
    const PeerState& state = StateOf(producer.id);
    if (IsActive(state, now) && !IsHidden(producer, now)) view.producers.push_back(&state.peer);
  }
  return view;
}

std::vector<RegistrationDb::NodeView> RegistrationDb::Nodes(Moment now) const {
  home_.Assert();
  std::vector<NodeView> nodes;
  for (const auto& [id, state] : peers_) {
    if (!IsActive(state, now)) continue;
    NodeView& node = nodes.emplace_back();
    node.peer = &state.peer;
    node.topics.reserve(state.topics.size());
    for (const auto& [name, membership] : state.topics) {
      const auto& producers = membership.topic->producers;
      node.topics.push_back({name, IsHidden(*FindProducer(producers, id), now)});
    }
  }
  return nodes;
}

RegistrationDb::Figures RegistrationDb::Count(Moment now) const {
  home_.Assert();
  Figures figures;
  for (const auto& [name, topic] : topics_) {
    TopicFigures one;
    one.name = name;
    one.channels = topic.channels.size();
    for (const Producer& producer : topic.producers) {
      if (IsHidden(producer, now)) {
        ++one.tombstones;
      } else if (IsActive(StateOf(producer.id), now)) {
        ++one.producers;
      }
    }
    figures.topics.push_back(one);
  }
  figures.nodes = peers_.size();
  for (const auto& [id, state] : peers_) figures.inactive_nodes += IsActive(state, now) ? 0 : 1;
  return figures;
}

RegistrationDb::Dump RegistrationDb::DumpAll() const {
  home_.Assert();
  Dump dump;
  for (const auto& [id, state] : peers_) {
    dump["client::"].push_back({&state.peer, state.last_update.wall, std::nullopt});
  }
  for (const auto& [topic_name, topic] : topics_) {
    for (const Producer& producer : topic.producers) {
      const PeerState& state = StateOf(producer.id);
      std::optional<WallTime> tombstoned_at;
      if (producer.tombstoned_at.has_value()) tombstoned_at = producer.tombstoned_at->wall;
      dump[StrCat("topic:", topic_name, ":")].push_back(
          {&state.peer, state.last_update.wall, tombstoned_at});
    }
    for (const auto& [channel_name, producers] : topic.channels) {
      for (const PeerId id : producers) {
        const PeerState& state = StateOf(id);
        dump[StrCat("channel:", topic_name, ":", channel_name)].push_back(
            {&state.peer, state.last_update.wall, std::nullopt});
      }
    }
  }
  return dump;
}

}  // namespace nsq::lookupd
