// A daemon leaves the cluster: nothing new, consumers finish the rest, then it goes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"

namespace nsq::cluster {
namespace {

using testing::HasSubstr;
using testing::Not;

class DrainTest : public ClusterTest {
 protected:
  // A topic with a channel, and `count` messages in it.
  Nsqd& NodeWith(int count, std::vector<std::string> flags = {}) {
    Nsqd& nsqd = AddNsqd(std::move(flags));
    EXPECT_EQ(nsqd.Post("/topic/create?topic=t").status, 200);
    EXPECT_EQ(nsqd.Post("/channel/create?topic=t&channel=c").status, 200);
    if (count > 0) {
      EXPECT_EQ(V2Client(nsqd.tcp_port()).Mpub("t", Numbered("m", count)), "OK");
    }
    return nsqd;
  }
  static bool IsDraining(Nsqd& nsqd) {
    return nsqd.Get("/config/drain").body.find("\"draining\":true") != std::string::npos;
  }
};

TEST_P(DrainTest, PublishingIsRefusedEverywhereAndTheReasonIsThere) {
  Nsqd& nsqd = NodeWith(1);
  V2Client producer(nsqd.tcp_port());
  EXPECT_EQ(producer.Pub("t", "m"), "OK");
  EXPECT_EQ(nsqd.Get("/readyz").body, "OK");
  EXPECT_EQ(nsqd.Put("/config/drain", "true").status, 200);

  EXPECT_EQ(producer.Pub("t", "m"), "E_PUB_FAILED PUB failed draining");
  EXPECT_EQ(producer.Answer(), "") << "and closed, as after any refused publish";
  EXPECT_EQ(V2Client(nsqd.tcp_port()).Mpub("t", {"m"}), "E_MPUB_FAILED MPUB failed draining");
  EXPECT_EQ(V2Client(nsqd.tcp_port()).Dpub("t", seconds(1), "m"),
            "E_DPUB_FAILED DPUB failed draining");
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(V2Client(nsqd.tcp_port()).Pub(StrCat("new", i), "m"),
              "E_PUB_FAILED PUB failed draining");
    EXPECT_FALSE(nsqd.Stats(StrCat("new", i)).exists);
  }
  const http::Response refused = nsqd.Post("/pub?topic=t", "m");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, R"({"message":"DRAINING"})");
  ASSERT_TRUE(Eventually([&] {
    return nsqd.Get("/readyz").body == "draining: 2 waiting, 0 in flight, 0 deferred\n";
  }));
  EXPECT_EQ(nsqd.Get("/readyz").status, 503);
  EXPECT_EQ(nsqd.Get("/livez").body, "OK");
  EXPECT_EQ(nsqd.Get("/ping").body, "OK") << "nothing is wrong";
  EXPECT_EQ(nsqd.Stop(), 0);
}

TEST_P(DrainTest, ItLeavesWhenEverythingIsFinishedAndNotBefore) {
  Nsqd& nsqd = NodeWith(3);
  V2Client consumer(nsqd.tcp_port());
  EXPECT_EQ(consumer.Sub("t", "c"), "OK");
  EXPECT_EQ(V2Client(nsqd.tcp_port()).Dpub("t", milliseconds(1500), "later"), "OK");
  EXPECT_EQ(nsqd.Put("/config/drain", "true").status, 200);
  consumer.Rdy(10);
  std::vector<Message> messages;
  for (int i = 0; i < 3; ++i) {
    auto message = consumer.Next();
    ASSERT_TRUE(message.has_value());
    messages.push_back(*message);
  }
  consumer.Fin(messages[0].id);
  consumer.Req(messages[1].id, milliseconds(100));
  const auto again = consumer.Next();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->attempts, 2);
  consumer.Fin(again->id);
  const auto later = consumer.Next();
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->body, "later") << "what is deferred is waited for";
  consumer.Fin(later->id);
  ASSERT_TRUE(Eventually([&] {
    return nsqd.Get("/config/drain").body.find(R"("waiting":0,"in_flight":1,"deferred":0)") !=
           std::string::npos;
  }));
  EXPECT_EQ(consumer.Cls(), "CLOSE_WAIT");
  consumer.Fin(messages[2].id);
  EXPECT_EQ(nsqd.process().Wait(), 0);
  EXPECT_THAT(nsqd.process().Log(), HasSubstr("DRAIN: nothing is left, leaving"));
}

TEST_P(DrainTest, TheLogSaysAtOnceWhatNobodyCanConsume) {
  Nsqd& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("lonely", "m"), "OK");
  EXPECT_EQ(nsqd.Put("/config/drain", "true").status, 200);
  EXPECT_EQ(nsqd.process().AwaitLogged("DRAIN: left: "),
            "1 waiting, 0 in flight, 0 deferred; 1 in topics that have no channel");
  EXPECT_EQ(nsqd.Stop(), 0);
}

TEST_P(DrainTest, TheDeadlineEndsItAndTheRestStays) {
  Nsqd& nsqd = NodeWith(5);
  EXPECT_EQ(nsqd.Put("/config/drain", "200ms").status, 200);
  EXPECT_EQ(nsqd.process().Wait(), 0);
  EXPECT_THAT(nsqd.process().Log(), HasSubstr("DRAIN: the time is up, leaving with 5 waiting"));
  nsqd.Start();
  EXPECT_FALSE(IsDraining(nsqd)) << "not kept over a restart";
  EXPECT_EQ(Drain(nsqd.tcp_port(), "t", "c", 5), Numbered("m", 5));
}

TEST_P(DrainTest, CancelingItLetsEverybodyPublishAgain) {
  Nsqd& nsqd = NodeWith(1);
  EXPECT_EQ(nsqd.Put("/config/drain", "true").status, 200);
  EXPECT_EQ(nsqd.Put("/config/drain", "false").body, R"({"draining":false})");
  EXPECT_EQ(nsqd.Get("/readyz").body, "OK");
  EXPECT_EQ(V2Client(nsqd.tcp_port()).Pub("t", "m"), "OK");
  EXPECT_EQ(nsqd.Publish("t", "m"), "OK");
  EXPECT_EQ(Drain(nsqd.tcp_port(), "t", "c", 3).size(), 3u);
  EXPECT_EQ(nsqd.Stop(), 0);
  EXPECT_THAT(nsqd.process().Log(), Not(HasSubstr("leaving\n")));
}

TEST_P(DrainTest, SigtermDrainsIfToldAndASecondOneStopsAtOnce) {
  for (const int second : {SIGTERM, SIGINT}) {
    Nsqd& nsqd = NodeWith(2, {"-drain-on-sigterm", "-drain-timeout=0"});
    nsqd.process().Signal(SIGTERM);
    ASSERT_TRUE(Eventually([&] { return IsDraining(nsqd); }));
    EXPECT_EQ(nsqd.Publish("t", "m"), R"({"message":"DRAINING"})");
    EXPECT_EQ(nsqd.Stats("t").of("c").depth, 2);
    EXPECT_EQ(nsqd.Stop(second), 0);
    EXPECT_THAT(nsqd.process().Log(), Not(HasSubstr("nothing is left, leaving")));
  }
}

TEST_P(DrainTest, WithoutTheFlagOrWithSigintItStopsAtOnce) {
  EXPECT_EQ(NodeWith(2).Stop(SIGTERM), 0);
  EXPECT_EQ(NodeWith(2, {"-drain-on-sigterm"}).Stop(SIGINT), 0);
}

TEST_P(DrainTest, AnEmptyDaemonLeavesAtOnce) {
  Nsqd& nsqd = NodeWith(0, {"-drain-on-sigterm", "-drain-timeout=0"});
  EXPECT_EQ(nsqd.Stop(SIGTERM), 0);
}

TEST_P(DrainTest, LookupKnowsAndConsumersStillFindIt) {
  Lookupd& lookupd = AddLookupd();
  Nsqd& nsqd = NodeWith(2);
  const std::vector<uint16_t> ports = {nsqd.tcp_port()};
  ASSERT_TRUE(Eventually([&] { return lookupd.Lookup("t").channels.size() == 1; }));
  EXPECT_THAT(lookupd.Get("/nodes").body, Not(HasSubstr("draining")));
  EXPECT_EQ(nsqd.Put("/config/drain", "true").status, 200);
  ASSERT_TRUE(Eventually([&] {
    return lookupd.Get("/nodes").body.find("\"draining\":true") != std::string::npos &&
           lookupd.Lookup("t").tcp_ports == ports;
  }));
  EXPECT_THAT(lookupd.Get("/lookup?topic=t").body, HasSubstr("\"draining\":true"));
  EXPECT_EQ(nsqd.Put("/config/drain", "false").status, 200);
  ASSERT_TRUE(Eventually([&] {
    return lookupd.Get("/nodes").body.find("draining") == std::string::npos &&
           lookupd.Lookup("t").tcp_ports == ports;
  }));
  EXPECT_EQ(nsqd.Put("/config/drain", "true").status, 200);
  EXPECT_EQ(Drain(nsqd.tcp_port(), "t", "c", 2).size(), 2u);
  EXPECT_EQ(nsqd.process().Wait(), 0);
  ASSERT_TRUE(Eventually([&] { return lookupd.Lookup("t").tcp_ports.empty(); }));
  EXPECT_EQ(lookupd.Get("/readyz").body, "OK");
  EXPECT_EQ(lookupd.Get("/livez").body, "OK");
}

// Producers that go on until they are refused: everything they were told OK for is consumed.
TEST_P(DrainTest, NothingThatWasTakenIsLeftBehind) {
  Nsqd& nsqd = NodeWith(0, {"-drain-timeout=0"});
  EXPECT_EQ(nsqd.Post("/topic/create?topic=u").status, 200);
  EXPECT_EQ(nsqd.Post("/channel/create?topic=u&channel=c").status, 200);
  std::vector<std::thread> producers;
  std::atomic<int> taken = 0;
  std::atomic<int> refused = 0;
  for (int p = 0; p < 4; ++p) {
    producers.emplace_back([&, topic = p % 2 == 0 ? "t" : "u"] {
      V2Client producer(nsqd.tcp_port());
      while (true) {
        const std::string answer = producer.Pub(topic, "m");
        if (answer != "OK") {
          EXPECT_EQ(answer, "E_PUB_FAILED PUB failed draining");
          ++refused;
          return;
        }
        ++taken;
      }
    });
  }
  ASSERT_TRUE(Eventually([&] { return taken > 100; }));
  EXPECT_EQ(nsqd.Put("/config/drain", "true").status, 200);
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(refused, 4);
  std::atomic<int> consumed = 0;
  std::vector<std::thread> consumers;
  for (const char* const topic : {"t", "u"}) {
    consumers.emplace_back([&, topic] {
      V2Client consumer(nsqd.tcp_port());
      EXPECT_EQ(consumer.Sub(topic, "c"), "OK");
      consumer.Rdy(100);
      while (const auto message = consumer.Next()) {
        consumer.Fin(message->id);
        ++consumed;
      }
    });
  }
  for (std::thread& consumer : consumers) consumer.join();
  EXPECT_EQ(nsqd.process().Wait(), 0);
  EXPECT_EQ(consumed, taken);
}

INSTANTIATE_TEST_SUITE_P(, DrainTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
