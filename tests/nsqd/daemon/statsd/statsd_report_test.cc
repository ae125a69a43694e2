#include "nsqd/daemon/statsd/statsd_report.h"

#include <gtest/gtest.h>

#include <string>

namespace nsq::nsqd {
namespace {

using Datagrams = std::vector<std::string>;

DaemonStats OneTopic() {
  DaemonStats stats;
  TopicStats& topic = stats.topics.emplace_back();
  topic.name = "t1";
  topic.message_count = 2;
  topic.message_bytes = 10;
  topic.depth = 5;
  topic.backend_depth = 1;
  topic.e2e = {2, {{1.0, 77}}};
  ChannelStats& channel = topic.channels.emplace_back();
  channel.name = "c";
  channel.message_count = 7;
  channel.depth = 6;
  channel.backend_depth = 5;
  channel.in_flight_count = 4;
  channel.deferred_count = 3;
  channel.requeue_count = 2;
  channel.timeout_count = 1;
  channel.client_count = 8;
  channel.e2e = {2, {{1.0, 9}, {0.999, 8}, {0.995, 7}, {0.985, 6}}};
  return stats;
}

std::string All(const Datagrams& datagrams) {
  std::string all;
  for (const std::string& datagram : datagrams) all += datagram;
  return all;
}

// Order, names and kinds as the spec has them (nsqd-http 12.2); quantiles round half to even.
TEST(StatsdReportTest, EveryKeyInItsOrder) {
  StatsdReport report({"nsq.h_1.", 100000, false});
  const Datagrams datagrams = report.Next(OneTopic(), MemoryStats{1, 2, 3, 4});
  ASSERT_EQ(datagrams.size(), 1u);
  EXPECT_EQ(datagrams[0],
            "nsq.h_1.topic.t1.message_count:2|c\n"
            "nsq.h_1.topic.t1.message_bytes:10|c\n"
            "nsq.h_1.topic.t1.depth:5|g\n"
            "nsq.h_1.topic.t1.backend_depth:1|g\n"
            "nsq.h_1.topic.t1.e2e_processing_latency_100:77|g\n"
            "nsq.h_1.topic.t1.channel.c.message_count:7|c\n"
            "nsq.h_1.topic.t1.channel.c.depth:6|g\n"
            "nsq.h_1.topic.t1.channel.c.backend_depth:5|g\n"
            "nsq.h_1.topic.t1.channel.c.in_flight_count:4|g\n"
            "nsq.h_1.topic.t1.channel.c.deferred_count:3|g\n"
            "nsq.h_1.topic.t1.channel.c.requeue_count:2|c\n"
            "nsq.h_1.topic.t1.channel.c.timeout_count:1|c\n"
            "nsq.h_1.topic.t1.channel.c.clients:8|g\n"
            "nsq.h_1.topic.t1.channel.c.e2e_processing_latency_100:9|g\n"
            "nsq.h_1.topic.t1.channel.c.e2e_processing_latency_100:8|g\n"
            "nsq.h_1.topic.t1.channel.c.e2e_processing_latency_100:7|g\n"
            "nsq.h_1.topic.t1.channel.c.e2e_processing_latency_98:6|g\n"
            "nsq.h_1.mem.heap_objects:1|g\n"
            "nsq.h_1.mem.heap_idle_bytes:2|g\n"
            "nsq.h_1.mem.heap_in_use_bytes:3|g\n"
            "nsq.h_1.mem.heap_released_bytes:4|g\n"
            "nsq.h_1.mem.gc_pause_usec_100:0|g\n"
            "nsq.h_1.mem.gc_pause_usec_99:0|g\n"
            "nsq.h_1.mem.gc_pause_usec_95:0|g\n"
            "nsq.h_1.mem.next_gc_bytes:0|g\n"
            "nsq.h_1.mem.gc_runs:0|c\n");
}

TEST(StatsdReportTest, CountersAreWhatHasComeSinceGaugesWhatIs) {
  StatsdReport report({"", 100000, false});
  DaemonStats stats = OneTopic();
  (void)report.Next(stats, std::nullopt);
  std::string again = All(report.Next(stats, std::nullopt));
  EXPECT_NE(again.find("topic.t1.message_count:0|c\n"), std::string::npos) << "sent even when 0";
  EXPECT_NE(again.find("topic.t1.depth:5|g\n"), std::string::npos);
  EXPECT_NE(again.find("topic.t1.channel.c.requeue_count:0|c\n"), std::string::npos);
  stats.topics[0].message_count = 12;
  stats.topics[0].message_bytes = 30;
  stats.topics[0].channels[0].message_count = 8;
  stats.topics[0].channels[0].timeout_count = 4;
  again = All(report.Next(stats, std::nullopt));
  EXPECT_NE(again.find("topic.t1.message_count:10|c\n"), std::string::npos);
  EXPECT_NE(again.find("topic.t1.message_bytes:20|c\n"), std::string::npos);
  EXPECT_NE(again.find("topic.t1.channel.c.message_count:1|c\n"), std::string::npos);
  EXPECT_NE(again.find("topic.t1.channel.c.timeout_count:3|c\n"), std::string::npos);
}

TEST(StatsdReportTest, ATopicMadeAgainCountsFromZero) {
  StatsdReport report({"", 100000, false});
  DaemonStats stats = OneTopic();
  stats.topics[0].message_count = 100;
  (void)report.Next(stats, std::nullopt);
  stats.topics[0].message_count = 3;
  EXPECT_NE(All(report.Next(stats, std::nullopt)).find("topic.t1.message_count:3|c\n"),
            std::string::npos);
  // One that was away for a report is new as well, though its count is higher.
  (void)report.Next(DaemonStats(), std::nullopt);
  stats.topics[0].message_count = 5;
  EXPECT_NE(All(report.Next(stats, std::nullopt)).find("topic.t1.message_count:5|c\n"),
            std::string::npos);
}

TEST(StatsdReportTest, WholeLinesArePackedUpToTheLimit) {
  const Datagrams whole = StatsdReport({"p.", 1 << 20, false}).Next(OneTopic(), MemoryStats{});
  ASSERT_EQ(whole.size(), 1u);
  for (size_t limit = 1; limit < whole[0].size() + 2; ++limit) {
    const Datagrams datagrams = StatsdReport({"p.", limit, false}).Next(OneTopic(), MemoryStats{});
    ASSERT_EQ(All(datagrams), whole[0]) << "nothing lost, nothing moved";
    for (size_t i = 0; i < datagrams.size(); ++i) {
      ASSERT_TRUE(datagrams[i].ends_with('\n'));
      const size_t first_line = datagrams[i].find('\n') + 1;
      // Longer than allowed only if a single line is.
      if (datagrams[i].size() > limit) {
        ASSERT_EQ(first_line, datagrams[i].size());
      }
      if (i == 0) continue;
      ASSERT_GT(datagrams[i - 1].size() + first_line, limit) << "its first line had room before";
    }
  }
}

TEST(StatsdReportTest, EphemeralOnesAreLeftOutIfSaidSo) {
  DaemonStats stats = OneTopic();
  stats.topics[0].channels[0].name = "c#ephemeral";
  TopicStats& ephemeral = stats.topics.emplace_back();
  ephemeral.name = "t2#ephemeral";
  ephemeral.channels.emplace_back().name = "plain";
  EXPECT_NE(All(StatsdReport({"", 508, false}).Next(stats, std::nullopt)).find("#ephemeral"),
            std::string::npos)
      << "names as they are";
  const std::string without = All(StatsdReport({"", 508, true}).Next(stats, std::nullopt));
  EXPECT_EQ(without.find("ephemeral"), std::string::npos);
  EXPECT_EQ(without.find("plain"), std::string::npos);
  EXPECT_NE(without.find("topic.t1.depth:5|g\n"), std::string::npos);
}

TEST(StatsdReportTest, NothingIsNoDatagram) {
  EXPECT_TRUE(StatsdReport({"p.", 508, false}).Next(DaemonStats(), std::nullopt).empty());
}

}  // namespace
}  // namespace nsq::nsqd
