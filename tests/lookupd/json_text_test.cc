#include "lookupd/json_text.h"

#include <gtest/gtest.h>

namespace nsq::lookupd {
namespace {

Peer NodeA() {
  Peer peer;
  peer.remote_address = "127.0.0.1:51794";
  peer.hostname = "hA";
  peer.broadcast_address = "nodeA";
  peer.tcp_port = 4150;
  peer.http_port = 4151;
  peer.version = "1.3.0";
  peer.topology_zone = "z1";
  peer.topology_region = "r1";
  return peer;
}

constexpr char kNodeA[] =
    R"({"remote_address":"127.0.0.1:51794","hostname":"hA","broadcast_address":"nodeA",)"
    R"("tcp_port":4150,"http_port":4151,"version":"1.3.0","topology_zone":"z1",)"
    R"("topology_region":"r1")";

TEST(JsonTextTest, Identity) {
  EXPECT_EQ(IdentityJson({"127.0.0.1", "vm", 4160, 4161}),
            R"({"broadcast_address":"127.0.0.1","hostname":"vm","http_port":4161,"tcp_port":4160,)"
            R"("version":"1.3.0"})");
}

TEST(JsonTextTest, EmptyListsAreNeverNull) {
  EXPECT_EQ(TopicsJson({}), R"({"topics":[]})");
  EXPECT_EQ(ChannelsJson({}), R"({"channels":[]})");
  EXPECT_EQ(LookupJson({}), R"({"channels":[],"producers":[]})");
  EXPECT_EQ(NodesJson({}), R"({"producers":[]})");
  EXPECT_EQ(DebugJson({}), "{}");
  const Peer peer = NodeA();
  EXPECT_EQ(NodesJson({{&peer, {}}}),
            std::string(R"({"producers":[)") + kNodeA + R"(,"tombstones":[],"topics":[]}]})");
}

TEST(JsonTextTest, Lists) {
  EXPECT_EQ(TopicsJson({"a", "b"}), R"({"topics":["a","b"]})");
  EXPECT_EQ(ChannelsJson({"c1"}), R"({"channels":["c1"]})");
}

TEST(JsonTextTest, LookupHasEightMembersInOrder) {
  const Peer a = NodeA();
  Peer b;
  b.hostname = "h<B>&";
  EXPECT_EQ(LookupJson({{"c1", "c2"}, {&a, &b}}),
            std::string(R"({"channels":["c1","c2"],"producers":[)") + kNodeA +
                R"(},{"remote_address":"","hostname":"h\u003cB\u003e\u0026",)"
                R"("broadcast_address":"","tcp_port":0,"http_port":0,"version":"",)"
                R"("topology_zone":"","topology_region":""}]})");
}

TEST(JsonTextTest, OnlyWhoDrainsIsSaidTo) {
  Peer peer = NodeA();
  peer.draining = true;
  EXPECT_EQ(LookupJson({{}, {&peer}}),
            std::string(R"({"channels":[],"producers":[)") + kNodeA + R"(,"draining":true}]})");
  EXPECT_EQ(NodesJson({{&peer, {}}}), std::string(R"({"producers":[)") + kNodeA +
                                          R"(,"draining":true,"tombstones":[],"topics":[]}]})");
}

TEST(JsonTextTest, NodesHasAsManyTombstonesAsTopics) {
  const Peer peer = NodeA();
  EXPECT_EQ(NodesJson({{&peer, {{"t1", true}, {"t2", false}}}}),
            std::string(R"({"producers":[)") + kNodeA +
                R"(,"tombstones":[true,false],"topics":["t1","t2"]}]})");
}

TEST(JsonTextTest, DebugShowsTimesInUnixNanoseconds) {
  const Peer peer = NodeA();
  RegistrationDb::Dump dump;
  dump["topic:t1:"] = {{&peer, WallFromUnixNanos(1795215002046482373), WallFromUnixNanos(5)}};
  dump["client::"] = {{&peer, WallFromUnixNanos(1795215002046482373), std::nullopt}};
  EXPECT_EQ(DebugJson(dump),
            R"({"client::":[{"broadcast_address":"nodeA","hostname":"hA","http_port":4151,)"
            R"("id":"127.0.0.1:51794","last_update":1795215002046482373,"tcp_port":4150,)"
            R"("tombstoned":false,"tombstoned_at":-6795364578871345152,"topology_region":"r1",)"
            R"("topology_zone":"z1","version":"1.3.0"}],)"
            R"("topic:t1:":[{"broadcast_address":"nodeA","hostname":"hA","http_port":4151,)"
            R"("id":"127.0.0.1:51794","last_update":1795215002046482373,"tcp_port":4150,)"
            R"("tombstoned":true,"tombstoned_at":5,"topology_region":"r1",)"
            R"("topology_zone":"z1","version":"1.3.0"}]})");
}

}  // namespace
}  // namespace nsq::lookupd
