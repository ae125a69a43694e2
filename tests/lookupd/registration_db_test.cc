#include "lookupd/registration_db.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>
#include <tuple>

#include "common/strings.h"

namespace nsq::lookupd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kTimeout = seconds(300);
constexpr Duration kLifetime = seconds(45);

Moment At(Duration since_start) {
  return {SteadyTime(since_start), WallTime(seconds(1'700'000'000) + since_start)};
}

Peer Node(std::string address, int64_t http_port = 4151) {
  Peer peer;
  peer.remote_address = "10.0.0.1:" + address;
  peer.broadcast_address = std::move(address);
  peer.tcp_port = 4150;
  peer.http_port = http_port;
  peer.version = "1.3.0";
  return peer;
}

class RegistrationDbTest : public testing::Test {
 protected:
  static constexpr PeerId kA{1};
  static constexpr PeerId kB{2};

  void SetUp() override {
    db_.AddPeer(kA, Node("a"), now_);
    db_.AddPeer(kB, Node("b"), now_);
  }

  void Advance(Duration by) {
    since_start_ += by;
    now_ = At(since_start_);
  }

  // Broadcast addresses of what /lookup shows.
  std::vector<std::string> Producers(std::string_view topic) {
    std::vector<std::string> addresses;
    if (const auto view = db_.Lookup(topic, now_)) {
      for (const Peer* peer : view->producers) addresses.push_back(peer->broadcast_address);
    }
    return addresses;
  }

  // "a[t1 t2!]": nodes with their topics, '!' for a tombstone.
  std::string Nodes() {
    std::string text;
    for (const auto& node : db_.Nodes(now_)) {
      text += node.peer->broadcast_address + "[";
      for (const auto& topic : node.topics) {
        text += StrCat(text.back() == '[' ? "" : " ", topic.name, topic.tombstoned ? "!" : "");
      }
      text += "]";
    }
    return text;
  }

  Home home_;
  RegistrationDb db_{home_, {kTimeout, kLifetime}};
  Duration since_start_{0};
  Moment now_ = At(since_start_);
};

TEST_F(RegistrationDbTest, RegisteringAChannelRegistersItsTopic) {
  const auto added = db_.Register(kA, "t", "c");
  EXPECT_TRUE(added.topic);
  EXPECT_TRUE(added.channel);
  EXPECT_THAT(db_.Topics(), ElementsAre("t"));
  EXPECT_THAT(db_.Channels("t"), ElementsAre("c"));
  EXPECT_THAT(Producers("t"), ElementsAre("a"));

  const auto again = db_.Register(kA, "t", "c");
  EXPECT_FALSE(again.topic);
  EXPECT_FALSE(again.channel);
  EXPECT_THAT(Producers("t"), ElementsAre("a"));
}

TEST_F(RegistrationDbTest, UnregisteringAChannelKeepsItAndTheTopic) {
  db_.Register(kA, "t", "c");
  EXPECT_TRUE(db_.UnregisterChannel(kA, "t", "c"));
  EXPECT_FALSE(db_.UnregisterChannel(kA, "t", "c"));
  EXPECT_FALSE(db_.UnregisterChannel(kA, "t", "unknown"));
  EXPECT_FALSE(db_.UnregisterChannel(kA, "unknown", "c"));
  EXPECT_THAT(db_.Channels("t"), ElementsAre("c"));
  EXPECT_THAT(Producers("t"), ElementsAre("a"));
}

TEST_F(RegistrationDbTest, UnregisteringATopicLeavesItsChannelsFirst) {
  db_.Register(kA, "t", "c1");
  db_.Register(kA, "t", "c2");
  db_.Register(kB, "t", "c2");
  const auto removed = db_.UnregisterTopic(kA, "t");
  EXPECT_TRUE(removed.topic);
  EXPECT_THAT(removed.channels, ElementsAre("c1", "c2"));
  EXPECT_THAT(db_.Channels("t"), ElementsAre("c1", "c2"));
  EXPECT_THAT(Producers("t"), ElementsAre("b"));
  EXPECT_FALSE(db_.UnregisterTopic(kA, "t").topic);
}

// A stranger, or one that has a single channel, says UNREGISTER again and again: with a look at
// every channel each time this takes minutes.
TEST_F(RegistrationDbTest, UnregisteringCostsWhatWasRegistered) {
  constexpr int kMany = 50'000;
  for (int i = 0; i < kMany; ++i) db_.Register(kA, "t", StrCat("c", i));
  for (int i = 0; i < kMany; ++i) {
    EXPECT_FALSE(db_.UnregisterTopic(kB, "t").topic);
    db_.Register(kB, "t", "c77");
    EXPECT_THAT(db_.UnregisterTopic(kB, "t").channels, ElementsAre("c77"));
  }
  EXPECT_EQ(db_.UnregisterTopic(kA, "t").channels.size(), size_t{kMany});
}

TEST_F(RegistrationDbTest, KeysStayWhenTheirLastProducerDisconnects) {
  db_.Register(kA, "t", "c");
  EXPECT_EQ(db_.RemovePeer(kA).size(), 2u);
  EXPECT_THAT(db_.Topics(), ElementsAre("t"));
  EXPECT_THAT(db_.Channels("t"), ElementsAre("c"));
  EXPECT_THAT(Producers("t"), IsEmpty());
  EXPECT_TRUE(db_.Lookup("t", now_).has_value());
  EXPECT_EQ(Nodes(), "b[]");
}

TEST_F(RegistrationDbTest, EphemeralKeysGoWithTheirLastProducerHoweverItGoes) {
  const auto both = [this] {
    db_.Register(kA, "t", "c#ephemeral");
    db_.Register(kB, "t", "c#ephemeral");
  };
  both();
  db_.UnregisterChannel(kA, "t", "c#ephemeral");
  EXPECT_THAT(db_.Channels("t"), ElementsAre("c#ephemeral"));
  db_.UnregisterChannel(kB, "t", "c#ephemeral");
  EXPECT_THAT(db_.Channels("t"), IsEmpty());

  both();
  db_.UnregisterTopic(kA, "t");
  EXPECT_THAT(db_.Channels("t"), ElementsAre("c#ephemeral"));
  db_.RemovePeer(kB);
  EXPECT_THAT(db_.Channels("t"), IsEmpty());
  EXPECT_THAT(db_.Topics(), ElementsAre("t"));
}

TEST_F(RegistrationDbTest, AnEphemeralTopicTakesItsChannelsAlong) {
  db_.Register(kA, "t#ephemeral", "c");
  db_.Register(kB, "t#ephemeral", "");
  db_.RemovePeer(kA);
  EXPECT_THAT(db_.Channels("t#ephemeral"), ElementsAre("c"));
  EXPECT_TRUE(db_.UnregisterTopic(kB, "t#ephemeral").topic);
  EXPECT_THAT(db_.Topics(), IsEmpty());
  EXPECT_THAT(db_.Channels("t#ephemeral"), IsEmpty());
  EXPECT_FALSE(db_.Lookup("t#ephemeral", now_).has_value());
}

TEST_F(RegistrationDbTest, SilentProducersAreHiddenUntilTheirNextPing) {
  db_.Register(kA, "t", "");
  Advance(kTimeout);
  EXPECT_THAT(Producers("t"), ElementsAre("a")) << "exactly the timeout is not too long";
  Advance(nanoseconds(1));
  db_.Register(kA, "t", "c");  // no sign of life, as in nsqlookupd
  EXPECT_THAT(Producers("t"), IsEmpty());
  EXPECT_EQ(Nodes(), "");
  EXPECT_THAT(db_.Topics(), ElementsAre("t"));
  EXPECT_EQ(db_.DumpAll().at("client::").size(), 2u);

  EXPECT_EQ(db_.Ping(kA, now_), kTimeout + nanoseconds(1));
  EXPECT_THAT(Producers("t"), ElementsAre("a"));
  EXPECT_EQ(Nodes(), "a[t]");
}

TEST_F(RegistrationDbTest, ATombstoneHidesOneTopicForItsLifetime) {
  for (const PeerId id : {kA, kB}) {
    db_.Register(id, "t", "");
    db_.Register(id, "u", "");
  }
  db_.Tombstone("t", "a:4151", now_);
  EXPECT_THAT(Producers("t"), ElementsAre("b"));
  EXPECT_THAT(Producers("u"), ElementsAre("a", "b"));
  EXPECT_EQ(Nodes(), "a[t! u]b[t u]");

  Advance(kLifetime - nanoseconds(1));
  EXPECT_THAT(Producers("t"), ElementsAre("b"));
  db_.Tombstone("t", "a:4151", now_);  // restarts the clock
  Advance(kLifetime - nanoseconds(1));
  EXPECT_THAT(Producers("t"), ElementsAre("b"));
  Advance(nanoseconds(1));
  EXPECT_THAT(Producers("t"), ElementsAre("a", "b"));
  EXPECT_EQ(Nodes(), "a[t u]b[t u]");
  EXPECT_TRUE(db_.DumpAll().at("topic:t:")[0].tombstoned_at.has_value()) << "/debug still shows it";
}

TEST_F(RegistrationDbTest, OnlyANewRegistrationClearsATombstone) {
  const auto tombstone = [this] {
    db_.Register(kA, "t", "");
    db_.Tombstone("t", "a:4151", now_);
    ASSERT_THAT(Producers("t"), IsEmpty());
  };
  tombstone();
  db_.Register(kA, "t", "c");
  db_.Ping(kA, now_);
  EXPECT_THAT(Producers("t"), IsEmpty());

  db_.UnregisterTopic(kA, "t");
  db_.Register(kA, "t", "");
  EXPECT_THAT(Producers("t"), ElementsAre("a"));

  tombstone();
  db_.DeleteTopic("t");
  db_.Register(kA, "t", "");
  EXPECT_THAT(Producers("t"), ElementsAre("a"));

  tombstone();
  db_.RemovePeer(kA);
  db_.AddPeer(PeerId{3}, Node("a"), now_);
  db_.Register(PeerId{3}, "t", "");
  EXPECT_THAT(Producers("t"), ElementsAre("a"));
}

TEST_F(RegistrationDbTest, TombstonesMatchHostAndHttpPortWithOrWithoutBrackets) {
  struct Row {
    const char* broadcast_address;
    const char* node;
    bool hidden;
  };
  for (const Row& row : {Row{"h", "h:4151", true}, Row{"h", "h:4150", false},  // the TCP port
                         Row{"h", "h", false}, Row{"h", "", false}, Row{"::1", "[::1]:4151", true},
                         Row{"::1", "::1:4151", true}, Row{"[::1]", "::1:4151", true},
                         Row{"[::1]", "[::1]:4151", true}, Row{"::1", "[::2]:4151", false}}) {
    SCOPED_TRACE(StrCat(row.broadcast_address, " ", row.node));
    RegistrationDb db(home_, {kTimeout, kLifetime});
    db.AddPeer(kA, Node(row.broadcast_address), now_);
    db.Register(kA, "t", "");
    db.Tombstone("t", row.node, now_);
    EXPECT_EQ(db.Lookup("t", now_)->producers.empty(), row.hidden);
  }
}

TEST_F(RegistrationDbTest, TwoConnectionsOfOneAddressAreTwoProducers) {
  db_.AddPeer(PeerId{3}, Node("a"), now_);
  db_.Register(kA, "t", "");
  db_.Register(PeerId{3}, "t", "");
  EXPECT_THAT(Producers("t"), ElementsAre("a", "a"));
  db_.Tombstone("t", "a:4151", now_);
  EXPECT_THAT(Producers("t"), IsEmpty());
}

TEST_F(RegistrationDbTest, DeletingDropsKeysAndLeavesPeersConnected) {
  db_.Register(kA, "t", "c");
  EXPECT_FALSE(db_.DeleteChannel("t", "unknown"));
  EXPECT_FALSE(db_.DeleteChannel("unknown", "c"));
  EXPECT_TRUE(db_.DeleteChannel("t", "c"));
  EXPECT_THAT(db_.Channels("t"), IsEmpty());
  EXPECT_THAT(Producers("t"), ElementsAre("a"));
  EXPECT_TRUE(db_.DeleteTopic("t"));
  EXPECT_FALSE(db_.DeleteTopic("t"));
  EXPECT_EQ(Nodes(), "a[]b[]");
  EXPECT_THAT(db_.RemovePeer(kA), IsEmpty());
}

TEST_F(RegistrationDbTest, AStarIsANameLikeAnyOther) {
  db_.Register(kA, "t", "c");
  EXPECT_FALSE(db_.Lookup("*", now_).has_value());
  EXPECT_THAT(db_.Channels("*"), IsEmpty());
  EXPECT_FALSE(db_.DeleteTopic("*"));
  db_.Tombstone("*", "a:4151", now_);
  EXPECT_THAT(Producers("t"), ElementsAre("a"));
}

// --- Random operations against the reference's own description: one flat map, every question a
// scan.

class NaiveDb {
 public:
  using Key = std::tuple<std::string, std::string, std::string>;

  struct Entry {
    bool tombstoned = false;
    Duration tombstoned_at{0};
  };
  struct PeerEntry {
    std::string node;
    Duration last_update;
  };

  std::map<Key, std::map<uint64_t, Entry>> keys;
  std::map<uint64_t, PeerEntry> peers;

  static bool Ephemeral(const std::string& name) { return name.ends_with("#ephemeral"); }

  void Register(uint64_t id, const std::string& topic, const std::string& channel) {
    if (!channel.empty()) keys[{"channel", topic, channel}].try_emplace(id);
    keys[{"topic", topic, ""}].try_emplace(id);
  }

  void EraseChannels(const std::string& topic) {
    std::erase_if(keys, [&](const auto& item) {
      return std::get<0>(item.first) == "channel" && std::get<1>(item.first) == topic;
    });
  }

  void UnregisterChannel(uint64_t id, const std::string& topic, const std::string& channel) {
    const auto at = keys.find({"channel", topic, channel});
    if (at == keys.end()) return;
    at->second.erase(id);
    if (at->second.empty() && Ephemeral(channel)) keys.erase(at);
  }

  void UnregisterTopic(uint64_t id, const std::string& topic) {
    for (auto at = keys.begin(); at != keys.end();) {
      const auto& [category, name, channel] = at->first;
      const bool mine = category == "channel" && name == topic && at->second.erase(id) > 0;
      at = mine && at->second.empty() && Ephemeral(channel) ? keys.erase(at) : std::next(at);
    }
    const auto at = keys.find({"topic", topic, ""});
    if (at == keys.end()) return;
    at->second.erase(id);
    if (!at->second.empty() || !Ephemeral(topic)) return;
    keys.erase(at);
    EraseChannels(topic);
  }

  void RemovePeer(uint64_t id) {
    std::set<std::string> topics;
    for (const auto& [key, producers] : keys) {
      if (std::get<0>(key) == "topic" && producers.contains(id)) topics.insert(std::get<1>(key));
    }
    for (const std::string& topic : topics) UnregisterTopic(id, topic);
    peers.erase(id);
  }

  void DeleteTopic(const std::string& topic) {
    EraseChannels(topic);
    keys.erase({"topic", topic, ""});
  }

  void Tombstone(const std::string& topic, const std::string& node, Duration now) {
    const auto at = keys.find({"topic", topic, ""});
    if (at == keys.end()) return;
    for (auto& [id, entry] : at->second) {
      if (peers.at(id).node + ":4151" == node) entry = {true, now};
    }
  }

  bool Active(uint64_t id, Duration now) const {
    return now - peers.at(id).last_update <= kTimeout;
  }
  static bool Hidden(const Entry& entry, Duration now) {
    return entry.tombstoned && now - entry.tombstoned_at < kLifetime;
  }

  // Everything that anybody can ask, in words.
  std::string Describe(Duration now) const {
    std::string text;
    for (const auto& [key, producers] : keys) {
      const auto& [category, topic, channel] = key;
      text += StrCat(category, ":", topic, ":", channel, " =");
      for (const auto& [id, entry] : producers) {
        text += StrCat(" ", peers.at(id).node, entry.tombstoned ? "+" : "");
      }
      if (category == "topic") {
        text += "; lookup";
        for (const auto& [id, entry] : producers) {
          if (Active(id, now) && !Hidden(entry, now)) text += " " + peers.at(id).node;
        }
      }
      text += "\n";
    }
    for (const auto& [id, peer] : peers) {
      if (!Active(id, now)) continue;
      text += peer.node + ":";
      for (const auto& [key, producers] : keys) {
        if (std::get<0>(key) != "topic" || !producers.contains(id)) continue;
        text += " " + std::get<1>(key) + (Hidden(producers.at(id), now) ? "!" : "");
      }
      text += "\n";
    }
    return text;
  }
};

// The same words from the real one.
std::string Describe(const RegistrationDb& db, Moment now) {
  const RegistrationDb::Dump dump = db.DumpAll();
  const auto line = [&](const std::string& key) {
    std::string text = key + " =";
    if (const auto at = dump.find(key); at != dump.end()) {
      for (const auto& producer : at->second) {
        text += " " + producer.peer->broadcast_address;
        if (producer.tombstoned_at.has_value()) text += "+";
      }
    }
    return text;
  };
  std::string text;
  for (const auto topic : db.Topics()) {
    for (const auto channel : db.Channels(topic)) {
      text += line(StrCat("channel:", topic, ":", channel)) + "\n";
    }
  }
  for (const auto topic : db.Topics()) {
    text += line(StrCat("topic:", topic, ":")) + "; lookup";
    const auto view = db.Lookup(topic, now);
    for (const Peer* peer : view->producers) text += " " + peer->broadcast_address;
    text += "\n";
  }
  for (const auto& node : db.Nodes(now)) {
    text += node.peer->broadcast_address + ":";
    for (const auto& topic : node.topics) {
      text += StrCat(" ", topic.name, topic.tombstoned ? "!" : "");
    }
    text += "\n";
  }
  return text;
}

TEST(RegistrationDbModelTest, RandomOperationsAgreeWithTheNaiveDb) {
  const char* const given = std::getenv("NSQ_TEST_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'261'121ull;
  SCOPED_TRACE(StrCat("NSQ_TEST_SEED=", seed));
  std::mt19937_64 random(seed);
  const auto pick = [&](uint64_t n) { return random() % n; };

  const std::vector<std::string> topics = {"t", "t-1", "u", "v#ephemeral", "w#ephemeral"};
  const std::vector<std::string> channels = {"c", "d", "e#ephemeral", "f#ephemeral"};
  const auto topic = [&] { return topics[pick(topics.size())]; };
  const auto channel = [&] { return channels[pick(channels.size())]; };

  Home home;
  RegistrationDb db(home, {kTimeout, kLifetime});
  NaiveDb naive;
  Duration now{0};
  uint64_t last_id = 0;
  for (int step = 0; step < 20'000; ++step) {
    std::string done = StrCat("step ", step, ": ");
    const uint64_t choice = pick(100);
    now += seconds(pick(20));
    std::vector<uint64_t> ids;
    for (const auto& [id, peer] : naive.peers) ids.push_back(id);
    const std::string t = topic();
    const std::string c = channel();
    const std::string node = StrCat("n", pick(4));
    if (ids.empty() || (choice < 4 && ids.size() < 6)) {
      ++last_id;
      done += "add " + node;
      db.AddPeer(PeerId{last_id}, Node(node), At(now));
      naive.peers[last_id] = {node, now};
    } else if (const uint64_t id = ids[pick(ids.size())]; choice < 8) {
      done += StrCat("remove ", id);
      db.RemovePeer(PeerId{id});
      naive.RemovePeer(id);
    } else if (choice < 25) {
      done += StrCat("ping ", id);
      db.Ping(PeerId{id}, At(now));
      naive.peers[id].last_update = now;
    } else if (choice < 55) {
      const std::string name = pick(3) == 0 ? "" : c;
      done += StrCat("register ", id, " ", t, " ", name);
      db.Register(PeerId{id}, t, name);
      naive.Register(id, t, name);
    } else if (choice < 65) {
      done += StrCat("unregister ", id, " ", t, " ", c);
      db.UnregisterChannel(PeerId{id}, t, c);
      naive.UnregisterChannel(id, t, c);
    } else if (choice < 72) {
      done += StrCat("unregister ", id, " ", t);
      db.UnregisterTopic(PeerId{id}, t);
      naive.UnregisterTopic(id, t);
    } else if (choice < 84) {
      done += StrCat("tombstone ", t, " ", node);
      db.Tombstone(t, node + ":4151", At(now));
      naive.Tombstone(t, node + ":4151", now);
    } else if (choice < 88) {
      done += "create " + t;
      db.CreateTopic(t);
      naive.keys.try_emplace({"topic", t, ""});
    } else if (choice < 92) {
      done += "create " + t + " " + c;
      db.CreateChannel(t, c);
      naive.keys.try_emplace({"channel", t, c});
      naive.keys.try_emplace({"topic", t, ""});
    } else if (choice < 96) {
      done += "delete " + t;
      db.DeleteTopic(t);
      naive.DeleteTopic(t);
    } else {
      done += "delete " + t + " " + c;
      db.DeleteChannel(t, c);
      naive.keys.erase({"channel", t, c});
    }
    ASSERT_EQ(Describe(db, At(now)), naive.Describe(now)) << done;
  }
}

TEST_F(RegistrationDbTest, CountsWhatConsumersAreTold) {
  db_.Register(kA, "t", "c");
  db_.Register(kB, "t", "");
  db_.CreateChannel("empty", "x");
  db_.Tombstone("t", "b:4151", now_);
  auto figures = db_.Count(now_);
  ASSERT_EQ(figures.topics.size(), 2u);
  EXPECT_EQ(figures.topics[0].name, "empty");
  EXPECT_EQ(figures.topics[0].producers, 0u);
  EXPECT_EQ(figures.topics[0].channels, 1u);
  EXPECT_EQ(figures.topics[1].producers, 1u);
  EXPECT_EQ(figures.topics[1].tombstones, 1u);
  EXPECT_EQ(figures.nodes, 2u);
  EXPECT_EQ(figures.inactive_nodes, 0u);
  Advance(kTimeout + seconds(1));
  db_.Ping(kB, now_);
  figures = db_.Count(now_);
  EXPECT_EQ(figures.inactive_nodes, 1u);
  EXPECT_EQ(figures.topics[1].producers, 1u) << "b's tombstone has expired, a is silent";
  EXPECT_EQ(figures.topics[1].tombstones, 0u);
}

}  // namespace
}  // namespace nsq::lookupd
