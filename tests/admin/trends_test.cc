#include "admin/trends.h"

#include <gtest/gtest.h>

namespace nsq::admin {
namespace {

struct Figures {
  int64_t topic_messages = 0;
  int64_t messages = 0;
  int64_t depth = 0;
  int64_t in_flight = 0;
  int64_t timed_out = 0;
};

NodeState NodeWith(const std::string& address, const Figures& figures, int64_t start_time = 1) {
  ChannelStats channel;
  channel.channel_name = "c";
  channel.message_count = figures.messages;
  channel.depth = figures.depth;
  channel.in_flight_count = figures.in_flight;
  channel.timeout_count = figures.timed_out;
  TopicStats topic;
  topic.topic_name = "t";
  topic.message_count = figures.topic_messages;
  topic.channels = {channel};
  NodeState node;
  node.address = address;
  node.stats.start_time = start_time;
  node.stats.topics = {topic};
  return node;
}

ClusterSample At(int64_t unix_ms, std::vector<NodeState> nodes) {
  ClusterSample sample;
  sample.unix_ms = unix_ms;
  sample.nodes = std::move(nodes);
  return sample;
}

TEST(TrendsTest, RatesNeedTwoSamples) {
  Trends trends;
  const ClusterReport first = trends.Add(At(1000, {NodeWith("a", {.topic_messages = 10})}));
  EXPECT_FALSE(first.total.flow.in.has_value());
  const ClusterReport second = trends.Add(At(3000, {NodeWith("a", {.topic_messages = 30})}));
  EXPECT_DOUBLE_EQ(*second.total.flow.in, 10);
  EXPECT_DOUBLE_EQ(*second.topics[0].total.flow.in, 10);
  EXPECT_DOUBLE_EQ(*second.nodes[0].total.flow.in, 10);
}

TEST(TrendsTest, NodesMayKeepATopicDifferently) {
  Trends trends;
  NodeState a = NodeWith("a", {});
  NodeState b = NodeWith("b", {});
  EXPECT_EQ(trends.Add(At(0, {a, b})).topics[0].durability, "") << "the original's nsqd says none";
  a.stats.topics[0].durability = b.stats.topics[0].durability = "fsync";
  EXPECT_EQ(trends.Add(At(1, {a, b})).topics[0].durability, "fsync");
  b.stats.topics[0].durability = "os";
  EXPECT_EQ(trends.Add(At(2, {a, b})).topics[0].durability, "mixed");
}

TEST(TrendsTest, OutIsWhatLeftTheChannelForGood) {
  Trends trends;
  trends.Add(At(0, {NodeWith("a", {.messages = 100, .depth = 50, .in_flight = 10})}));
  // 20 more came; 30 fewer wait or are out: 50 were finished.
  const ClusterReport report =
      trends.Add(At(1000, {NodeWith("a", {.messages = 120, .depth = 15, .in_flight = 15})}));
  const Load& channel = report.topics[0].channels[0].total;
  EXPECT_DOUBLE_EQ(*channel.flow.in, 20);
  EXPECT_DOUBLE_EQ(*channel.flow.out, 50);
}

TEST(TrendsTest, OutNeverStepsBack) {
  Trends trends;
  trends.Add(At(0, {NodeWith("a", {.messages = 100, .depth = 50})}));
  const ClusterReport report =
      trends.Add(At(1000, {NodeWith("a", {.messages = 100, .depth = 60})}));
  EXPECT_DOUBLE_EQ(*report.total.flow.out, 0);
}

TEST(TrendsTest, ARestartedNodeGivesNoRateAndTheOthersStillCount) {
  Trends trends;
  trends.Add(At(0, {NodeWith("a", {.topic_messages = 100}), NodeWith("b", {.topic_messages = 5})}));
  const ClusterReport report = trends.Add(
      At(1000, {NodeWith("a", {.topic_messages = 300}, 2), NodeWith("b", {.topic_messages = 9})}));
  EXPECT_FALSE(report.nodes[0].total.flow.in.has_value());
  EXPECT_DOUBLE_EQ(*report.total.flow.in, 4);

  const ClusterReport fell = trends.Add(
      At(2000, {NodeWith("a", {.topic_messages = 1}, 2), NodeWith("b", {.topic_messages = 9})}));
  EXPECT_FALSE(fell.nodes[0].total.flow.in.has_value()) << "a counter that fell";
}

TEST(TrendsTest, AfterALongPauseRatesBeginAnew) {
  Trends trends;
  trends.Add(At(0, {NodeWith("a", {})}));
  const auto late = Trends::kLongestPauseMs + 1;
  EXPECT_FALSE(trends.Add(At(late, {NodeWith("a", {})})).total.flow.in.has_value());
  EXPECT_TRUE(trends.Add(At(late + 1000, {NodeWith("a", {})})).total.flow.in.has_value());
}

TEST(TrendsTest, SharesAddUp) {
  Trends trends;
  const ClusterReport report =
      trends.Add(At(0, {NodeWith("a", {.messages = 1, .depth = 3, .timed_out = 2}),
                        NodeWith("b", {.messages = 2, .depth = 4, .timed_out = 5})}));
  const ChannelReport& channel = report.topics[0].channels[0];
  EXPECT_EQ(channel.total.depth, 7);
  EXPECT_EQ(channel.total.timed_out, 7);
  ASSERT_EQ(channel.nodes.size(), 2u);
  EXPECT_EQ(channel.nodes[1].node, "b");
  EXPECT_EQ(report.nodes[1].total.depth, 4);
  EXPECT_EQ(report.total.depth, 7);
}

double GrowthOf(const std::vector<int64_t>& depths) {
  Trends trends;
  double growth = 0;
  int64_t now = 0;
  for (const int64_t depth : depths) {
    growth =
        trends.Add(At(now += 2000, {NodeWith("a", {.depth = depth})})).topics[0].channels[0].growth;
  }
  return growth;
}

TEST(TrendsTest, GrowthIsSteadyRiseOverTheWindow) {
  EXPECT_DOUBLE_EQ(GrowthOf({0, 100, 200, 300, 400}), 50);
  EXPECT_EQ(GrowthOf({0, 100, 200}), 0) << "too short to tell";
  EXPECT_EQ(GrowthOf({0, 400, 300, 200, 300}), 0) << "it breathes";
  EXPECT_EQ(GrowthOf({10000, 10010, 10020, 10030, 10060}), 0) << "less than a twentieth";
  EXPECT_EQ(GrowthOf({0, 1, 2, 3, 4, 5}), 0) << "a handful";
  EXPECT_EQ(GrowthOf({500, 400, 300, 200, 100}), 0);
}

TEST(TrendsTest, ANodeThatLeftIsShownForAWhile) {
  const auto by_lookupd = [](int64_t now, std::vector<NodeState> nodes) {
    ClusterSample sample = At(now, std::move(nodes));
    sample.by_lookupd = true;
    return sample;
  };
  Trends trends;
  trends.Add(by_lookupd(1000, {NodeWith("a", {}), NodeWith("b", {})}));
  const ClusterReport without = trends.Add(by_lookupd(3000, {NodeWith("a", {})}));
  ASSERT_EQ(without.nodes.size(), 2u);
  EXPECT_FALSE(without.nodes[0].gone);
  EXPECT_TRUE(without.nodes[1].gone);
  EXPECT_EQ(without.nodes[1].state.address, "b");

  const ClusterReport back = trends.Add(by_lookupd(5000, {NodeWith("a", {}), NodeWith("b", {})}));
  EXPECT_EQ(back.nodes.size(), 2u);
  EXPECT_FALSE(back.nodes[1].gone);
  const int64_t later = 5001 + Trends::kMourningMs;
  EXPECT_EQ(trends.Add(by_lookupd(later, {NodeWith("a", {})})).nodes.size(), 1u);
}

TEST(TrendsTest, OtherLookupdsDoNotMakeNodesSeemGone) {
  Trends trends;
  const auto listed_by = [](const std::string& address, int64_t ms, std::vector<NodeState> nodes) {
    ClusterSample sample = At(ms, std::move(nodes));
    sample.by_lookupd = true;
    sample.lookupds.resize(1);
    sample.lookupds[0].address = address;
    return sample;
  };
  trends.Add(listed_by("l1:1", 1000, {NodeWith("a", {})}));
  EXPECT_EQ(trends.Add(listed_by("l2:1", 3000, {NodeWith("b", {})})).nodes.size(), 1u);
}

TEST(TrendsTest, ATopicOnlyLookupdKnowsIsListed) {
  Trends trends;
  ClusterSample sample = At(0, {NodeWith("a", {})});
  LookupdState lookupd;
  lookupd.topics = {"gone", "t"};
  sample.lookupds.push_back(lookupd);
  const ClusterReport report = trends.Add(std::move(sample));
  ASSERT_EQ(report.topics.size(), 2u);
  EXPECT_EQ(report.topics[0].name, "gone");
  EXPECT_TRUE(report.topics[0].known_to_lookupd_only);
  EXPECT_FALSE(report.topics[1].known_to_lookupd_only);
}

}  // namespace
}  // namespace nsq::admin
