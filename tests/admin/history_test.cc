#include "admin/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "admin/report.h"

namespace nsq::admin {
namespace {

using Json = nlohmann::json;

class HistoryTest : public testing::Test {
 protected:
  // One report, five seconds after the one before: a node, topic t with channels c and idle.
  void Report(int64_t depth, bool with_channel = true, bool node_answers = true) {
    ClusterReport report;
    report.unix_ms = now_ms += 5000;
    report.total.depth = depth;
    report.total.flow.in = 2.5;
    NodeReport node;
    node.state.address = "a:1";
    if (node_answers) {
      node.total.depth = depth;
    } else {
      node.state.status = Status(Code::kTimeout, "late");
    }
    report.nodes.push_back(node);
    TopicReport topic;
    topic.name = "t";
    if (with_channel) {
      ChannelReport channel;
      channel.name = "c";
      channel.total.depth = depth;
      channel.latency.percentiles = {{.quantile = 0.5, .value = {}, .average = 1, .count = 1},
                                     {.quantile = 0.99, .value = {}, .average = 7, .count = 1}};
      topic.channels.push_back(channel);
      channel.name = "idle";
      channel.total.depth = 0;
      topic.channels.push_back(channel);
    }
    report.topics.push_back(topic);
    history.Add(report);
  }

  Json Ask(const std::string& topic = "", const std::string& node = "") {
    return Json::parse(history.Encode(topic, node));
  }

  int64_t now_ms = 0;
  History history;
};

TEST_F(HistoryTest, OfTheClusterAndOfWhatHeldMessages) {
  Report(1);
  Report(2);
  const Json all = Ask();
  EXPECT_EQ(all["times"], Json({5000, 10000}));
  EXPECT_EQ(all["total"]["depth"], Json({1, 2}));
  EXPECT_EQ(all["total"]["in_rate"], Json({2.5, 2.5}));
  EXPECT_FALSE(all["total"].contains("out_rate")) << "never known";
  EXPECT_EQ(all["topics"]["t"]["channels"]["c"]["depth"], Json({1, 2}));
  EXPECT_FALSE(all["topics"]["t"]["channels"].contains("idle"));
}

TEST_F(HistoryTest, OfOneTopicOrNodeEverything) {
  Report(1);
  const Json topic = Ask("t");
  EXPECT_EQ(topic["topics"]["t"]["depth"], Json::array({0}));
  EXPECT_EQ(topic["topics"]["t"]["channels"]["c"]["latency"], Json({7})) << "highest percentile";
  EXPECT_EQ(topic["topics"]["t"]["channels"]["idle"]["depth"], Json::array({0}));
  EXPECT_FALSE(topic.contains("total"));
  EXPECT_EQ(Ask("", "a:1")["nodes"]["a:1"]["depth"], Json({1}));
  EXPECT_TRUE(Ask("none")["topics"].empty());
}

TEST_F(HistoryTest, OfANodeThatDoesNotAnswerNothingIsKnown) {
  Report(3);
  Report(0, true, /*node_answers=*/false);
  Report(4);
  EXPECT_EQ(Ask("", "a:1")["nodes"]["a:1"]["depth"], Json({3, nullptr, 4}));
}

TEST_F(HistoryTest, ReportsInQuickSuccessionCountOnce) {
  Report(1);
  now_ms -= 4000;
  Report(9);
  EXPECT_EQ(Ask()["total"]["depth"], Json({1}));
}

TEST_F(HistoryTest, WhatIsNewBeginsLaterAndWhatIsGoneIsForgotten) {
  Report(1, false);
  Report(2);
  EXPECT_EQ(Ask("t")["topics"]["t"]["channels"]["c"]["skip"], 1);
  Report(3, false);
  Report(4);
  EXPECT_EQ(Ask("t")["topics"]["t"]["channels"]["c"]["skip"], 3);
  EXPECT_EQ(Ask("t")["topics"]["t"]["channels"]["c"]["depth"], Json({4}));
}

TEST_F(HistoryTest, IsBounded) {
  for (int i = 0; i < 500; ++i) Report(i);
  EXPECT_EQ(Ask()["times"].size(), History::kMostPoints);
  EXPECT_EQ(Ask()["total"]["depth"].size(), History::kMostPoints);
  EXPECT_EQ(Ask()["topics"]["t"]["channels"]["c"]["depth"].size(), History::kSparkPoints);
}

TEST_F(HistoryTest, AClockThatIsSetBackBeginsAnew) {
  Report(1);
  Report(2);
  now_ms -= 60'000;
  Report(3);
  EXPECT_EQ(Ask()["total"]["depth"], Json({3}));
}

}  // namespace
}  // namespace nsq::admin
