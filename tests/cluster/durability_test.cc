// What a restart and kill -9 leave of topics, channels and messages.

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"

namespace nsq::cluster {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

constexpr Duration kHour = std::chrono::hours(1);

class DurabilityTest : public ClusterTest {
 protected:
  // A topic with one channel and these messages.
  Nsqd& NodeWith(const std::string& topic, const std::vector<std::string>& bodies,
                 std::vector<std::string> flags = {}) {
    Nsqd& nsqd = AddNsqd(std::move(flags));
    EXPECT_EQ(nsqd.Post("/topic/create?topic=" + topic).status, 200);
    EXPECT_EQ(nsqd.Post("/channel/create?topic=" + topic + "&channel=c").status, 200);
    if (!bodies.empty()) {
      EXPECT_EQ(V2Client(nsqd.tcp_port()).Mpub(topic, bodies), "OK");
    }
    return nsqd;
  }

  static std::vector<Message> Take(V2Client& consumer, int count) {
    std::vector<Message> taken;
    consumer.Rdy(count);
    while (static_cast<int>(taken.size()) < count) {
      auto message = consumer.Next();
      if (!message.has_value()) {
        ADD_FAILURE() << "got " << taken.size() << " of " << count;
        break;
      }
      taken.push_back(std::move(*message));
    }
    consumer.Rdy(0);
    return taken;
  }
};

// What is true after a clean end must be true after kill -9 too.
enum class End { kStop, kKill };

void EndAndStart(Nsqd& nsqd, End end) {
  if (end == End::kStop) {
    EXPECT_EQ(nsqd.Stop(), 0);
  } else {
    nsqd.Kill();
  }
  nsqd.Start();
}

TEST_P(DurabilityTest, WhatIsUnfinishedComesAgain) {
  for (const End end : {End::kStop, End::kKill}) {
    SCOPED_TRACE(end == End::kStop ? "stopped" : "killed");
    Nsqd& nsqd = NodeWith("t", Numbered("m", 100));
    std::map<std::string, int> attempts;  // expected of each message at its next delivery
    for (const std::string& body : Numbered("m", 100)) attempts[body] = 1;
    {
      V2Client consumer(nsqd.tcp_port());
      ASSERT_EQ(consumer.Sub("t", "c"), "OK");
      const std::vector<Message> taken = Take(consumer, 20);
      ASSERT_EQ(taken.size(), 20u);
      for (size_t i = 0; i < 10; ++i) {
        consumer.Fin(taken[i].id);
        attempts.erase(taken[i].body);
      }
      for (size_t i = 10; i < 20; ++i) attempts[taken[i].body] = 2;
      for (size_t i = 10; i < 15; ++i) consumer.Req(taken[i].id, Duration(0));
      EXPECT_EQ(consumer.Cls(), "CLOSE_WAIT");  // has seen all of it; five are in flight
      EndAndStart(nsqd, end);
    }
    EXPECT_EQ(nsqd.Stats("t").of("c").depth, 90);
    V2Client consumer(nsqd.tcp_port());
    ASSERT_EQ(consumer.Sub("t", "c"), "OK");
    std::map<std::string, int> got;
    for (const Message& message : Take(consumer, 90)) {
      got[message.body] = message.attempts;
      consumer.Fin(message.id);
    }
    EXPECT_EQ(got, attempts);
    EXPECT_EQ(consumer.Cls(), "CLOSE_WAIT");
    EXPECT_EQ(nsqd.Stats("t").of("c").depth, 0);
    EXPECT_EQ(nsqd.Stop(), 0);
  }
}

TEST_P(DurabilityTest, DeferredMessagesStayDeferred) {
  for (const End end : {End::kStop, End::kKill}) {
    SCOPED_TRACE(end == End::kStop ? "stopped" : "killed");
    Nsqd& nsqd = NodeWith("t", {"requeued", "plain"});
    V2Client client(nsqd.tcp_port());
    ASSERT_EQ(client.Sub("t", "c"), "OK");
    for (const Message& message : Take(client, 2)) {
      if (message.body == "requeued") client.Req(message.id, kHour / 2);
    }
    EXPECT_EQ(client.Dpub("t", kHour / 2, "deferred"), "OK");
    ASSERT_TRUE(Eventually([&] { return nsqd.Stats("t").of("c").deferred == 2; }));
    EndAndStart(nsqd, end);
    const ChannelStats stats = nsqd.Stats("t").of("c");
    EXPECT_EQ(stats.deferred, 2);
    EXPECT_EQ(stats.depth, 1);
    EXPECT_EQ(nsqd.Stop(), 0);
  }
}

TEST_P(DurabilityTest, MessagesMayBeDeferredForMonths) {
  for (const End end : {End::kStop, End::kKill}) {
    Nsqd& nsqd = NodeWith("t", {}, {"-max-defer-timeout=8760h", "-max-req-timeout=1h"});
    V2Client client(nsqd.tcp_port());
    EXPECT_EQ(client.Dpub("t", 90 * 24 * kHour, "m"), "OK");
    EXPECT_EQ(nsqd.Post("/pub?topic=t&defer=15552000000", "m").body, "OK");  // 180 days
    EXPECT_EQ(nsqd.Post("/pub?topic=t&defer=31536000001", "m").status, 400);
    ASSERT_TRUE(Eventually([&] { return nsqd.Stats("t").of("c").deferred == 2; }));
    EndAndStart(nsqd, end);
    EXPECT_EQ(nsqd.Stats("t").of("c").deferred, 2);
    EXPECT_EQ(nsqd.Stats("t").of("c").depth, 0);
  }
}

TEST_P(DurabilityTest, DeferredMessagesComeWhenTheyAreDueNotBefore) {
  constexpr Duration kDelay = milliseconds(1500);
  Nsqd& nsqd = NodeWith("t", {"requeued"});
  const SteadyTime begin = std::chrono::steady_clock::now();
  {
    V2Client client(nsqd.tcp_port());
    ASSERT_EQ(client.Sub("t", "c"), "OK");
    for (const Message& message : Take(client, 1)) client.Req(message.id, kDelay);
    EXPECT_EQ(client.Dpub("t", kDelay, "deferred"), "OK");
    EXPECT_EQ(client.Dpub("t", milliseconds(1), "overdue"), "OK");
    EndAndStart(nsqd, End::kKill);
  }
  V2Client consumer(nsqd.tcp_port());
  ASSERT_EQ(consumer.Sub("t", "c"), "OK");
  consumer.Rdy(10);
  std::map<std::string, int> attempts;
  for (int i = 0; i < 3; ++i) {
    const auto message = consumer.Next();
    ASSERT_TRUE(message.has_value());
    attempts[message->body] = message->attempts;
    consumer.Fin(message->id);
    if (message->body != "overdue") {
      EXPECT_GE(std::chrono::steady_clock::now() - begin, kDelay) << message->body;
    }
  }
  EXPECT_EQ(attempts,
            (std::map<std::string, int>{{"deferred", 1}, {"overdue", 1}, {"requeued", 2}}));
}

TEST_P(DurabilityTest, AttemptsAreCountedOverRestarts) {
  Nsqd& nsqd = NodeWith("t", {"m"});
  for (int round = 1; round <= 3; ++round) {
    V2Client consumer(nsqd.tcp_port());
    ASSERT_EQ(consumer.Sub("t", "c"), "OK");
    const std::vector<Message> taken = Take(consumer, 1);
    ASSERT_EQ(taken.size(), 1u);
    EXPECT_EQ(taken[0].attempts, round);
    consumer.Req(taken[0].id, Duration(0));
    EXPECT_EQ(consumer.Cls(), "CLOSE_WAIT");
    EndAndStart(nsqd, round % 2 == 0 ? End::kStop : End::kKill);
  }
}

// Producers of every kind, and kill -9 in the middle of their work.
TEST_P(DurabilityTest, NothingAcknowledgedIsLostByKillNine) {
  for (const char* durability : {"os", "fsync"}) {
    SCOPED_TRACE(durability);
    Nsqd& nsqd = AddNsqd({StrCat("-durability=", durability)});
    std::atomic<size_t> acknowledged = 0;
    std::vector<std::string> by_pub;
    std::vector<std::string> by_mpub;
    std::vector<std::string> by_http;
    std::thread pub([&] {
      V2Client producer(nsqd.tcp_port());
      for (int i = 0;; ++i) {
        const std::string body = StrCat("pub", i);
        if (producer.Pub("t", body) != "OK") return;
        by_pub.push_back(body);
        ++acknowledged;
      }
    });
    std::thread mpub([&] {
      V2Client producer(nsqd.tcp_port());
      for (int i = 0;; ++i) {
        std::vector<std::string> bodies;
        for (int j = 0; j < 20; ++j) bodies.push_back(StrCat("mpub", i, ".", j));
        if (producer.Mpub("t", bodies) != "OK") return;
        by_mpub.insert(by_mpub.end(), bodies.begin(), bodies.end());
        acknowledged += bodies.size();
      }
    });
    std::thread http([&] {
      for (int i = 0;; ++i) {
        const std::string body = StrCat("http", i);
        if (nsqd.Publish("t", body) != "OK") return;
        by_http.push_back(body);
        ++acknowledged;
      }
    });
    const bool enough = Eventually([&] { return acknowledged >= 3000; });
    nsqd.Kill();
    pub.join();
    mpub.join();
    http.join();
    EXPECT_TRUE(enough);

    nsqd.Start();
    const auto depth = static_cast<size_t>(nsqd.Stats("t").depth);
    EXPECT_GE(depth, acknowledged);
    const std::vector<std::string> survivors = Drain(nsqd.tcp_port(), "t", "c", depth);
    for (auto* bodies : {&by_pub, &by_mpub, &by_http}) {
      std::sort(bodies->begin(), bodies->end());
      EXPECT_FALSE(bodies->empty());
      EXPECT_TRUE(
          std::includes(survivors.begin(), survivors.end(), bodies->begin(), bodies->end()));
    }
    EXPECT_EQ(nsqd.Stop(), 0);
  }
}

TEST_P(DurabilityTest, CleanStopKeepsEverythingWithDurabilityMemory) {
  Nsqd& nsqd = NodeWith("t", Numbered("m", 50), {"-durability=memory"});
  EXPECT_THAT(Drain(nsqd.tcp_port(), "t", "c", 10), testing::SizeIs(10));
  EndAndStart(nsqd, End::kStop);
  EXPECT_EQ(nsqd.Stats("t").of("c").depth, 40);
  EXPECT_THAT(Drain(nsqd.tcp_port(), "t", "c", 40), testing::SizeIs(40));
}

TEST_P(DurabilityTest, ATopicKeepsItsMessagesForItsFirstChannelOverRestarts) {
  Nsqd& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "a"), "OK");
  EndAndStart(nsqd, End::kStop);
  EXPECT_EQ(nsqd.Publish("t", "b"), "OK");
  EndAndStart(nsqd, End::kKill);
  EXPECT_EQ(nsqd.Stats("t").depth, 2);
  EXPECT_THAT(Drain(nsqd.tcp_port(), "t", "c", 2), ElementsAre("a", "b"));
}

TEST_P(DurabilityTest, EveryChannelHasItsOwnPlace) {
  Nsqd& nsqd = NodeWith("t", {});
  EXPECT_EQ(nsqd.Post("/channel/create?topic=t&channel=d").status, 200);
  V2Client producer(nsqd.tcp_port());
  EXPECT_EQ(producer.Mpub("t", Numbered("m", 30)), "OK");
  EXPECT_THAT(Drain(nsqd.tcp_port(), "t", "c", 30), ElementsAreArray(Numbered("m", 30)));
  EXPECT_THAT(Drain(nsqd.tcp_port(), "t", "d", 10), testing::SizeIs(10));
  EndAndStart(nsqd, End::kKill);
  EXPECT_EQ(nsqd.Stats("t").of("c").depth, 0);
  EXPECT_EQ(nsqd.Stats("t").of("d").depth, 20);
  EXPECT_THAT(Drain(nsqd.tcp_port(), "t", "d", 20), testing::SizeIs(20));
}

TEST_P(DurabilityTest, PauseSurvives) {
  for (const End end : {End::kStop, End::kKill}) {
    SCOPED_TRACE(end == End::kStop ? "stopped" : "killed");
    Nsqd& nsqd = NodeWith("t", {"m"});
    EXPECT_EQ(nsqd.Post("/topic/create?topic=u").status, 200);
    EXPECT_EQ(nsqd.Post("/channel/pause?topic=t&channel=c").status, 200);
    EXPECT_EQ(nsqd.Post("/topic/pause?topic=u").status, 200);
    EndAndStart(nsqd, end);
    EXPECT_TRUE(nsqd.Stats("t").of("c").paused);
    EXPECT_FALSE(nsqd.Stats("t").paused);
    EXPECT_TRUE(nsqd.Stats("u").paused);
    EXPECT_EQ(nsqd.Post("/channel/unpause?topic=t&channel=c").status, 200);
    EXPECT_EQ(nsqd.Post("/topic/unpause?topic=u").status, 200);
    EXPECT_THAT(Drain(nsqd.tcp_port(), "t", "c", 1), ElementsAre("m"));
    EndAndStart(nsqd, end);
    EXPECT_FALSE(nsqd.Stats("t").of("c").paused);
    EXPECT_FALSE(nsqd.Stats("u").paused);
    EXPECT_EQ(nsqd.Stop(), 0);
  }
}

TEST_P(DurabilityTest, WhatIsDeletedOrEmptiedStaysSo) {
  for (const End end : {End::kStop, End::kKill}) {
    SCOPED_TRACE(end == End::kStop ? "stopped" : "killed");
    Nsqd& nsqd = NodeWith("t", Numbered("m", 10));
    V2Client producer(nsqd.tcp_port());
    EXPECT_EQ(producer.Pub("gone", "x"), "OK");
    EXPECT_EQ(nsqd.Post("/channel/create?topic=t&channel=gone").status, 200);
    EXPECT_EQ(nsqd.Post("/channel/delete?topic=t&channel=gone").status, 200);
    EXPECT_EQ(nsqd.Post("/topic/delete?topic=gone").status, 200);
    EXPECT_EQ(nsqd.Post("/channel/empty?topic=t&channel=c").status, 200);
    EXPECT_EQ(producer.Pub("t", "after"), "OK");
    EndAndStart(nsqd, end);
    EXPECT_FALSE(nsqd.Stats("gone").exists);
    EXPECT_EQ(nsqd.Stats("t").channels.size(), 1u);
    EXPECT_EQ(nsqd.Stats("t").of("c").depth, 1);
    EXPECT_THAT(Drain(nsqd.tcp_port(), "t", "c", 1), ElementsAre("after"));
    EXPECT_EQ(nsqd.Stop(), 0);
  }
}

TEST_P(DurabilityTest, EphemeralThingsAreGone) {
  Nsqd& nsqd = NodeWith("t", {"m"});
  V2Client consumer(nsqd.tcp_port());
  ASSERT_EQ(consumer.Sub("t", "e#ephemeral"), "OK");
  V2Client producer(nsqd.tcp_port());
  EXPECT_EQ(producer.Pub("e#ephemeral", "x"), "OK");
  EXPECT_TRUE(nsqd.Stats("e#ephemeral").exists);
  EndAndStart(nsqd, End::kStop);
  EXPECT_FALSE(nsqd.Stats("e#ephemeral").exists);
  EXPECT_EQ(nsqd.Stats("t").channels.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(, DurabilityTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
