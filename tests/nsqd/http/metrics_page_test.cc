#include "nsqd/http/metrics_page.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/common/metrics/exposition_parser.h"
#include "tests/nsqd/http/api_fixture.h"
#include "tests/nsqd/http/sample_page.h"

namespace nsq::nsqd {
namespace {

const WallTime kNow = WallFromUnixNanos(1795215046'000000000);

// What a strict reader takes the page for.
metrics::ParsedPage Parse(const std::vector<MetricsPart>& parts, std::string_view health = "OK") {
  const metrics::ParseResult result = metrics::ParseExposition(MetricsText(parts, health, 1000));
  EXPECT_EQ(result.error, "");
  return result.page;
}

TEST(MetricsPageTest, ATopicAndItsChannelsAreAllThere) {
  TopicStats topic = SamplePage().stats.topics[0];
  topic.depth = 4;
  topic.backend_depth = 2;
  topic.disk_bytes = 93;
  topic.damaged_records = 1;
  topic.paused = true;
  topic.oldest = kNow - milliseconds(1500);
  topic.e2e = {3, {{0.99, 2'000'000}}};
  ChannelStats& channel = topic.channels[0];
  channel.depth = 11;
  channel.backend_depth = 6;
  channel.timeout_count = 5;
  channel.finish_count = 2;
  channel.oldest = kNow - seconds(7);
  std::vector<MetricsPart> parts(1);
  parts[0].AddTopic(topic, kNow);
  const metrics::ParsedPage page = Parse(parts);

  using Labels = std::map<std::string, std::string>;
  const Labels of_topic = {{"topic", "orders"}};
  const Labels of_channel = {{"topic", "orders"}, {"channel", "billing"}};
  const struct {
    std::string name;
    double value;
  } topics[] = {{"nsq_topic_depth", 4},          {"nsq_topic_backend_depth", 2},
                {"nsq_topic_messages_total", 3}, {"nsq_topic_message_bytes_total", 17},
                {"nsq_topic_paused", 1},         {"nsq_topic_lag_seconds", 1.5},
                {"nsq_topic_disk_bytes", 93},    {"nsq_topic_damaged_records_total", 1}},
    channels[] = {{"nsq_channel_depth", 11},          {"nsq_channel_backend_depth", 6},
                  {"nsq_channel_in_flight", 1},       {"nsq_channel_deferred", 1},
                  {"nsq_channel_clients", 1},         {"nsq_channel_paused", 0},
                  {"nsq_channel_messages_total", 3},  {"nsq_channel_deliveries_total", 3},
                  {"nsq_channel_finished_total", 2},  {"nsq_channel_requeued_total", 1},
                  {"nsq_channel_timed_out_total", 5}, {"nsq_channel_lag_messages", 12},
                  {"nsq_channel_lag_seconds", 7}};
  for (const auto& c : topics) EXPECT_EQ(page.Find(c.name, of_topic), c.value) << c.name;
  for (const auto& c : channels) EXPECT_EQ(page.Find(c.name, of_channel), c.value) << c.name;
  EXPECT_EQ(page.Find("nsq_topic_e2e_processing_latency_seconds",
                      {{"topic", "orders"}, {"quantile", "0.99"}}),
            0.002);
}

// A family must not be cut in two, whatever the number of loops that know of it.
TEST(MetricsPageTest, LoopsBecomeOnePage) {
  std::vector<MetricsPart> parts(3);
  for (size_t i = 0; i < parts.size(); ++i) {
    TopicStats topic;
    topic.name = "topic-" + std::to_string(i);
    topic.channels.resize(2);
    topic.channels[0].name = "a";
    topic.channels[1].name = "b\\\"\n#ephemeral";
    parts[i].AddTopic(topic, kNow);
    parts[i].queue.publish.Add(milliseconds(1), 1 + i);
    parts[i].queue.delivery.Add(milliseconds(2));
    parts[i].queue.sync.Add(milliseconds(3));
    parts[i].loop.connections = 10 + i;
    parts[i].loop.stats.turn_durations.Add(microseconds(7), 3);
  }
  parts[0].lookupds = {{"a:4160", true}, {"b:4160", false}};
  const metrics::ParsedPage page = Parse(parts, "NOK - \"full\"");
  EXPECT_EQ(page.families.at("nsq_topic_depth").samples.size(), 3u);
  EXPECT_EQ(page.families.at("nsq_channel_depth").samples.size(), 6u);
  EXPECT_EQ(page.Find("nsq_publish_duration_seconds_count"), 6);
  EXPECT_EQ(page.Find("nsq_delivery_latency_seconds_count"), 3);
  EXPECT_EQ(page.Find("nsq_fsync_duration_seconds_count"), 3);
  EXPECT_EQ(page.Find("nsq_loop_connections", {{"loop", "2"}}), 12);
  EXPECT_EQ(page.Find("nsq_loop_turn_duration_seconds_count", {{"loop", "1"}}), 3);
  EXPECT_EQ(page.Find("nsq_nsqlookupd_connected", {{"address", "a:4160"}}), 1);
  EXPECT_EQ(page.Find("nsq_nsqlookupd_connected", {{"address", "b:4160"}}), 0);
  EXPECT_EQ(page.Find("nsq_healthy"), 0);
  EXPECT_EQ(page.Find("nsq_unhealthy", {{"reason", "NOK - \"full\""}}), 1);
  EXPECT_EQ(page.Find("nsq_message_memory_limit_bytes"), 1000);
}

TEST(MetricsPageTest, ADaemonWithoutTopicsHasAPageToo) {
  const metrics::ParsedPage page = Parse(std::vector<MetricsPart>(1));
  EXPECT_TRUE(page.families.at("nsq_topic_depth").samples.empty());
  EXPECT_TRUE(page.families.at("nsq_unhealthy").samples.empty());
  EXPECT_GT(page.Find("process_resident_memory_bytes").value_or(0), 0);
}

// Every name is documented, with its type: people build dashboards and alarms on them.
TEST(MetricsPageTest, TheReadmeListsEveryFamilyAndNoOther) {
  std::ifstream file(std::string(NSQ_SOURCE_DIR) + "/nsqd/http/README.md");
  const std::string readme(std::istreambuf_iterator<char>(file), {});
  const metrics::ParsedPage page = Parse(std::vector<MetricsPart>(1));
  for (const auto& [name, family] : page.families) {
    const std::string row = "| `" + name + "` | " + family.type + " |";
    EXPECT_NE(readme.find(row), std::string::npos) << row;
  }
  size_t rows = 0;
  for (const std::string start : {"\n| `nsq_", "\n| `process_"}) {
    for (size_t at = readme.find(start); at != std::string::npos; at = readme.find(start, at + 1)) {
      ++rows;
    }
  }
  EXPECT_EQ(rows, page.families.size());
}

TEST_F(ApiTest, MetricsAreAPageOfPrometheus) {
  backend_.stats = SamplePage().stats;
  const Reply reply = Get("/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  const metrics::ParseResult result = metrics::ParseExposition(reply.body);
  ASSERT_EQ(result.error, "");
  EXPECT_EQ(result.page.Find("nsq_topic_messages_total", {{"topic", "orders"}}), 3);
  EXPECT_EQ(result.page.Find("nsq_healthy"), 1);
  backend_.health = "NOK - full";
  EXPECT_NE(Get("/metrics").body.find("\nnsq_healthy 0\n"), std::string::npos);
}

}  // namespace
}  // namespace nsq::nsqd
