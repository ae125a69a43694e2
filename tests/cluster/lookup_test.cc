// nsqd and nsqlookupd together.

#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>

#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"

namespace nsq::cluster {
namespace {

using testing::ElementsAre;
using Ports = std::vector<uint16_t>;

class LookupTest : public ClusterTest {
 protected:
  // Waits until `lookupd` names exactly these as producers of `topic`.
  void AwaitProducers(Lookupd& lookupd, const std::string& topic, Ports ports) {
    std::sort(ports.begin(), ports.end());
    EXPECT_TRUE(Eventually([&] { return lookupd.Lookup(topic).tcp_ports == ports; }))
        << topic << ": " << testing::PrintToString(lookupd.Lookup(topic).tcp_ports);
  }
};

TEST_P(LookupTest, PublishedOverHttpAndTcpConsumedThroughLookup) {
  Lookupd& lookupd = AddLookupd();
  Nsqd& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "http"), "OK");
  V2Client producer(nsqd.tcp_port());
  EXPECT_EQ(producer.Pub("t", "tcp"), "OK");
  EXPECT_EQ(producer.Mpub("t", {"many1", "many2"}), "OK");
  EXPECT_EQ(nsqd.Post("/mpub?topic=t", "lines1\nlines2\n").body, "OK");
  AwaitProducers(lookupd, "t", {nsqd.tcp_port()});
  const Found found = lookupd.Lookup("t");
  ASSERT_EQ(found.tcp_ports.size(), 1u);
  EXPECT_THAT(Drain(found.tcp_ports[0], "t", "c", 6),
              ElementsAre("http", "lines1", "lines2", "many1", "many2", "tcp"));
  EXPECT_TRUE(Eventually([&] { return lookupd.Lookup("t").channels.size() == 1; }));
}

TEST_P(LookupTest, DeletionUnregisters) {
  Lookupd& lookupd = AddLookupd();
  Nsqd& nsqd = AddNsqd();
  for (const char* channel : {"kept", "gone"}) {
    EXPECT_EQ(nsqd.Post("/channel/create?topic=t&channel=" + std::string(channel)).status, 404);
  }
  EXPECT_EQ(nsqd.Post("/topic/create?topic=t").status, 200);
  for (const char* channel : {"kept", "gone"}) {
    EXPECT_EQ(nsqd.Post("/channel/create?topic=t&channel=" + std::string(channel)).status, 200);
  }
  const std::vector<std::string> all = {"channel:t:gone", "channel:t:kept", "client::", "topic:t:"};
  EXPECT_TRUE(Eventually([&] { return lookupd.Registered() == all; }));

  EXPECT_EQ(nsqd.Post("/channel/delete?topic=t&channel=gone").status, 200);
  const std::vector<std::string> less = {"channel:t:kept", "client::", "topic:t:"};
  EXPECT_TRUE(Eventually([&] { return lookupd.Registered() == less; }));

  EXPECT_EQ(nsqd.Post("/topic/delete?topic=t").status, 200);
  const std::vector<std::string> node = {"client::"};
  EXPECT_TRUE(Eventually([&] { return lookupd.Registered() == node; }));
}

TEST_P(LookupTest, ANodeThatEndsIsNoProducerAnyMore) {
  Lookupd& lookupd = AddLookupd();
  Nsqd& stopped = AddNsqd();
  Nsqd& killed = AddNsqd();
  for (Nsqd* nsqd : {&stopped, &killed}) EXPECT_EQ(nsqd->Publish("t", "x"), "OK");
  AwaitProducers(lookupd, "t", {stopped.tcp_port(), killed.tcp_port()});
  EXPECT_EQ(stopped.Stop(), 0);
  AwaitProducers(lookupd, "t", {killed.tcp_port()});
  killed.Kill();
  AwaitProducers(lookupd, "t", {});
  stopped.Start();
  AwaitProducers(lookupd, "t", {stopped.tcp_port()});
}

TEST_P(LookupTest, ANewTopicStartsWithTheChannelsLookupKnows) {
  Lookupd& one = AddLookupd();
  Lookupd& two = AddLookupd();
  Nsqd& nsqd = AddNsqd();
  EXPECT_EQ(one.Post("/channel/create?topic=t&channel=a").status, 200);
  EXPECT_EQ(two.Post("/channel/create?topic=t&channel=b").status, 200);
  EXPECT_EQ(two.Post("/channel/create?topic=t&channel=c%23ephemeral").status, 200);
  for (Lookupd* lookupd : {&one, &two}) {
    ASSERT_TRUE(Eventually([&] { return lookupd->Registered().size() == 1; }));
  }
  EXPECT_EQ(nsqd.Publish("t", "first"), "OK");
  ASSERT_TRUE(Eventually([&] {
    const TopicStats stats = nsqd.Stats("t");
    return stats.of("a").depth == 1 && stats.of("b").depth == 1;
  }));
  EXPECT_EQ(nsqd.Stats("t").channels.size(), 2u);
  EXPECT_EQ(nsqd.Stats("t").depth, 0);
}

TEST_P(LookupTest, ADeadLookupdDoesNotKeepANewTopicWaiting) {
  Lookupd& dead = AddLookupd();
  Lookupd& alive = AddLookupd();
  Nsqd& nsqd = AddNsqd();
  ASSERT_TRUE(Eventually([&] { return alive.Registered().size() == 1; }));
  dead.Kill();
  EXPECT_EQ(alive.Post("/channel/create?topic=t&channel=a").status, 200);
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  EXPECT_TRUE(Eventually([&] { return nsqd.Stats("t").of("a").depth == 1; }));
  const std::string address = StrCat("127.0.0.1:", dead.tcp_port());
  EXPECT_EQ(nsqd.process().AwaitLogged(StrCat("LOOKUPD(", address, "): IDENTIFY - ")),
            StrCat("dial tcp ", address, ": connect: connection refused"));
}

TEST_P(LookupTest, TwoNodesAndTwoLookupds) {
  Lookupd& lookupd = AddLookupd();
  Lookupd& other = AddLookupd();
  Nsqd& one = AddNsqd();
  Nsqd& two = AddNsqd();
  EXPECT_EQ(one.Publish("t", "from one"), "OK");
  EXPECT_EQ(two.Publish("t", "from two"), "OK");
  EXPECT_EQ(two.Publish("u", "only on two"), "OK");
  for (Lookupd* each : {&lookupd, &other}) {
    AwaitProducers(*each, "t", {one.tcp_port(), two.tcp_port()});
    AwaitProducers(*each, "u", {two.tcp_port()});
  }
  lookupd.Kill();
  std::vector<std::string> bodies;
  for (const uint16_t port : other.Lookup("t").tcp_ports) {
    const auto some = Drain(port, "t", "c", 1);
    bodies.insert(bodies.end(), some.begin(), some.end());
  }
  EXPECT_THAT(bodies, testing::UnorderedElementsAre("from one", "from two"));
}

TEST_P(LookupTest, EverythingIsRegisteredAgainAfterLookupdHasComeBack) {
  Lookupd& lookupd = AddLookupd();
  Nsqd& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("before", "x"), "OK");
  EXPECT_EQ(nsqd.Post("/channel/create?topic=before&channel=c").status, 200);
  EXPECT_EQ(nsqd.Publish("deleted", "x"), "OK");
  AwaitProducers(lookupd, "deleted", {nsqd.tcp_port()});
  EXPECT_EQ(lookupd.Stop(), 0);
  EXPECT_EQ(nsqd.Publish("while#ephemeral", "x"), "OK");
  EXPECT_EQ(nsqd.Post("/topic/delete?topic=deleted").status, 200);
  lookupd.Start();
  const std::vector<std::string> all = {"channel:before:c",
                                        "client::", "topic:before:", "topic:while#ephemeral:"};
  EXPECT_TRUE(Eventually([&] { return lookupd.Registered() == all; }))
      << testing::PrintToString(lookupd.Registered());
}

TEST_P(LookupTest, EverythingIsRegisteredAfterARestart) {
  Lookupd& lookupd = AddLookupd();
  Nsqd& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  EXPECT_EQ(nsqd.Post("/channel/create?topic=t&channel=c").status, 200);
  EXPECT_EQ(nsqd.Publish("u", "x"), "OK");
  const std::vector<std::string> all = {"channel:t:c", "client::", "topic:t:", "topic:u:"};
  ASSERT_TRUE(Eventually([&] { return lookupd.Registered() == all; }));
  EXPECT_EQ(nsqd.Stop(), 0);
  ASSERT_TRUE(Eventually([&] { return lookupd.Registered().empty(); }));
  nsqd.Start();
  EXPECT_TRUE(Eventually([&] { return lookupd.Registered() == all; }))
      << testing::PrintToString(lookupd.Registered());
}

INSTANTIATE_TEST_SUITE_P(, LookupTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
