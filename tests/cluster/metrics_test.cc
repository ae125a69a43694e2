// What real daemons say of themselves on /metrics, and what they give back.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/address.h"
#include "common/event/unique_fd.h"
#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"
#include "tests/common/metrics/exposition_parser.h"

namespace nsq::cluster {
namespace {

using metrics::ParsedPage;
using Labels = std::map<std::string, std::string>;

class MetricsTest : public ClusterTest {
 protected:
  template <typename Daemon>
  static ParsedPage Read(Daemon& daemon) {
    const metrics::ParseResult result = metrics::ParseExposition(daemon.Get("/metrics").body);
    EXPECT_EQ(result.error, "");
    return result.page;
  }
};

TEST_P(MetricsTest, FiguresFollowTheMessages) {
  Lookupd& lookupd = AddLookupd();
  Nsqd& nsqd = AddNsqd({"--e2e-processing-latency-percentile=1.0,0.5"});
  const Labels topic = {{"topic", "t#ephemeral"}};
  const Labels channel = {{"topic", "t#ephemeral"}, {"channel", "c"}};
  V2Client consumer(nsqd.tcp_port());
  ASSERT_EQ(consumer.Sub("t#ephemeral", "c"), "OK");
  ASSERT_EQ(V2Client(nsqd.tcp_port()).Mpub("t#ephemeral", Numbered("message ", 5)), "OK");
  ASSERT_TRUE(Eventually([&] { return Read(nsqd).Find("nsq_channel_depth", channel) == 5; }));
  const ParsedPage before = Read(nsqd);
  EXPECT_EQ(before.Find("nsq_topic_messages_total", topic), 5);
  EXPECT_GT(before.Find("nsq_channel_lag_seconds", channel).value_or(0), 0);
  EXPECT_EQ(before.Find("nsq_channel_clients", channel), 1);
  EXPECT_GE(before.Find("nsq_publish_duration_seconds_count").value_or(0), 1);
  EXPECT_EQ(before.Find("nsq_delivery_latency_seconds_count"), 0);

  consumer.Rdy(2);
  const auto first = consumer.Next();
  const auto second = consumer.Next();
  ASSERT_TRUE(first && second);
  consumer.Rdy(0);
  consumer.Fin(first->id);
  ASSERT_TRUE(
      Eventually([&] { return Read(nsqd).Find("nsq_channel_finished_total", channel) == 1; }));
  const ParsedPage after = Read(nsqd);
  EXPECT_EQ(after.Find("nsq_channel_in_flight", channel), 1);
  EXPECT_EQ(after.Find("nsq_channel_depth", channel), 3);
  EXPECT_EQ(after.Find("nsq_channel_lag_messages", channel), 4);
  EXPECT_EQ(after.Find("nsq_delivery_latency_seconds_count"), 2);
  Labels quantile = channel;
  quantile["quantile"] = "1";
  EXPECT_GT(after.Find("nsq_channel_e2e_processing_latency_seconds", quantile).value_or(0), 0);
  EXPECT_EQ(after.families.at("nsq_loop_topics").samples.size(), static_cast<size_t>(GetParam()));
  EXPECT_EQ(after.families.at("nsq_nsqlookupd_connected").samples.size(), 1u);
  EXPECT_EQ(after.families.at("nsq_nsqlookupd_connected").samples[0].value, 1);
  EXPECT_GT(after.Find("process_resident_memory_bytes").value_or(0), 1e6);

  EXPECT_EQ(Read(lookupd).Find("nsq_lookupd_nodes"), 1);
  EXPECT_EQ(Read(lookupd).Find("nsq_lookupd_topic_producers", topic), 1);
}

// The figures of a real daemon on a real socket.
TEST_P(MetricsTest, StatsdIsSentWhatHasCome) {
  const UniqueFd statsd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(statsd.get(), reinterpret_cast<sockaddr*>(&here), sizeof here), 0);
  Nsqd& nsqd = AddNsqd({StrCat("--statsd-address=127.0.0.1:", BoundPort(statsd.get())),
                        "--statsd-interval=1100ms", "--statsd-udp-packet-size=100000",
                        "--broadcast-http-port=7"});
  ASSERT_EQ(nsqd.Post("/topic/create?topic=t").status, 200);
  ASSERT_EQ(V2Client(nsqd.tcp_port()).Mpub("t", {"1", "22"}), "OK");
  std::string got;
  const auto receive = [&] {
    char bytes[65536];
    const ssize_t n = ::recv(statsd.get(), bytes, sizeof bytes, 0);
    if (n > 0) got.append(bytes, static_cast<size_t>(n));
  };
  // The messages may come in the first push or in the second.
  ASSERT_TRUE(Eventually([&] {
    receive();
    return got.find("nsq.127_0_0_1_7.topic.t.message_count:2|c\n") != std::string::npos &&
           got.find("nsq.127_0_0_1_7.mem.gc_runs:0|c\n") != std::string::npos;
  })) << got;
  EXPECT_NE(got.find("nsq.127_0_0_1_7.topic.t.message_bytes:3|c\n"), std::string::npos) << got;
  EXPECT_NE(got.find("nsq.127_0_0_1_7.topic.t.depth:2|g\n"), std::string::npos) << got;
}

// After a backlog in memory has been consumed its memory goes back to the system.
TEST_P(MetricsTest, MemoryIsReturnedAfterAPeak) {
  constexpr size_t kMessageBytes = 100'000;
  constexpr int kMessages = 1500;
  Nsqd& nsqd =
      AddNsqd({"--memory-budget=1000000000", "--mem-queue-size=1000000", "--durability=memory"});
  ASSERT_EQ(nsqd.Post("/topic/create?topic=t").status, 200);
  ASSERT_EQ(nsqd.Post("/channel/create?topic=t&channel=c").status, 200);
  const auto resident = [&] {
    return Read(nsqd).Find("process_resident_memory_bytes").value_or(0);
  };
  const double before = resident();
  V2Client producer(nsqd.tcp_port());
  const std::vector<std::string> batch(10, std::string(kMessageBytes, 'x'));
  for (int i = 0; i < kMessages / 10; ++i) ASSERT_EQ(producer.Mpub("t", batch), "OK");
  EXPECT_GT(resident(), before + 100e6) << "there is no peak";
  ASSERT_EQ(Drain(nsqd.tcp_port(), "t", "c", kMessages).size(), static_cast<size_t>(kMessages));
  EXPECT_TRUE(Eventually([&] { return resident() < before + 40e6; }))
      << before << " before, now " << resident();
}

INSTANTIATE_TEST_SUITE_P(Loops, MetricsTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
