// nsqd as a process: how it ends, and its consumers among each other.

#include <gmock/gmock.h>

#include <csignal>
#include <random>
#include <set>
#include <utility>

#include "common/event/address.h"
#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"

namespace nsq::cluster {
namespace {

class ProcessTest : public ClusterTest {};

TEST_P(ProcessTest, EndsWithZeroAtASignalWhoeverIsConnected) {
  for (const int signal : {SIGTERM, SIGINT}) {
    SCOPED_TRACE(signal);
    Nsqd& nsqd = AddNsqd();
    EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
    V2Client consumer(nsqd.tcp_port());
    ASSERT_EQ(consumer.Sub("t", "c"), "OK");
    consumer.Rdy(1);
    ASSERT_TRUE(consumer.Next().has_value());
    const V2Client idle(nsqd.tcp_port());
    const auto silent = StartConnect({"127.0.0.1", nsqd.tcp_port(), ""});
    const auto silent_http = StartConnect({"127.0.0.1", nsqd.http_port(), ""});
    EXPECT_EQ(nsqd.Stop(signal), 0);
    EXPECT_EQ(consumer.Answer(), "") << "the connection ends without a word";
  }
}

TEST_P(ProcessTest, OneDataPathServesOneDaemon) {
  Nsqd& nsqd = AddNsqd();
  ChildProcess second("nsqd",
                      {"-data-path=" + (folder() / "nsqd0").string(), "-tcp-address=127.0.0.1:0",
                       "-http-address=127.0.0.1:0"},
                      folder() / "second.log");
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_THAT(second.Log(), testing::HasSubstr("FATAL"));
  EXPECT_EQ(nsqd.Get("/ping").body, "OK");
}

TEST_P(ProcessTest, ConsumersShareAChannelAndEachChannelGetsEverything) {
  Nsqd& nsqd = AddNsqd();
  V2Client one(nsqd.tcp_port());
  V2Client two(nsqd.tcp_port());
  V2Client other(nsqd.tcp_port());
  ASSERT_EQ(one.Sub("t", "shared"), "OK");
  ASSERT_EQ(two.Sub("t", "shared"), "OK");
  ASSERT_EQ(other.Sub("t", "other"), "OK");
  one.Rdy(5);
  two.Rdy(5);
  other.Rdy(10);
  V2Client producer(nsqd.tcp_port());
  ASSERT_EQ(producer.Mpub("t", Numbered("m", 10)), "OK");
  std::multiset<std::string> shared;
  std::multiset<std::string> others;
  for (int i = 0; i < 5; ++i) {
    for (V2Client* client : {&one, &two}) {
      const auto message = client->Next();
      ASSERT_TRUE(message.has_value());
      shared.insert(message->body);
    }
  }
  for (int i = 0; i < 10; ++i) {
    const auto message = other.Next();
    ASSERT_TRUE(message.has_value());
    others.insert(message->body);
  }
  const auto all = Numbered("m", 10);
  EXPECT_EQ(shared, std::multiset<std::string>(all.begin(), all.end()));
  EXPECT_EQ(others, shared);
}

TEST_P(ProcessTest, WhatAConsumerLeavesGoesToAnotherOnceItTimesOut) {
  Nsqd& nsqd = AddNsqd({"-msg-timeout=300ms"});
  EXPECT_EQ(nsqd.Publish("t", "m"), "OK");
  V2Client survivor(nsqd.tcp_port());
  {
    V2Client victim(nsqd.tcp_port());
    ASSERT_EQ(victim.Sub("t", "c"), "OK");
    victim.Rdy(1);
    ASSERT_TRUE(victim.Next().has_value());
    ASSERT_EQ(survivor.Sub("t", "c"), "OK");
    survivor.Rdy(1);
  }
  const auto message = survivor.Next();
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->attempts, 2);
}

// Bytes that begin like something and end like nothing, on every port of both daemons.
TEST_P(ProcessTest, RubbishOnAnyPortDisturbsNobody) {
  Lookupd& lookupd = AddLookupd();
  Nsqd& nsqd = AddNsqd();
  V2Client consumer(nsqd.tcp_port());
  ASSERT_EQ(consumer.Sub("t", "c"), "OK");
  consumer.Rdy(1);
  V2Client producer(nsqd.tcp_port());

  const std::vector<std::string> beginnings = {
      "",
      "  V1",
      "  V2",
      "  V1IDENTIFY\n\xff\xff\xff\xff",
      "  V2IDENTIFY\n\x7f\xff\xff\xff",
      "  V2PUB t\n\xff\xff\xff\xff",
      "  V2PUB t\n" + std::string(3, '\0'),
      "  V2MPUB t\n\x00",
      "  V2SUB t c\nRDY 99999999999999999999\n",
      "  V2FIN x\n",
      "POST /mpub?topic=t&binary=true HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
      "POST /pub?topic=t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
      "GET /stats?format=json&topic=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
      std::string(100'000, 'A'),
  };
  std::mt19937 random(20261121);
  std::vector<V2Client> silent;  // stay open to the end, in the middle of a word
  int number = 0;
  for (const std::string& beginning : beginnings) {
    for (const uint16_t port :
         {nsqd.tcp_port(), nsqd.http_port(), lookupd.tcp_port(), lookupd.http_port()}) {
      std::string bytes = beginning;
      for (auto more = random() % 300; more > 0; --more) {
        bytes.push_back(static_cast<char>(random()));
      }
      V2Client rubbish(port, bytes);
      if (number % 3 == 0) silent.push_back(std::move(rubbish));
      const std::string body = StrCat("m", number++);
      ASSERT_EQ(producer.Pub("t", body), "OK");
      const auto message = consumer.Next();
      ASSERT_TRUE(message.has_value());
      EXPECT_EQ(message->body, body);
      consumer.Fin(message->id);
    }
  }
  EXPECT_EQ(lookupd.Lookup("t").tcp_ports, std::vector<uint16_t>{nsqd.tcp_port()});
  EXPECT_EQ(nsqd.Get("/ping").body, "OK");
  EXPECT_EQ(nsqd.Stop(), 0);
  EXPECT_EQ(lookupd.Stop(), 0);
}

TEST_P(ProcessTest, ManyTopicsAtOnce) {
  constexpr int kTopics = 60;
  Nsqd& nsqd = AddNsqd();
  V2Client producer(nsqd.tcp_port());
  for (int i = 0; i < kTopics; ++i) ASSERT_TRUE(producer.Send(StrCat("PUB t", i), StrCat("m", i)));
  for (int i = 0; i < kTopics; ++i) ASSERT_EQ(producer.Answer(), "OK");
  for (int i = 0; i < kTopics; ++i) {
    ASSERT_THAT(Drain(nsqd.tcp_port(), StrCat("t", i), "c", 1),
                testing::ElementsAre(StrCat("m", i)));
  }
  EXPECT_EQ(nsqd.Stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(, ProcessTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
