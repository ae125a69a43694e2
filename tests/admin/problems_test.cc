#include "admin/problems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nsq::admin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A healthy cluster: one lookupd, one node, one topic, one channel with one consumer.
ClusterReport Healthy() {
  ClusterReport report;
  Node node;
  node.broadcast_address = "a";
  node.http_port = 4151;
  node.topics = {{"t", false}};
  LookupdState lookupd;
  lookupd.address = "l:4161";
  lookupd.nodes = {node};
  lookupd.topics = {"t"};
  report.lookupds = {lookupd};

  NodeReport node_report;
  node_report.state.node = node;
  node_report.state.address = "a:4151";
  node_report.state.lookupds = {"l:4161"};
  node_report.state.stats.health = "OK";
  report.nodes = {node_report};

  ChannelReport channel;
  channel.name = "c";
  channel.total.clients = 1;
  channel.nodes.resize(1);
  channel.nodes[0].node = "a:4151";
  TopicReport topic;
  topic.name = "t";
  topic.nodes = channel.nodes;
  topic.channels = {channel};
  report.topics = {topic};
  return report;
}

std::vector<std::string> KindsOf(const ClusterReport& report) {
  std::vector<std::string> kinds;
  for (const Problem& problem : FindProblems(report)) kinds.push_back(problem.kind);
  return kinds;
}

TEST(ProblemsTest, AHealthyClusterHasNone) { EXPECT_THAT(KindsOf(Healthy()), IsEmpty()); }

TEST(ProblemsTest, EachTroubleHasItsWord) {
  struct Case {
    const char* kind;
    void (*spoil)(ClusterReport*);
  };
  for (const Case& c : std::vector<Case>{
           {"lookupd_down",
            [](ClusterReport* r) { r->lookupds[0].status = Status(Code::kTimeout, "too slow"); }},
           {"node_down",
            [](ClusterReport* r) {
              r->nodes[0].state.status = Status(Code::kTimeout, "too slow");
            }},
           {"node_gone", [](ClusterReport* r) { r->nodes[0].gone = true; }},
           {"node_unhealthy",
            [](ClusterReport* r) { r->nodes[0].state.stats.health = "NOK - disk full"; }},
           {"lookupd_disagreement",
            [](ClusterReport* r) {
              r->nodes[0].state.lookupds.clear();
              r->lookupds[0].nodes.clear();
            }},
           {"lookupd_disagreement",
            [](ClusterReport* r) { r->lookupds[0].nodes[0].topics.clear(); }},
           {"draining", [](ClusterReport* r) { r->nodes[0].state.node.draining = true; }},
           {"out_of_date", [](ClusterReport* r) { r->nodes[0].state.node.out_of_date = true; }},
           {"tombstoned",
            [](ClusterReport* r) { r->nodes[0].state.node.topics[0].tombstoned = true; }},
           {"no_producers",
            [](ClusterReport* r) {
              r->topics[0].nodes.clear();
              r->topics[0].known_to_lookupd_only = true;
            }},
           {"topic_paused", [](ClusterReport* r) { r->topics[0].total.paused_nodes = 1; }},
           {"no_channels",
            [](ClusterReport* r) {
              r->topics[0].channels.clear();
              r->topics[0].total.depth = 1;
            }},
           {"channel_paused",
            [](ClusterReport* r) { r->topics[0].channels[0].total.paused_nodes = 1; }},
           {"no_consumers",
            [](ClusterReport* r) {
              r->topics[0].channels[0].total.clients = 0;
              r->topics[0].channels[0].total.depth = 1;
            }},
           {"not_taking",
            [](ClusterReport* r) {
              r->topics[0].channels[0].total.depth = 1;
              r->topics[0].channels[0].total.flow.out = 0;
            }},
           {"growing", [](ClusterReport* r) { r->topics[0].channels[0].growth = 12.5; }},
           {"timeouts",
            [](ClusterReport* r) { r->topics[0].channels[0].total.flow.timed_out = 0.5; }},
       }) {
    ClusterReport report = Healthy();
    c.spoil(&report);
    EXPECT_THAT(KindsOf(report), ElementsAre(c.kind));
  }
}

TEST(ProblemsTest, AnIdleConsumerIsNoTrouble) {
  ClusterReport report = Healthy();
  report.topics[0].channels[0].total.clients = 0;
  EXPECT_THAT(KindsOf(report), IsEmpty()) << "nobody listens, nothing waits";
}

TEST(ProblemsTest, PausedWithMessagesWaitingIsWorse) {
  ClusterReport report = Healthy();
  report.topics[0].channels[0].total.paused_nodes = 1;
  EXPECT_EQ(FindProblems(report)[0].severity, Problem::Severity::kNotice);
  report.topics[0].channels[0].total.depth = 1;
  EXPECT_EQ(FindProblems(report)[0].severity, Problem::Severity::kWarning);
  EXPECT_THAT(FindProblems(report)[0].text, HasSubstr("1 message waiting"));
}

TEST(ProblemsTest, ManyForgottenTopicsAreOneLine) {
  ClusterReport report = Healthy();
  TopicReport forgotten;
  forgotten.known_to_lookupd_only = true;
  report.topics.insert(report.topics.end(), 2000, forgotten);
  const std::vector<Problem> problems = FindProblems(report);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].text, HasSubstr("2,000 topics"));
}

TEST(ProblemsTest, TheReasonIsForPeople) {
  ClusterReport report = Healthy();
  report.nodes[0].state.status = Status(
      Code::kUnavailable, "Get \"http://a:4151/stats\": dial tcp a:4151: connection refused");
  EXPECT_EQ(FindProblems(report)[0].text,
            "nsqd a:4151 is down: dial tcp a:4151: connection refused");
  report.nodes[0].state.status = Status(Code::kTimeout, "Get \"http://a:4151/stats\": whatever");
  EXPECT_EQ(FindProblems(report)[0].text, "nsqd a:4151 is down: no answer in time");
  report.nodes[0].state.node.hostname = "nsq-7";
  EXPECT_EQ(FindProblems(report)[0].text, "nsqd a:4151 is down: no answer in time (host nsq-7)");
}

TEST(ProblemsTest, WorstFirst) {
  ClusterReport report = Healthy();
  report.topics[0].channels[0].total.paused_nodes = 1;
  report.topics[0].channels[0].total.flow.timed_out = 20;
  report.nodes[0].state.node.out_of_date = true;
  report.nodes[0].state.status = Status(Code::kTimeout, "too slow");
  EXPECT_THAT(KindsOf(report),
              ElementsAre("node_down", "timeouts", "out_of_date", "channel_paused"));
}

TEST(ProblemsTest, AmongEqualsTheOneWithMostMessagesFirst) {
  ClusterReport report = Healthy();
  ChannelReport& channel = report.topics[0].channels[0];
  channel.total.clients = 0;
  channel.total.depth = 10;
  report.topics[0].channels.push_back(channel);
  report.topics[0].channels[1].name = "deep";
  report.topics[0].channels[1].total.depth = 1000;
  const std::vector<Problem> problems = FindProblems(report);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].channel, "deep");
}

TEST(ProblemsTest, ALookupdThatFailsDisagreesWithNobody) {
  ClusterReport report = Healthy();
  report.lookupds[0].status = Status(Code::kTimeout, "too slow");
  report.nodes[0].state.lookupds.clear();
  EXPECT_THAT(KindsOf(report), ElementsAre("lookupd_down"));
}

// A nsqlookupd that was just started knows nothing yet: one line says so, not one for each topic.
TEST(ProblemsTest, OfMuchThatIsNotListedOneLine) {
  ClusterReport report = Healthy();
  for (int i = 0; i < 100; ++i) {
    TopicReport topic = report.topics[0];
    topic.name = "t" + std::to_string(i);
    report.topics.push_back(topic);
  }
  const std::vector<Problem> topics = FindProblems(report);
  ASSERT_EQ(topics.size(), 1u);
  EXPECT_THAT(topics[0].text, HasSubstr("nsqlookupd l:4161 does not list 100 topics"));

  report = Healthy();
  report.lookupds[0].nodes.clear();
  report.nodes[0].state.lookupds.clear();
  for (int i = 0; i < 9; ++i) report.nodes.push_back(report.nodes[0]);
  const std::vector<Problem> nodes = FindProblems(report);
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_THAT(nodes[0].text, HasSubstr("nsqlookupd l:4161 does not list 10 nsqd nodes"));
}

}  // namespace
}  // namespace nsq::admin
