#include "admin/cluster_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/admin/fake_cluster.h"

namespace nsq::admin {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

const std::string kStatsOfT = "/stats?format=json&topic=t&include_clients=false";
const std::string kAllStats = "/stats?format=json&include_clients=false";

class ByLookupd : public testing::Test {
 protected:
  void Producers(const std::string& lookupd, const std::string& producers) {
    cluster.Answer(lookupd + "/lookup?topic=t",
                   StrCat(R"({"channels":["c"],"producers":[)", producers, "]}"));
    cluster.Answer(lookupd + "/nodes", StrCat(R"({"producers":[)", producers, "]}"));
    cluster.Answer(lookupd + "/topics", R"({"topics":["t"]})");
  }

  FakeCluster cluster;
  ClusterView view{&cluster, {.lookupds = {"l1:4161", "l2:4161"}, .nsqds = {}}};
};

TEST_F(ByLookupd, TopicIsAddedUpOverNodes) {
  Producers("l1:4161", ProducerJson("a", 4151));
  Producers("l2:4161", ProducerJson("a", 4151) + "," + ProducerJson("b", 4151));
  cluster.Answer("a:4151" + kStatsOfT, StatsJson(TopicJson("t", 1, 10, ChannelJson("c", 5, 9))));
  cluster.Answer("b:4151" + kStatsOfT, StatsJson(TopicJson("t", 2, 20, ChannelJson("c", 7, 8))));

  const auto topic = view.Topic("t");
  ASSERT_TRUE(topic.ok()) << topic.status().ToString();
  EXPECT_THAT(topic->warnings, IsEmpty());
  EXPECT_EQ(topic->value.depth, 3);
  EXPECT_EQ(topic->value.message_count, 30);
  EXPECT_EQ(topic->value.channels->at(0).depth, 12);
  EXPECT_THAT(topic->value.nodes, SizeIs(2)) << "a is one node, though two lookupds know it";
}

TEST_F(ByLookupd, OneFailingNodeIsAWarning) {
  Producers("l1:4161", ProducerJson("a", 4151) + "," + ProducerJson("b", 4151));
  Producers("l2:4161", ProducerJson("a", 4151));
  cluster.Answer("a:4151" + kStatsOfT, StatsJson(TopicJson("t", 1, 10, "")));

  const auto topic = view.Topic("t");
  ASSERT_TRUE(topic.ok());
  EXPECT_EQ(topic->value.depth, 1);
  EXPECT_THAT(topic->warnings, ElementsAre(FakeCluster::Refused("http://b:4151" + kStatsOfT)));
}

TEST_F(ByLookupd, AllNodesFailingIsAFailure) {
  Producers("l1:4161", ProducerJson("a", 4151));
  Producers("l2:4161", ProducerJson("a", 4151));
  const auto topic = view.Topic("t");
  EXPECT_EQ(topic.status().code(), Code::kUnavailable);
  EXPECT_EQ(topic.status().detail(),
            "failed to query any nsqd: " + FakeCluster::Refused("http://a:4151" + kStatsOfT));
}

TEST_F(ByLookupd, LookupdsThatDisagreeAboutATopicGiveAWarning) {
  Producers("l1:4161", ProducerJson("a", 4151));
  cluster.Fail("l2:4161/lookup?topic=t", TopicNotFound());
  cluster.Answer("a:4151" + kStatsOfT, StatsJson(TopicJson("t", 1, 10, "")));
  const auto topic = view.Topic("t");
  ASSERT_TRUE(topic.ok());
  EXPECT_THAT(topic->warnings, ElementsAre(HasSubstr("TOPIC_NOT_FOUND")));
}

TEST_F(ByLookupd, ATopicNobodyKnowsIsNotFound) {
  cluster.Fail("l1:4161/lookup?topic=t", TopicNotFound());
  cluster.Fail("l2:4161/lookup?topic=t", TopicNotFound());
  EXPECT_EQ(view.Topic("t").status().code(), Code::kNotFound);
  EXPECT_EQ(view.Topic("t").status().detail(), "TOPIC_NOT_FOUND");

  // One that cannot be asked may know it.
  cluster.Fail("l2:4161/lookup?topic=t", Status(Code::kTimeout, "timed out"));
  EXPECT_EQ(view.Topic("t").status().code(), Code::kUnavailable);
}

TEST_F(ByLookupd, ATopicWithoutProducersIsAFailureAsInNsqadmin) {
  Producers("l1:4161", "");
  Producers("l2:4161", "");
  EXPECT_EQ(view.Topic("t").status().detail(), "failed to query any nsqd: ");
}

TEST_F(ByLookupd, ATopicTheNodeHasDroppedIsEmpty) {
  Producers("l1:4161", ProducerJson("a", 4151));
  Producers("l2:4161", "");
  cluster.Answer("a:4151" + kStatsOfT, R"({"version":"1.3.0","topics":null})");
  const auto topic = view.Topic("t");
  ASSERT_TRUE(topic.ok());
  EXPECT_EQ(topic->value.node, "");
  EXPECT_FALSE(topic->value.latency.has_value());
}

TEST_F(ByLookupd, RubbishIsAnErrorOfTheOneWhoSentIt) {
  for (const std::string& rubbish : std::vector<std::string>{
           "", "<html>", "[]", "7", "nul", R"({"topics":)", R"({"topics":7})", R"({"topics":[7]})",
           R"({"topics":[{"topic_name":7}]})", R"({"topics":[{"topic_name":"t","depth":"many"}]})",
           R"({"topics":[{"topic_name":"t","depth":1.5}]})",
           R"({"topics":[{"topic_name":"t","channels":{}}]})",
           R"({"topics":[{"topic_name":"t","channels":[{"clients":[null]}]}]})",
           R"({"topics":[{"topic_name":"t","e2e_processing_latency":[]}]})"}) {
    SCOPED_TRACE(rubbish);
    Producers("l1:4161", ProducerJson("a", 4151) + "," + ProducerJson("b", 4151));
    Producers("l2:4161", "");
    cluster.Answer("a:4151" + kStatsOfT, StatsJson(TopicJson("t", 1, 10, "")));
    cluster.Answer("b:4151" + kStatsOfT, rubbish);
    const auto topic = view.Topic("t");
    ASSERT_TRUE(topic.ok());
    EXPECT_EQ(topic->value.depth, 1);
    EXPECT_THAT(topic->warnings, SizeIs(1));
  }
}

TEST_F(ByLookupd, DeepNestingIsRefusedNotFollowed) {
  Producers("l1:4161", ProducerJson("a", 4151));
  Producers("l2:4161", "");
  cluster.Answer("a:4151" + kStatsOfT, std::string(1'000'000, '['));
  EXPECT_EQ(view.Topic("t").status().code(), Code::kUnavailable);
}

TEST_F(ByLookupd, WhatNsqdLeavesOutIsZero) {
  Producers("l1:4161", ProducerJson("a", 4151));
  Producers("l2:4161", "");
  cluster.Answer("a:4151" + kStatsOfT,
                 R"({"topics":[{"topic_name":"t","channels":[{"channel_name":"c"}]}]})");
  const auto topic = view.Topic("t");
  ASSERT_TRUE(topic.ok());
  EXPECT_EQ(topic->value.channels->at(0).latency.count, 0);
}

TEST_F(ByLookupd, TombstonesShorterThanTopicsAreFalse) {
  Producers("l2:4161", "");
  cluster.Answer(
      "l1:4161/nodes",
      StrCat(R"({"producers":[)",
             ProducerJson("a", 4151, R"(,"topics":["y","x"],"tombstones":[true])"), "]}"));
  const auto nodes = view.Nodes();
  ASSERT_TRUE(nodes.ok());
  EXPECT_THAT(
      nodes->value[0].topics,
      ElementsAre(AllOf(Field(&NodeTopic::topic, "x"), Field(&NodeTopic::tombstoned, false)),
                  AllOf(Field(&NodeTopic::topic, "y"), Field(&NodeTopic::tombstoned, true))));
}

TEST_F(ByLookupd, NamesAreEscapedInUrls) {
  cluster.Answer("l1:4161/lookup?topic=a+b%23ephemeral%26x%3D%C3%BC", R"({"producers":[]})");
  cluster.Fail("l2:4161/lookup?topic=a+b%23ephemeral%26x%3D%C3%BC", TopicNotFound());
  EXPECT_EQ(view.Topic("a b#ephemeral&x=\u00fc").status().detail(), "failed to query any nsqd: ");
}

TEST_F(ByLookupd, UnknownChannelAndNodeAreNotFound) {
  Producers("l1:4161", ProducerJson("a", 4151));
  Producers("l2:4161", "");
  cluster.Answer("a:4151/stats?format=json&topic=t&channel=c", StatsJson(""));
  EXPECT_EQ(view.Channel("t", "c").status().detail(), "CHANNEL_NOT_FOUND");
  EXPECT_EQ(view.NodeByAddress("a:4150").status().detail(), "NODE_NOT_FOUND");
}

TEST_F(ByLookupd, OnlyListedNodesAreEverAsked) {
  Producers("l1:4161", "");
  Producers("l2:4161", "");
  EXPECT_FALSE(view.NodeByAddress("169.254.169.254:80").ok());
  for (const std::string& url : cluster.asked()) {
    EXPECT_THAT(url, testing::StartsWith("http://l"));
  }
}

TEST_F(ByLookupd, InactiveTopicsAreThoseNobodyProduces) {
  Producers("l1:4161",
            ProducerJson("a", 4151, R"(,"topics":["t","hidden"],"tombstones":[false,true])"));
  Producers("l2:4161", "");
  cluster.Answer("l1:4161/topics", R"({"topics":["gone","hidden","t"]})");
  cluster.Answer("l2:4161/topics", R"({"topics":["bare","gone"]})");
  cluster.Answer("l1:4161/channels?topic=gone", R"({"channels":["b","a"]})");
  cluster.Answer("l2:4161/channels?topic=gone", R"({"channels":["a","c"]})");
  const auto inactive = view.InactiveTopics();
  ASSERT_TRUE(inactive.ok());
  EXPECT_THAT(inactive->value,
              ElementsAre(Pair("bare", IsEmpty()), Pair("gone", ElementsAre("a", "b", "c")),
                          Pair("hidden", IsEmpty())));
}

// With a thousand topics and a lookupd that hangs, each question to it would cost a time limit.
TEST_F(ByLookupd, ALookupdThatFailsIsNotAskedAboutEachTopic) {
  Producers("l1:4161", "");
  cluster.Answer("l1:4161/topics", R"({"topics":["gone"]})");
  cluster.Answer("l1:4161/channels?topic=gone", R"({"channels":["c"]})");
  const auto inactive = view.InactiveTopics();
  ASSERT_TRUE(inactive.ok());
  EXPECT_THAT(inactive->value, ElementsAre(Pair("gone", ElementsAre("c"))));
  EXPECT_EQ(inactive->warnings.size(), 1u);
  for (const std::string& url : cluster.asked()) {
    EXPECT_EQ(url.find("l2:4161/channels"), std::string::npos) << url;
  }
}

TEST_F(ByLookupd, NewAddressesOfLookupdsAreAskedFromNowOn) {
  view.SetLookupds({"l3:4161"});
  cluster.Answer("l3:4161/topics", R"({"topics":["x"]})");
  EXPECT_THAT(view.Topics()->value, ElementsAre("x"));
}

TEST_F(ByLookupd, SampleShowsFailuresInTheirPlace) {
  Producers("l1:4161", ProducerJson("a", 4151) + "," + ProducerJson("b", 4151));
  cluster.Answer("a:4151" + kAllStats, StatsJson(TopicJson("t", 1, 10, "")));
  const ClusterSample sample = view.Sample();
  ASSERT_EQ(sample.lookupds.size(), 2u);
  EXPECT_TRUE(sample.lookupds[0].status.ok());
  EXPECT_EQ(sample.lookupds[1].status.code(), Code::kUnavailable);
  ASSERT_EQ(sample.nodes.size(), 2u);
  EXPECT_TRUE(sample.nodes[0].status.ok());
  EXPECT_THAT(sample.nodes[0].stats.topics, SizeIs(1));
  EXPECT_THAT(sample.nodes[0].lookupds, ElementsAre("l1:4161"));
  EXPECT_EQ(sample.nodes[1].address, "b:4151");
  EXPECT_FALSE(sample.nodes[1].status.ok());
}

class Directly : public testing::Test {
 protected:
  FakeCluster cluster;
  ClusterView view{&cluster, {.lookupds = {}, .nsqds = {"x:4151", "y:4151"}}};
};

TEST_F(Directly, NodesAreTheConfiguredOnesUnderTheirBroadcastAddress) {
  cluster.Answer("x:4151/info", R"({"version":"1.3.0","broadcast_address":"xb","hostname":"xh",)"
                                R"("http_port":5151,"tcp_port":5150})");
  cluster.Answer("x:4151" + kAllStats, StatsJson(TopicJson("t", 0, 0, "")));
  const auto nodes = view.Nodes();
  ASSERT_TRUE(nodes.ok());
  ASSERT_EQ(nodes->value.size(), 1u);
  EXPECT_EQ(nodes->value[0].HttpAddress(), "xb:5151");
  EXPECT_THAT(nodes->value[0].topics, ElementsAre(Field(&NodeTopic::topic, "t")));
  EXPECT_THAT(nodes->warnings, ElementsAre(FakeCluster::Refused("http://y:4151/info")));
}

TEST_F(Directly, WithoutABroadcastAddressTheConfiguredOneServes) {
  cluster.Answer("x:4151/info", R"({"version":"1.3.0"})");
  cluster.Answer("x:4151" + kAllStats, StatsJson(""));
  cluster.Answer("y:4151/info", R"({"version":"1.3.0"})");
  cluster.Answer("y:4151" + kAllStats, StatsJson(""));
  const auto nodes = view.Nodes();
  ASSERT_TRUE(nodes.ok());
  EXPECT_EQ(nodes->value[0].HttpAddress(), "x:4151");
  EXPECT_EQ(nodes->value[0].hostname, "x");
}

TEST_F(Directly, UnknownTopicIsNotFound) {
  cluster.Answer("x:4151" + kStatsOfT, R"({"topics":null})");
  cluster.Answer("y:4151" + kStatsOfT, R"({"topics":null})");
  EXPECT_EQ(view.Topic("t").status().detail(), "TOPIC_NOT_FOUND");
}

TEST_F(Directly, InactiveTopicsNeedALookupd) {
  cluster.Answer("x:4151/stats?format=json", StatsJson(TopicJson("t", 0, 0, "")));
  cluster.Answer("y:4151/stats?format=json", StatsJson(""));
  const auto inactive = view.InactiveTopics();
  ASSERT_TRUE(inactive.ok());
  EXPECT_THAT(inactive->value, IsEmpty());
  EXPECT_THAT(view.Topics()->value, ElementsAre("t"));
}

TEST_F(Directly, SampleShowsAConfiguredNodeThatIsDown) {
  cluster.Answer("x:4151/info", R"({"version":"1.3.0"})");
  cluster.Answer("x:4151" + kAllStats, StatsJson(""));
  const ClusterSample sample = view.Sample();
  ASSERT_EQ(sample.nodes.size(), 2u);
  EXPECT_TRUE(sample.nodes[0].status.ok());
  EXPECT_EQ(sample.nodes[1].address, "y:4151");
  EXPECT_FALSE(sample.nodes[1].status.ok());
}

}  // namespace
}  // namespace nsq::admin
