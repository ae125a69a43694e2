#include "nsqd/http/stats_json.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/nsqd/http/sample_page.h"

namespace nsq::nsqd {
namespace {

// The captured answer, but for the memory figures and the percentiles.
TEST(StatsJsonTest, IsTheOriginalsToTheByte) {
  StatsPage page = SamplePage();
  page.filter.topic = "orders";
  page.memory = MemoryStats{37752, 835584, 48611328, 819200};
  EXPECT_EQ(
      StatsJson(page),
      R"({"version":"1.3.0","health":"OK","start_time":1795214862,"topics":[)"
      R"({"topic_name":"orders","channels":[{"channel_name":"billing","depth":0,)"
      R"("backend_depth":0,"in_flight_count":1,"deferred_count":1,"message_count":3,)"
      R"("global_msg_count":3,"requeue_count":1,"timeout_count":0,"client_count":1,"clients":[)"
      R"({"client_id":"cons1","hostname":"chost","version":"V2",)"
      R"("remote_address":"127.0.0.1:60850","state":3,"ready_count":3,"in_flight_count":1,)"
      R"("message_count":3,"finish_count":1,"requeue_count":1,"connect_ts":1795215046,)"
      R"("sample_rate":0,"deflate":false,"snappy":false,"user_agent":"probe/1.0",)"
      R"("topology_zone":"","topology_region":"","tls":false,"tls_cipher_suite":"",)"
      R"("tls_version":"","tls_negotiated_protocol":"",)"
      R"("tls_negotiated_protocol_is_mutual":false}],"paused":false,)"
      R"("e2e_processing_latency":{"count":0,"percentiles":null}}],"depth":0,"backend_depth":0,)"
      R"("message_count":3,"message_bytes":17,"paused":false,)"
      R"("e2e_processing_latency":{"count":0,"percentiles":null}}],)"
      R"("memory":{"heap_objects":37752,"heap_idle_bytes":835584,)"
      R"("heap_in_use_bytes":48611328,"heap_released_bytes":819200,"gc_pause_usec_100":0,)"
      R"("gc_pause_usec_99":0,"gc_pause_usec_95":0,"next_gc_bytes":0,"gc_total_runs":0},)"
      R"("producers":[{"client_id":"prod1","hostname":"phost","version":"V2",)"
      R"("remote_address":"127.0.0.1:60838","state":0,"ready_count":0,"in_flight_count":0,)"
      R"("message_count":0,"finish_count":0,"requeue_count":0,"connect_ts":1795215046,)"
      R"("sample_rate":0,"deflate":false,"snappy":false,"user_agent":"probe/1.0",)"
      R"("topology_zone":"","topology_region":"","pub_counts":[{"topic":"orders","count":3}],)"
      R"("tls":false,"tls_cipher_suite":"","tls_version":"","tls_negotiated_protocol":"",)"
      R"("tls_negotiated_protocol_is_mutual":false}]})");
}

TEST(StatsJsonTest, PercentilesAreInTheOrderOfTheOptions) {
  StatsPage page = SamplePage();
  page.filter.include_clients = false;
  page.stats.topics[0].e2e = {14, {{1.0, 350795988}, {0.99, 350795987}}};
  page.stats.topics[0].channels[0].e2e = {0, {{0.5, 0}, {0.999, 0}}};
  const std::string json = StatsJson(page);
  EXPECT_NE(json.find(R"("e2e_processing_latency":{"count":14,"percentiles":[)"
                      R"({"quantile":1,"value":350795988},{"quantile":0.99,"value":350795987}]}})"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("e2e_processing_latency":{"count":0,"percentiles":[)"
                      R"({"quantile":0.5,"value":0},{"quantile":0.999,"value":0}]}})"),
            std::string::npos)
      << json;
}

TEST(StatsJsonTest, NothingIsAnEmptyListOfTopicsAndNoProducers) {
  StatsPage page = SamplePage();
  page.stats = DaemonStats();
  EXPECT_EQ(StatsJson(page),
            R"({"version":"1.3.0","health":"OK","start_time":1795214862,"topics":[],)"
            R"("producers":null})");
}

TEST(StatsJsonTest, AnUnknownTopicIsNullEvenWithProducers) {
  StatsPage page = SamplePage();
  page.stats.topics.clear();
  page.unknown_topic = true;
  EXPECT_EQ(StatsJson(page),
            R"({"version":"1.3.0","health":"OK","start_time":1795214862,"topics":null,)"
            R"("producers":null})");
}

TEST(StatsJsonTest, ATopicWithoutChannelsHasAnEmptyList) {
  StatsPage page = SamplePage();
  page.stats.producers.clear();
  TopicStats topic;
  topic.name = "t1";
  topic.depth = 8;
  topic.backend_depth = 5;
  topic.message_count = 8;
  topic.message_bytes = 3145737;
  topic.paused = true;
  page.stats.topics = {topic};
  EXPECT_EQ(StatsJson(page),
            R"({"version":"1.3.0","health":"OK","start_time":1795214862,"topics":[)"
            R"({"topic_name":"t1","channels":[],"depth":8,"backend_depth":5,"message_count":8,)"
            R"("message_bytes":3145737,"paused":true,)"
            R"("e2e_processing_latency":{"count":0,"percentiles":null}}],"producers":null})");
}

TEST(StatsJsonTest, ClientsAreNullIfNotAskedForAndEmptyIfThereAreNone) {
  StatsPage page = SamplePage();
  page.filter.include_clients = false;
  std::string json = StatsJson(page);
  EXPECT_NE(json.find(R"("client_count":1,"clients":null,)"), std::string::npos) << json;
  EXPECT_TRUE(json.ends_with(R"("producers":null})")) << json;

  page = SamplePage();
  page.stats.topics[0].channels[0].clients.emplace();
  json = StatsJson(page);
  EXPECT_NE(json.find(R"("clients":[],)"), std::string::npos) << json;
}

TEST(StatsJsonTest, DeliveriesAreLeftOutWhileThereAreNone) {
  StatsPage page = SamplePage();
  page.stats.topics[0].channels[0].delivered_count = 0;
  const std::string json = StatsJson(page);
  EXPECT_EQ(json.find("global_msg_count"), std::string::npos) << json;
}

TEST(StatsJsonTest, DeliveriesNearbyAreToldApart) {
  StatsPage page = SamplePage();
  ChannelStats& channel = page.stats.topics[0].channels[0];
  channel.delivered_count = 10;
  channel.zone_local_count = 5;
  channel.region_local_count = 3;
  std::string json = StatsJson(page);
  EXPECT_NE(json.find(R"("zone_local_msg_count":5,"region_local_msg_count":3,)"
                      R"("global_msg_count":2,"requeue_count")"),
            std::string::npos)
      << json;
  channel.zone_local_count = 7;
  json = StatsJson(page);
  EXPECT_EQ(json.find("global_msg_count"), std::string::npos) << json;
}

TEST(StatsJsonTest, OnlyWhatIsKnownOfAuthIsShown) {
  StatsPage page = SamplePage();
  EXPECT_EQ(StatsJson(page).find("auth"), std::string::npos);
  ClientStats& producer = page.stats.producers[0];
  producer.authed = true;
  EXPECT_NE(StatsJson(page).find(R"(,"authed":true,"topology_zone")"), std::string::npos);
  producer.auth_identity = "me";
  producer.auth_identity_url = "http://me";
  EXPECT_NE(StatsJson(page).find(R"(,"authed":true,"auth_identity":"me",)"
                                 R"("auth_identity_url":"http://me","topology_zone")"),
            std::string::npos);
}

TEST(StatsJsonTest, PubCountsAreThoseOfTheTopicAskedFor) {
  StatsPage page = SamplePage();
  page.stats.producers[0].pub_counts = {{"a", 1}, {"orders", 3}};
  EXPECT_NE(StatsJson(page).find(
                R"("pub_counts":[{"topic":"a","count":1},{"topic":"orders","count":3}],"tls")"),
            std::string::npos);
  page.filter.topic = "orders";
  EXPECT_NE(StatsJson(page).find(R"("pub_counts":[{"topic":"orders","count":3}],"tls")"),
            std::string::npos);
  page.filter.topic = "other";
  EXPECT_EQ(StatsJson(page).find("pub_counts"), std::string::npos);
}

TEST(StatsJsonTest, WhatClientsSayOfThemselvesIsEscaped) {
  StatsPage page = SamplePage();
  page.health = "NOK - \"x\"";
  page.stats.producers[0].user_agent = "<a\"&\n\x01";
  const std::string json = StatsJson(page);
  EXPECT_NE(json.find(R"("health":"NOK - \"x\"")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("user_agent":"\u003ca\"\u0026\n\u0001")"), std::string::npos) << json;
}

TEST(StatsJsonTest, ListsAreSeparated) {
  StatsPage page = SamplePage();
  std::vector<TopicStats>& topics = page.stats.topics;
  topics[0].channels[0].clients->push_back((*topics[0].channels[0].clients)[0]);
  topics[0].channels.push_back(topics[0].channels[0]);
  topics.push_back(topics[0]);
  page.stats.producers.push_back(page.stats.producers[0]);
  const std::string json = StatsJson(page);
  const auto count = [&json](std::string_view what) {
    size_t n = 0;
    for (size_t at = 0; (at = json.find(what, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  EXPECT_EQ(count(R"(},{"topic_name")"), 1u);
  EXPECT_EQ(count(R"(},{"channel_name")"), 2u);
  EXPECT_EQ(count(R"(},{"client_id":"cons1")"), 4u);
  EXPECT_EQ(count(R"(},{"client_id":"prod1")"), 1u);
}

}  // namespace
}  // namespace nsq::nsqd
