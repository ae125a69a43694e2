#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/home.h"
#include "common/time.h"

namespace nsq::lookupd {

// One instant on both clocks: steady for what expires, wall for what people read.
struct Moment {
  SteadyTime steady;
  WallTime wall;
};

// One connection of an nsqd; never used again. Later connections have greater ids.
enum class PeerId : uint64_t {};

// An nsqd as its IDENTIFY describes it.
struct Peer {
  std::string remote_address;  // "ip:port" of its connection
  std::string hostname;
  std::string broadcast_address;
  int64_t tcp_port = 0;
  int64_t http_port = 0;
  std::string version;
  std::string topology_zone;
  std::string topology_region;
  bool draining = false;  // takes nothing more, has messages left for consumers
};

// Who has which topic and channel, in memory only: nsqds tell it anew whenever they connect.
//
//   topic ──┬── producers: those with the topic, each with or without a tombstone
//           └── channel ── producers: those with the channel (and so with the topic)
//
// A topic or channel stays when its last producer goes, so that an nsqd that makes the topic later
// still learns its channels. #ephemeral ones go with their last producer.
//
// A producer is inactive when it has been silent for longer than `inactive_producer_timeout`; it is
// hidden then, never removed, and comes back with its next Ping. A tombstone hides a producer of
// one topic for `tombstone_lifetime`.
//
// Names are taken as they are: whoever calls has checked them. Lists are sorted by name, producers
// by age. Views point into the database and hold until its next change.
//
// Home: the daemon's loop. Pure: knows no clock and no socket.
class RegistrationDb {
 public:
  struct Options {
    Duration inactive_producer_timeout = seconds(300);
    Duration tombstone_lifetime = seconds(45);
  };

  // A topic, or a channel of it if `channel` is not empty.
  struct Key {
    std::string topic;
    std::string channel;
  };
  struct Registered {  // what was new
    bool channel = false;
    bool topic = false;
  };
  struct TopicUnregistered {
    std::vector<std::string> channels;  // it was still registered for these
    bool topic = false;
  };
  struct LookupView {
    std::vector<std::string_view> channels;  // with or without producers
    std::vector<const Peer*> producers;
  };
  struct NodeTopic {
    std::string_view name;
    bool tombstoned = false;
  };
  struct NodeView {
    const Peer* peer = nullptr;
    std::vector<NodeTopic> topics;
  };
  struct DumpedProducer {
    const Peer* peer = nullptr;
    WallTime last_update;
    std::optional<WallTime> tombstoned_at;  // stays when the tombstone has expired
  };
  struct TopicFigures {
    std::string_view name;
    uint64_t producers = 0;   // active ones without a tombstone
    uint64_t tombstones = 0;  // that hide a producer now
    uint64_t channels = 0;
  };
  struct Figures {
    std::vector<TopicFigures> topics;
    uint64_t nodes = 0;
    uint64_t inactive_nodes = 0;  // of them
  };
  using Dump = std::map<std::string, std::vector<DumpedProducer>>;

  // `home` outlives the database.
  RegistrationDb(const Home& home, Options options) : home_(home), options_(options) {}

  // --- What nsqds say. `id` has been added and not removed.

  void AddPeer(PeerId id, Peer peer, Moment now);
  // The time since its last sign of life, which this is now.
  Duration Ping(PeerId id, Moment now);
  // Says what it was registered for.
  std::vector<Key> RemovePeer(PeerId id);

  // Adds the producer to the topic, and to the channel unless that is empty. Being there already
  // changes nothing: a tombstone stays.
  Registered Register(PeerId id, std::string_view topic, std::string_view channel);
  // True if it was registered.
  bool UnregisterChannel(PeerId id, std::string_view topic, std::string_view channel);
  // From the topic and all its channels. Costs what it was registered for, however many channels
  // the topic has.
  TopicUnregistered UnregisterTopic(PeerId id, std::string_view topic);

  // --- What people and nsqadmin say. Peers are not told and stay connected; what is deleted comes
  // back with the next REGISTER.

  void CreateTopic(std::string_view topic);
  void CreateChannel(std::string_view topic, std::string_view channel);
  // False if there is none.
  bool DeleteTopic(std::string_view topic);
  bool DeleteChannel(std::string_view topic, std::string_view channel);

  // Hides from the topic every producer whose "broadcast_address:http_port" is `node`, IPv6
  // addresses with or without brackets. Again restarts the clock.
  void Tombstone(std::string_view topic, std::string_view node, Moment now);

  // --- Questions.

  std::vector<std::string_view> Topics() const;
  std::vector<std::string_view> Channels(std::string_view topic) const;
  // Its active producers without a tombstone; nullopt: no such topic.
  std::optional<LookupView> Lookup(std::string_view topic, Moment now) const;
  // All active peers, tombstones or not.
  std::vector<NodeView> Nodes(Moment now) const;
  // For statistics.
  Figures Count(Moment now) const;
  // Everything with a producer, active or not, by "category:key:subkey".
  Dump DumpAll() const;

 private:
  struct Producer {
    PeerId id;
    std::optional<Moment> tombstoned_at;
  };
  // Sorted by id. Vectors, not trees: a large cluster has a hundred nodes, and as many topics as
  // you like.
  struct Topic {
    std::vector<Producer> producers;
    std::map<std::string, std::vector<PeerId>, std::less<>> channels;
  };
  using TopicMap = std::map<std::string, Topic, std::less<>>;
  // What a peer has of a topic.
  struct Membership {
    Topic* topic;
    std::set<std::string_view> channels;  // keys are those of `topic`
  };
  struct PeerState {
    Peer peer;
    Moment last_update;
    std::map<std::string_view, Membership> topics;  // those that have it; keys are those of topics_
  };

  PeerState& StateOf(PeerId id) NSQ_REQUIRES(home_);
  const PeerState& StateOf(PeerId id) const NSQ_REQUIRES(home_);
  TopicMap::iterator MakeTopic(std::string_view topic) NSQ_REQUIRES(home_);
  void EraseTopic(TopicMap::iterator topic) NSQ_REQUIRES(home_);
  void LeaveTopic(PeerId id, TopicMap::iterator topic, std::vector<std::string>* channels)
      NSQ_REQUIRES(home_);
  void EraseIfDead(TopicMap::iterator topic) NSQ_REQUIRES(home_);
  bool IsActive(const PeerState& state, Moment now) const NSQ_REQUIRES(home_);
  bool IsHidden(const Producer& producer, Moment now) const NSQ_REQUIRES(home_);

  const Home& home_;
  const Options options_;
  TopicMap topics_ NSQ_GUARDED_BY(home_);
  std::map<PeerId, PeerState> peers_ NSQ_GUARDED_BY(home_);
};

}  // namespace nsq::lookupd
