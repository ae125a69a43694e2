#include "admin/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace nsq::admin {
namespace {

using testing::ElementsAre;
using testing::Field;

ChannelStats Channel(const std::string& node, const std::string& name, int64_t depth) {
  ChannelStats channel;
  channel.node = node;
  channel.hostname = node;
  channel.topic_name = "t";
  channel.channel_name = name;
  channel.depth = depth;
  return channel;
}

TopicStats Topic(const std::string& node, std::vector<ChannelStats> channels) {
  TopicStats topic;
  topic.node = node;
  topic.hostname = node;
  topic.topic_name = "t";
  topic.depth = 1;
  topic.channels = std::move(channels);
  topic.latency.emplace();
  return topic;
}

Latency Sampled(int64_t count, double value) {
  Latency latency;
  latency.count = count;
  Percentile p;
  p.quantile = 0.99;
  p.value = value;
  p.average = p.min = p.max = value;
  p.count = static_cast<double>(count);
  latency.percentiles = {p};
  return latency;
}

Node NodeAt(const std::string& host, int64_t port, const std::string& version = "1.3.0") {
  Node node;
  node.hostname = host;
  node.broadcast_address = host;
  node.tcp_port = port;
  node.http_port = port + 1;
  node.version = version;
  node.remote_address = host + ":9";
  return node;
}

TEST(MergeTest, ChannelsMeetByNameAndKeepEachNodesShare) {
  TopicStats total;
  total.topic_name = "t";
  AddTopic(Topic("b", {Channel("b", "x", 2), Channel("b", "y", 3)}), &total);
  AddTopic(Topic("a", {Channel("a", "y", 10)}), &total);
  FinishTopic(&total);

  EXPECT_EQ(total.node, "*");
  EXPECT_EQ(total.depth, 2);
  EXPECT_THAT(total.nodes,
              ElementsAre(Field(&TopicStats::node, "a"), Field(&TopicStats::node, "b")));
  ASSERT_EQ(total.channels->size(), 2u);
  const ChannelStats& y = total.channels->at(1);
  EXPECT_EQ(y.channel_name, "y");
  EXPECT_EQ(y.depth, 13);
  EXPECT_EQ(y.node, "*");
  EXPECT_THAT(y.nodes,
              ElementsAre(Field(&ChannelStats::depth, 10), Field(&ChannelStats::depth, 3)));
  // A node's own channels stay its own.
  EXPECT_EQ(total.nodes[0].channels->at(0).depth, 10);
}

TEST(MergeTest, OnePausedNodePausesTheWhole) {
  ChannelStats total;
  ChannelStats paused = Channel("a", "x", 0);
  paused.paused = true;
  AddChannel(paused, &total);
  AddChannel(Channel("b", "x", 0), &total);
  EXPECT_TRUE(total.paused);
}

TEST(MergeTest, LatencyIsWeightedBySamplesAndMinimumIsTheMinimum) {
  Latency total;
  AddLatency(Sampled(10, 100), &total);
  AddLatency(Sampled(30, 20), &total);
  AddLatency(Sampled(0, 0), &total);
  EXPECT_EQ(total.count, 40);
  ASSERT_EQ(total.percentiles.size(), 1u);
  EXPECT_DOUBLE_EQ(total.percentiles[0].average, 40);
  EXPECT_DOUBLE_EQ(total.percentiles[0].max, 100);
  EXPECT_DOUBLE_EQ(total.percentiles[0].count, 40);
  EXPECT_FALSE(total.percentiles[0].value.has_value());

  Latency other;
  AddLatency(Sampled(30, 20), &other);
  AddLatency(Sampled(10, 100), &other);
  EXPECT_DOUBLE_EQ(other.percentiles[0].min, 20);
}

TEST(MergeTest, LatencyWithoutSamplesIsZeroNotNan) {
  Latency total;
  AddLatency(Sampled(0, 5), &total);
  AddLatency(Sampled(0, 7), &total);
  EXPECT_EQ(total.percentiles[0].average, 0);
}

TEST(MergeTest, SumsStopInsteadOfWrapping) {
  ChannelStats total;
  for (int i = 0; i < 3; ++i) {
    AddChannel(Channel("a", "x", std::numeric_limits<int64_t>::max()), &total);
  }
  EXPECT_GT(total.depth, int64_t{1} << 59);
}

TEST(MergeTest, ClientsOfANodesZoneComeFirst) {
  const auto client = [](const std::string& node, const std::string& region,
                         const std::string& zone) {
    ClientStats c;
    c.node = node;
    c.node_topology_region = "r1";
    c.node_topology_zone = "z1";
    c.topology_region = region;
    c.topology_zone = zone;
    return c;
  };
  ChannelStats share = Channel("a", "x", 0);
  share.clients = {client("b", "r1", "z1"), client("a", "r0", "z1"), client("a", "r1", "z0"),
                   client("a", "r1", "z1")};
  ChannelStats total;
  AddChannel(share, &total);
  FinishChannel(&total);
  EXPECT_THAT(
      *total.clients,
      ElementsAre(
          testing::AllOf(Field(&ClientStats::node, "a"), Field(&ClientStats::topology_zone, "z1"),
                         Field(&ClientStats::topology_region, "r1")),
          Field(&ClientStats::topology_zone, "z0"), Field(&ClientStats::topology_region, "r0"),
          Field(&ClientStats::node, "b")));
}

TEST(MergeTest, ANodeSeenByTwoLookupdsIsOneNode) {
  Node elsewhere = NodeAt("b", 4150);
  elsewhere.hostname = "other name";
  elsewhere.remote_address = "";
  const std::vector<Node> nodes =
      MergeNodes({{"l1:4161", {NodeAt("b", 4150), NodeAt("a", 4150)}}, {"l2:4161", {elsewhere}}});
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].hostname, "a");
  EXPECT_EQ(nodes[1].hostname, "b");
  EXPECT_THAT(nodes[1].remote_addresses, ElementsAre("l1:4161/b:9", "l2:4161/N/A"));
}

TEST(MergeTest, AnOlderVersionIsOutOfDate) {
  const std::vector<Node> nodes =
      MergeNodes({{"l",
                   {NodeAt("a", 1, "1.3.0"), NodeAt("b", 1, "1.10.0"), NodeAt("c", 1, "1.10.0-rc1"),
                    NodeAt("d", 1, "?")}}});
  EXPECT_THAT(nodes, ElementsAre(Field(&Node::out_of_date, true), Field(&Node::out_of_date, false),
                                 Field(&Node::out_of_date, true), Field(&Node::out_of_date, true)));
}

TEST(MergeTest, Ipv6AddressesAreBracketed) {
  EXPECT_EQ(NodeAt("fe80::1", 4150).HttpAddress(), "[fe80::1]:4151");
  EXPECT_EQ(NodeAt("host", 4150).HttpAddress(), "host:4151");
}

}  // namespace
}  // namespace nsq::admin
