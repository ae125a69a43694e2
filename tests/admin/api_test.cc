#include "admin/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "admin/cluster_view.h"
#include "admin/history.h"
#include "admin/sampler.h"
#include "tests/admin/fake_cluster.h"

namespace nsq::admin {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// One node with the topic "t" that has the channel "c"; the node is "fk", at 10.0.0.1:4151.
class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    api.AddRoutes(&router);
    const std::string producer =
        R"({"remote_address":"10.0.0.1:9","hostname":"fk","broadcast_address":"10.0.0.1",)"
        R"("tcp_port":4150,"http_port":4151,"version":"1.3.0","topology_zone":"","topology_region":""})";
    cluster.Answer("l:4161/lookup?topic=t", R"({"channels":["c"],"producers":[)" + producer + "]}");
    cluster.Answer("l:4161/nodes", R"({"producers":[)" + producer.substr(0, producer.size() - 1) +
                                       R"(,"tombstones":[true],"topics":["t"]}]})");
    cluster.Answer("l:4161/topics", R"({"topics":["t"]})");
    cluster.Fail("l:4161/lookup?topic=none", TopicNotFound());
    const std::string latency = R"("e2e_processing_latency":{"count":0,"percentiles":null})";
    const std::string channel =
        R"({"channel_name":"c","depth":3,"backend_depth":1,"in_flight_count":0,"deferred_count":0,)"
        R"("message_count":4,"requeue_count":0,"timeout_count":0,"client_count":0,"clients":[],)"
        R"("paused":false,)" +
        latency + "}";
    const std::string stats =
        R"({"version":"1.3.0","health":"OK","start_time":1,"topics":[{"topic_name":"t","channels":[)" +
        channel +
        R"(],"depth":5,"backend_depth":2,"message_count":9,"message_bytes":17,"paused":true,)" +
        latency + "}]}";
    for (const char* query :
         {"&topic=t&include_clients=false", "&topic=t&channel=c", "", "&include_clients=false"}) {
      cluster.Answer(StrCat("10.0.0.1:4151/stats?format=json", query), stats);
    }
    cluster.Answer("10.0.0.1:4151/stats?format=json&topic=t&channel=none", StatsJson(""));
  }

  Response Get(const std::string& target) {
    return router.Answer(
        {.method = "GET", .target = target, .body = "", .peer = "", .headers = {}});
  }

  FakeCluster cluster;
  ClusterView view{&cluster, {.lookupds = {"l:4161"}, .nsqds = {}}};
  Sampler sampler{[this] { return view.Sample(); }, [] { return SteadyTime(); }};
  History history;
  Api api{&view, &sampler, &history};
  Router router{"/"};
};

// The shares of one node, byte for byte as nsqadmin 1.3.0 prints them.
constexpr char kNoLatency[] =
    R"("e2e_processing_latency":{"count":0,"percentiles":null,"topic":"","channel":"","host":""})";

std::string ChannelOnNode() {
  return StrCat(
      R"({"node":"10.0.0.1:4151","hostname":"fk","topic_name":"t","channel_name":"c","depth":3,)"
      R"("memory_depth":2,"backend_depth":1,"in_flight_count":0,"deferred_count":0,"requeue_count":0,)"
      R"("timeout_count":0,"message_count":4,"client_count":0,"nodes":null,"clients":[],"paused":false,)",
      kNoLatency, "}");
}

std::string TopicOnNode() {
  return StrCat(
      R"({"node":"10.0.0.1:4151","hostname":"fk","topic_name":"t","depth":5,"memory_depth":3,)"
      R"("backend_depth":2,"message_count":9,"delivery_msg_count":0,"nodes":null,"channels":[)",
      ChannelOnNode(), R"(],"paused":true,)", kNoLatency, "}");
}

TEST_F(ApiTest, Topic) {
  const Response response = Get("/api/topics/t");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json; charset=utf-8");
  EXPECT_THAT(response.headers,
              testing::Contains(testing::Pair("X-NSQ-Content-Type", "nsq; version=1.0")));
  EXPECT_THAT(response.body,
              StartsWith(StrCat(
                  R"({"node":"*","hostname":"","topic_name":"t","depth":5,"memory_depth":3,)"
                  R"("backend_depth":2,"message_count":9,"delivery_msg_count":0,"nodes":[)",
                  TopicOnNode(), R"(],"channels":[{"node":"*","hostname":"","topic_name":"t",)")));
  EXPECT_THAT(
      response.body,
      testing::EndsWith(R"("paused":true,"e2e_processing_latency":{"count":0,"percentiles":null,)"
                        R"("topic":"t","channel":"","host":"*"},"message":""})"));
}

TEST_F(ApiTest, Channel) {
  EXPECT_EQ(
      Get("/api/topics/t/c").body,
      StrCat(R"({"node":"*","hostname":"","topic_name":"t","channel_name":"c","depth":3,)"
             R"("memory_depth":2,"backend_depth":1,"in_flight_count":0,"deferred_count":0,)"
             R"("requeue_count":0,"timeout_count":0,"message_count":4,"client_count":0,"nodes":[)",
             ChannelOnNode(),
             R"(],"clients":null,"paused":false,"e2e_processing_latency":{"count":0,)"
             R"("percentiles":null,"topic":"t","channel":"c","host":"*"},"message":""})"));
}

TEST_F(ApiTest, Topics) {
  EXPECT_EQ(Get("/api/topics").body, R"({"topics":["t"],"message":""})");
  EXPECT_EQ(Get("/api/topics?inactive=1").body, R"({"topics":["t"],"message":""})");
  cluster.Answer("l:4161/nodes",
                 StrCat(R"({"producers":[)",
                        ProducerJson("a", 4151, R"(,"topics":["t"],"tombstones":[false])"), "]}"));
  EXPECT_EQ(Get("/api/topics?inactive=true").body, R"({"topics":{},"message":""})");
  cluster.Answer("l:4161/topics", R"({"topics":["t","u"]})");
  cluster.Answer("l:4161/channels?topic=u", R"({"channels":[]})");
  EXPECT_EQ(Get("/api/topics?inactive=true").body, R"({"topics":{"u":null},"message":""})");
  cluster.Answer("l:4161/topics", R"({"topics":[]})");
  EXPECT_EQ(Get("/api/topics").body, R"({"topics":null,"message":""})");
}

TEST_F(ApiTest, Nodes) {
  EXPECT_EQ(Get("/api/nodes").body,
            R"({"nodes":[{"remote_addresses":["l:4161/10.0.0.1:9"],"remote_address":"10.0.0.1:9",)"
            R"("hostname":"fk","broadcast_address":"10.0.0.1","tcp_port":4150,"http_port":4151,)"
            R"("version":"1.3.0","topics":[{"topic":"t","tombstoned":true}],"out_of_date":false}],)"
            R"("message":""})");
}

TEST_F(ApiTest, OneNode) {
  EXPECT_EQ(Get("/api/nodes/10.0.0.1:4151").body,
            StrCat(R"({"node":"10.0.0.1:4151","topics":[)", TopicOnNode(),
                   R"(],"total_messages":9,"total_clients":0,"message":""})"));
}

TEST_F(ApiTest, Counter) {
  EXPECT_EQ(Get("/api/counter").body,
            R"({"stats":{"t:c:10.0.0.1:4151":{"node":"10.0.0.1:4151","topic_name":"t",)"
            R"("channel_name":"c","message_count":4}},"message":""})");
}

TEST_F(ApiTest, Errors) {
  struct Case {
    const char* target;
    int status;
    const char* body;
  };
  for (const Case& c : std::vector<Case>{
           {"/api/topics?x=%zz", 400, R"({"message":"invalid URL escape \"%zz\""})"},
           {"/api/topics/none", 404, R"({"message":"TOPIC_NOT_FOUND"})"},
           {"/api/topics/t/none", 404, R"({"message":"CHANNEL_NOT_FOUND"})"},
           {"/api/nodes/x:1", 404, R"({"message":"NODE_NOT_FOUND"})"},
           {"/api/none", 404, R"({"message":"NOT_FOUND"})"},
       }) {
    SCOPED_TRACE(c.target);
    const Response response = Get(c.target);
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(response.body, c.body);
  }
}

TEST_F(ApiTest, TotalFailureIsABadGateway) {
  cluster.Fail("l:4161/topics", Status(Code::kTimeout, "timed out after \"5s\""));
  const Response response = Get("/api/topics");
  EXPECT_EQ(response.status, 502);
  EXPECT_EQ(
      response.body,
      R"({"message":"UPSTREAM_ERROR: failed to query any nsqlookupd: timed out after \"5s\""})");
}

TEST_F(ApiTest, PartialFailureIsAWarning) {
  cluster.Answer("l:4161/lookup?topic=t",
                 StrCat(R"({"producers":[)", ProducerJson("10.0.0.1", 4151), ",",
                        ProducerJson("dead", 4151), "]}"));
  const Response response = Get("/api/topics/t");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr(R"("message":"WARNING: Get \"http://dead:4151/stats)"));
}

TEST_F(ApiTest, OtherMethodsAreNotAllowed) {
  for (const char* method : {"PUT", "PATCH", "HEAD"}) {
    const Response response = router.Answer(
        {.method = method, .target = "/api/topics/t", .body = "", .peer = "", .headers = {}});
    EXPECT_EQ(response.status, 405) << method;
  }
}

TEST_F(ApiTest, ClusterHoldsWhatThePageShows) {
  const auto json = nlohmann::json::parse(Get("/api/cluster").body);
  EXPECT_EQ(json["mode"], "lookupd");
  EXPECT_EQ(json["lookupds"][0]["up"], true);
  EXPECT_EQ(json["nodes"][0]["node"], "10.0.0.1:4151");
  EXPECT_EQ(json["nodes"][0]["tombstones"][0], "t");
  EXPECT_EQ(json["total"]["depth"], 8) << "of the topic and its channel";
  EXPECT_EQ(json["total"]["messages"], 9) << "a message counts once, however many channels";
  EXPECT_EQ(json["total"]["in_rate"], nullptr) << "nothing to compare with yet";
  EXPECT_EQ(json["topics"][0]["channels"][0]["depth"], 3);
  EXPECT_FALSE(json["topics"][0].contains("shares"));
}

TEST_F(ApiTest, OfANodeThatDoesNotAnswerNothingIsKnown) {
  cluster.Fail("10.0.0.1:4151/stats?format=json&include_clients=false",
               Status(Code::kTimeout, "late"));
  const auto node = nlohmann::json::parse(Get("/api/cluster").body)["nodes"][0];
  EXPECT_EQ(node["up"], false);
  EXPECT_EQ(node["depth"], nullptr) << "not 0: it may hold millions";
  EXPECT_EQ(node["topics"], nullptr);
  EXPECT_EQ(node["clients"], nullptr);
}

TEST_F(ApiTest, ClusterTellsSharesOfOneTopicOrNode) {
  auto json = nlohmann::json::parse(Get("/api/cluster?topic=t").body);
  EXPECT_EQ(json["topics"][0]["shares"][0]["node"], "10.0.0.1:4151");
  EXPECT_EQ(json["topics"][0]["channels"][0]["shares"][0]["depth"], 3);
  json = nlohmann::json::parse(Get("/api/cluster?node=10.0.0.1%3A4151").body);
  EXPECT_EQ(json["topics"][0]["shares"].size(), 1u);
  json = nlohmann::json::parse(Get("/api/cluster?node=other").body);
  EXPECT_EQ(json["topics"][0]["shares"].size(), 0u);
}

}  // namespace
}  // namespace nsq::admin
