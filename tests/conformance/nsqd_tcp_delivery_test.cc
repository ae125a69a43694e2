// What consumers get and when: RDY, attempts, time-outs, requeueing, sampling, heartbeats, pauses,
// deletion (spec: nsqd-tcp 2.3, 2.5, 4, 5).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "common/strings.h"
#include "tests/cluster/support/patience.h"
#include "tests/conformance/conformance_fixture.h"
#include "tests/conformance/http_rows.h"
#include "tests/conformance/open_connection.h"

namespace nsq::conformance {
namespace {

using cluster::Eventually;
using testing::HasSubstr;
using testing::MatchesRegex;

// A connection to nsqd.
class Client : public OpenConnection {
 public:
  explicit Client(uint16_t port, std::string_view identify = {})
      : OpenConnection(port, Protocol::kV2, "  V2") {
    if (identify.empty()) return;
    EXPECT_EQ(Ask(StrCat("IDENTIFY\n", Body(identify))), "OK");
  }
  std::string Ask(std::string_view bytes) {
    Send(bytes);
    return Next();
  }
  std::string Ask(std::string_view line, std::string_view body) {
    return Ask(StrCat(line, "\n", Body(body)));
  }
  void Fin() { Send(StrCat("FIN ", message_id(), "\n")); }
  void Req(int delay_ms) { Send(StrCat("REQ ", message_id(), " ", delay_ms, "\n")); }
  void Touch() { Send(StrCat("TOUCH ", message_id(), "\n")); }
  // Everything sent so far has been carried out.
  void Sync() { EXPECT_EQ(Ask("PUB sync#ephemeral", "x"), "OK"); }
};

class NsqdTcpDelivery : public NsqdConformance {
 protected:
  using NsqdConformance::NsqdConformance;

  // A consumer of `topic` and channel "c".
  Client Consumer(const std::string& topic, std::string_view identify = {}) {
    Client client(tcp_port(), identify);
    EXPECT_EQ(client.Ask(StrCat("SUB ", topic, " c\n")), "OK");
    return client;
  }
  void Publish(const std::string& topic, const std::vector<std::string>& bodies) {
    Client client(tcp_port());
    for (const std::string& body : bodies) EXPECT_EQ(client.Ask("PUB " + topic, body), "OK");
  }
  std::string Post(const std::string& target) { return HttpBody(http_port(), "POST " + target); }
  // The channel "c" of `topic`, from /stats.
  std::string Stats(const std::string& topic) {
    return HttpBody(
        http_port(),
        StrCat("GET /stats?format=json&include_mem=false&include_clients=false&topic=", topic));
  }
  bool StatsSay(const std::string& topic, const std::string& words) {
    return Eventually([&] { return Stats(topic).find(words) != std::string::npos; });
  }
};

TEST_P(NsqdTcpDelivery, AMessageIsTimestampAttemptsIdBody) {
  const std::string topic = Unique("t");
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  Publish(topic, {"body"});
  Client consumer = Consumer(topic);
  EXPECT_EQ(consumer.Ask("RDY 1\n"), "message 1 body");
  EXPECT_THAT(consumer.message_id(), MatchesRegex("[0-9a-f]{16}"));
  const int64_t age_ns = consumer.message_timestamp_ns() -
                         std::chrono::duration_cast<std::chrono::nanoseconds>(before).count();
  EXPECT_GE(age_ns, 0);
  EXPECT_LT(age_ns, 30'000'000'000);
}

TEST_P(NsqdTcpDelivery, RdyIsAWindowThatStays) {
  const std::string topic = Unique("t");
  Publish(topic, {"a", "b", "c", "d"});
  Client consumer = Consumer(topic);
  EXPECT_EQ(consumer.Ask("RDY 2\n"), "message 1 a");
  const std::string first = consumer.message_id();
  EXPECT_EQ(consumer.Next(), "message 1 b");
  EXPECT_TRUE(StatsSay(topic, R"("depth":2,"backend_depth":0,"in_flight_count":2)"));
  EXPECT_EQ(consumer.Next(milliseconds(100)), "(silence)");
  consumer.Fin();
  EXPECT_EQ(consumer.Next(), "message 1 c");
  consumer.Send("RDY 0\n");
  consumer.Fin();
  consumer.Send(StrCat("FIN ", first, "\n"));
  EXPECT_EQ(consumer.Next(milliseconds(100)), "(silence)");
  EXPECT_EQ(consumer.Ask("RDY 1\n"), "message 1 d");
}

TEST_P(NsqdTcpDelivery, OneOfAChannelEachOfEveryChannel) {
  const std::string topic = Unique("t");
  Client one = Consumer(topic);
  Client other(tcp_port());
  EXPECT_EQ(other.Ask(StrCat("SUB ", topic, " other\n")), "OK");
  Publish(topic, {"m"});
  EXPECT_EQ(one.Ask("RDY 1\n"), "message 1 m");
  const std::string id = one.message_id();
  EXPECT_EQ(other.Ask("RDY 1\n"), "message 1 m");
  EXPECT_EQ(other.message_id(), id);
  EXPECT_EQ(other.message_timestamp_ns(), one.message_timestamp_ns());
}

TEST_P(NsqdTcpDelivery, TheFirstChannelGetsWhatWasThereLaterOnesDoNot) {
  const std::string topic = Unique("t");
  Publish(topic, {"m"});
  Client first = Consumer(topic);
  EXPECT_EQ(first.Ask("RDY 1\n"), "message 1 m");
  Client late(tcp_port());
  EXPECT_EQ(late.Ask(StrCat("SUB ", topic, " late\n")), "OK");
  EXPECT_EQ(late.Ask("RDY 1\nCLS\n"), "CLOSE_WAIT");
}

TEST_P(NsqdTcpDelivery, OnlyTheOwnerFinishesAndOnlyOnce) {
  const std::string topic = Unique("t");
  Publish(topic, {"m"});
  Client owner = Consumer(topic);
  Client thief = Consumer(topic);
  EXPECT_EQ(owner.Ask("RDY 1\n"), "message 1 m");
  const std::string id = owner.message_id();
  EXPECT_EQ(thief.Ask(StrCat("FIN ", id, "\n")),
            StrCat("E_FIN_FAILED FIN ", id, " failed client does not own message"));
  EXPECT_EQ(thief.Ask(StrCat("REQ ", id, " 0\n")),
            StrCat("E_REQ_FAILED REQ ", id, " failed client does not own message"));
  EXPECT_EQ(thief.Ask(StrCat("TOUCH ", id, "\n")),
            StrCat("E_TOUCH_FAILED TOUCH ", id, " failed client does not own message"));
  owner.Touch();
  owner.Fin();
  EXPECT_EQ(owner.Ask(StrCat("FIN ", id, "\n")),
            StrCat("E_FIN_FAILED FIN ", id, " failed ID not in flight"));
  EXPECT_EQ(owner.Ask("CLS\n"), "CLOSE_WAIT") << "none of these ends the connection";
}

TEST_P(NsqdTcpDelivery, ReqPutsItAtTheTailOrLater) {
  const std::string topic = Unique("t");
  Publish(topic, {"a", "b"});
  Client consumer = Consumer(topic);
  EXPECT_EQ(consumer.Ask("RDY 1\n"), "message 1 a");
  const std::string id = consumer.message_id();
  consumer.Req(0);
  EXPECT_EQ(consumer.Next(), "message 1 b");
  consumer.Fin();
  EXPECT_EQ(consumer.Next(), "message 2 a");
  EXPECT_EQ(consumer.message_id(), id);
  const auto asked = std::chrono::steady_clock::now();
  consumer.Req(300);
  EXPECT_TRUE(StatsSay(topic, R"("in_flight_count":0,"deferred_count":1)"));
  EXPECT_EQ(consumer.Ask(StrCat("FIN ", id, "\n")),
            StrCat("E_FIN_FAILED FIN ", id, " failed ID not in flight"));
  EXPECT_EQ(consumer.Next(), "message 3 a");
  EXPECT_GE(std::chrono::steady_clock::now() - asked, milliseconds(300));
  EXPECT_TRUE(StatsSay(topic, R"("requeue_count":2,"timeout_count":0)"));
}

TEST_P(NsqdTcpDelivery, DpubWaits) {
  const std::string topic = Unique("t");
  Client consumer = Consumer(topic);
  Client producer(tcp_port());
  const auto asked = std::chrono::steady_clock::now();
  EXPECT_EQ(producer.Ask(StrCat("DPUB ", topic, " 300"), "late"), "OK");
  EXPECT_EQ(producer.Ask("PUB " + topic, "now"), "OK");
  EXPECT_EQ(consumer.Ask("RDY 2\n"), "message 1 now");
  EXPECT_EQ(consumer.Next(), "message 1 late");
  EXPECT_GE(std::chrono::steady_clock::now() - asked, milliseconds(300));
}

TEST_P(NsqdTcpDelivery, ATimeOutGivesItToAnother) {
  const std::string topic = Unique("t");
  Publish(topic, {"m"});
  Client slow = Consumer(topic, R"({"msg_timeout":1000})");
  EXPECT_EQ(slow.Ask("RDY 1\n"), "message 1 m");
  slow.Send("RDY 0\n");
  slow.Sync();
  Client other = Consumer(topic);
  EXPECT_EQ(other.Ask("RDY 1\n"), "message 2 m");
  slow.Fin();
  EXPECT_EQ(slow.Next(),
            StrCat("E_FIN_FAILED FIN ", slow.message_id(), " failed client does not own message"));
  EXPECT_TRUE(StatsSay(topic, R"("requeue_count":0,"timeout_count":1)"));
}

// What a consumer leaves comes back when its own time is over, not before.
TEST_P(NsqdTcpDelivery, ALostConnectionIsATimeOut) {
  const std::string topic = Unique("t");
  Publish(topic, {"m"});
  const auto before = std::chrono::steady_clock::now();
  {
    Client lost = Consumer(topic, R"({"msg_timeout":1000})");
    EXPECT_EQ(lost.Ask("RDY 1\n"), "message 1 m");
  }
  Client other = Consumer(topic);
  EXPECT_EQ(other.Ask("RDY 1\n"), "message 2 m");
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(1000));
}

TEST_P(NsqdTcpDelivery, ClsLetsFinishAndNoMore) {
  const std::string topic = Unique("t");
  Publish(topic, {"a", "b", "c"});
  Client consumer = Consumer(topic);
  EXPECT_EQ(consumer.Ask("RDY 2\n"), "message 1 a");
  const std::string first = consumer.message_id();
  EXPECT_EQ(consumer.Next(), "message 1 b");
  EXPECT_EQ(consumer.Ask("CLS\n"), "CLOSE_WAIT");
  consumer.Send("RDY 5\n");
  consumer.Touch();
  consumer.Req(0);
  consumer.Send(StrCat("FIN ", first, "\n"));
  consumer.Sync();
  EXPECT_TRUE(StatsSay(topic, R"("depth":2,"backend_depth":0,"in_flight_count":0)"));
  EXPECT_TRUE(StatsSay(topic, R"("client_count":1)")) << "it stays a member until it goes";
  consumer.Shutdown();
  EXPECT_EQ(consumer.Next(), "(end)");
}

TEST_P(NsqdTcpDelivery, PausesStopWhatTheyNameAndNothingElse) {
  const std::string topic = Unique("t");
  Client consumer = Consumer(topic);
  consumer.Send("RDY 5\n");
  consumer.Sync();
  Post(StrCat("/channel/pause?topic=", topic, "&channel=c"));
  Publish(topic, {"a"});
  EXPECT_TRUE(StatsSay(topic, R"("channel_name":"c","depth":1)"));
  EXPECT_EQ(consumer.Next(milliseconds(100)), "(silence)");
  Post(StrCat("/channel/unpause?topic=", topic, "&channel=c"));
  EXPECT_EQ(consumer.Next(), "message 1 a");
  Post("/topic/pause?topic=" + topic);
  Publish(topic, {"b"});
  EXPECT_EQ(consumer.Next(milliseconds(100)), "(silence)");
  Post("/topic/unpause?topic=" + topic);
  EXPECT_EQ(consumer.Next(), "message 1 b");
}

TEST_P(NsqdTcpDelivery, EmptyDropsAllAndTheConsumerGoesOn) {
  const std::string topic = Unique("t");
  Publish(topic, {"a", "b"});
  Client consumer = Consumer(topic);
  EXPECT_EQ(consumer.Ask("RDY 1\n"), "message 1 a");
  Post(StrCat("/channel/empty?topic=", topic, "&channel=c"));
  EXPECT_TRUE(StatsSay(topic, R"("depth":0,"backend_depth":0,"in_flight_count":0)"));
  consumer.Fin();
  EXPECT_EQ(consumer.Next(),
            StrCat("E_FIN_FAILED FIN ", consumer.message_id(), " failed ID not in flight"));
  Publish(topic, {"c"});
  EXPECT_EQ(consumer.Next(), "message 1 c") << "its window is free again";
}

TEST_P(NsqdTcpDelivery, DeletionEndsTheConsumersWithoutAWord) {
  const std::string topic = Unique("t");
  Client of_channel = Consumer(topic);
  Post(StrCat("/channel/delete?topic=", topic, "&channel=c"));
  EXPECT_EQ(of_channel.Next(), "(end)");
  Client of_topic = Consumer(topic);
  Post("/topic/delete?topic=" + topic);
  EXPECT_EQ(of_topic.Next(), "(end)");
  Publish(topic, {"m"});
  EXPECT_THAT(Stats(topic), HasSubstr(R"("channels":[],"depth":1)")) << "made anew";
}

TEST_P(NsqdTcpDelivery, EphemeralsGoWithTheirLast) {
  const std::string topic = Unique("t") + "%23ephemeral";
  {
    Client consumer(tcp_port());
    EXPECT_EQ(consumer.Ask(
                  StrCat("SUB ", topic.substr(0, topic.size() - 12), "#ephemeral c#ephemeral\n")),
              "OK");
    EXPECT_THAT(Stats(topic), HasSubstr("c#ephemeral"));
  }
  EXPECT_TRUE(StatsSay(topic, R"("topics":null)"));
}

TEST_P(NsqdTcpDelivery, ANameForTheWholeConnection) {
  const std::string topic = Unique("t");
  Client consumer =
      Consumer(topic, R"({"client_id":"id","hostname":"host","user_agent":"agent/1"})");
  EXPECT_THAT(
      HttpBody(http_port(), "GET /stats?format=json&topic=" + topic),
      HasSubstr(
          R"("client_id":"id","hostname":"host","version":"V2","remote_address":"127.0.0.1:)"));
}

TEST_P(NsqdTcpDelivery, AHalfClosedConnectionIsAnsweredAndEnds) {
  Client client(tcp_port());
  client.Send(StrCat("PUB ", Unique("t"), "\n", Body("m")));
  client.Shutdown();
  EXPECT_EQ(client.Next(), "OK");
  EXPECT_EQ(client.Next(), "(end)");
}

TEST_P(NsqdTcpDelivery, HeartbeatsComeAtTheIntervalAndSilenceEnds) {
  const auto begin = std::chrono::steady_clock::now();
  Client silent(tcp_port(), R"({"heartbeat_interval":1000})");
  Client alive(tcp_port(), R"({"heartbeat_interval":1000})");
  EXPECT_EQ(silent.Next(), "_heartbeat_");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(1000));
  EXPECT_EQ(alive.Ask("NOP\n"), "_heartbeat_");
  std::string next = silent.Next();
  if (next == "_heartbeat_") next = silent.Next();  // the second and the end meet
  EXPECT_EQ(next, "(end)");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(2000));
  EXPECT_EQ(alive.Next(), "_heartbeat_");
}

// The whole command counts, not its bytes.
TEST_P(NsqdTcpDelivery, ABodyThatStallsIsAnError) {
  Client client(tcp_port(), R"({"heartbeat_interval":1000})");
  client.Send(StrCat("PUB stalls\n", Size(10), "abc"));
  std::string next = client.Next();
  while (next == "_heartbeat_") next = client.Next();
  EXPECT_EQ(next, "E_BAD_MESSAGE PUB failed to read message body");
  EXPECT_EQ(client.Next(), "(end)");
}

TEST_P(NsqdTcpDelivery, WithoutHeartbeatsAProducerLives) {
  Client client(tcp_port(), R"({"heartbeat_interval":-1})");
  EXPECT_EQ(client.Ask("PUB " + Unique("t"), "m"), "OK");
}

// One more percent than asked for, and what is not kept is gone for the channel.
TEST_P(NsqdTcpDelivery, SamplingKeepsThatShareAndDropsTheRest) {
  const std::string topic = Unique("t");
  constexpr int kMessages = 2000;
  Client consumer = Consumer(topic, R"({"sample_rate":49})");
  Client producer(tcp_port());
  std::string all = Size(kMessages);
  for (int i = 0; i < kMessages; ++i) all += Body("m");
  EXPECT_EQ(producer.Ask("MPUB " + topic, all), "OK");
  consumer.Send("RDY 2500\n");
  EXPECT_TRUE(StatsSay(topic, R"("channel_name":"c","depth":0)"));
  EXPECT_EQ(producer.Ask("PUB " + topic, "sync"), "OK");
  EXPECT_TRUE(StatsSay(topic, StrCat(R"("deferred_count":0,"message_count":)", kMessages + 1)));
  EXPECT_EQ(HttpBody(http_port(), StrCat("POST /channel/pause?topic=", topic, "&channel=c")), "");
  consumer.Send("CLS\n");
  int kept = 0;
  for (std::string next = consumer.Next(); next == "message 1 m" || next == "message 1 sync";
       next = consumer.Next()) {
    ++kept;
  }
  EXPECT_GT(kept, kMessages * 44 / 100);
  EXPECT_LT(kept, kMessages * 57 / 100);
}

// "topology-aware-consumption" (spec: nsqd-tcp 4.6).
class NsqdTopology : public NsqdTcpDelivery {
 protected:
  NsqdTopology()
      : NsqdTcpDelivery({"-enable-experiment=topology-aware-consumption", "-topology-zone=z1",
                         "-topology-region=r1"}) {}

  Client ConsumerOf(const std::string& zone, const std::string& region) {
    Client client = Consumer(
        "near", StrCat(R"({"topology_zone":")", zone, R"(","topology_region":")", region, "\"}"));
    client.Send("RDY 1\n");
    client.Sync();
    return client;
  }
};

TEST_P(NsqdTopology, NearConsumersAreServedFirst) {
  Client other = ConsumerOf("z2", "r2");
  Client region = ConsumerOf("z2", "r1");
  Client zone = ConsumerOf("z1", "r2");
  for (int round = 1; round <= 3; ++round) {
    Publish("near", {"first"});
    EXPECT_THAT(zone.Next(), HasSubstr("first"));
    Publish("near", {"second"});
    EXPECT_THAT(region.Next(), HasSubstr("second"));
    Publish("near", {"third"});
    EXPECT_THAT(other.Next(), HasSubstr("third"));
    for (Client* const client : {&zone, &region, &other}) {
      client->Fin();
      client->Sync();
    }
  }
  EXPECT_THAT(HttpBody(http_port(), "GET /stats?format=json&topic=near"),
              HasSubstr(R"("zone_local_msg_count":3,"region_local_msg_count":3,)"
                        R"("global_msg_count":3,)"));
}

INSTANTIATE_TEST_SUITE_P(, NsqdTopology, testing::ValuesIn(Loops()), LoopsName);
INSTANTIATE_TEST_SUITE_P(, NsqdTcpDelivery, testing::ValuesIn(Loops()), LoopsName);

class NsqdTcpLimits : public NsqdTcpDelivery {
 protected:
  NsqdTcpLimits()
      : NsqdTcpDelivery({"-max-channel-consumers=1", "-max-msg-timeout=1500ms", "-max-msg-size=100",
                         "-max-body-size=1000", "-max-req-timeout=200ms", "-max-rdy-count=10"}) {}
};

TEST_P(NsqdTcpLimits, ConsumersOfAChannel) {
  Client one = Consumer("t");
  Client two(tcp_port());
  EXPECT_EQ(two.Ask("SUB t c\n"), "E_SUB_FAILED SUB failed consumers for t:c exceeds limit of 1");
  EXPECT_EQ(two.Next(), "(end)");
  one.Ask("CLS\n");
  Client three(tcp_port());
  EXPECT_EQ(three.Ask("SUB t c\n"), "E_SUB_FAILED SUB failed consumers for t:c exceeds limit of 1");
}

TEST_P(NsqdTcpLimits, TouchEndsAtTheMaximum) {
  Publish("t", {"m"});
  Client consumer = Consumer("t", R"({"msg_timeout":1000})");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(consumer.Ask("RDY 1\n"), "message 1 m");
  auto touched = begin;
  std::string next = "(silence)";
  while (next == "(silence)" && touched - begin < milliseconds(900)) {
    touched = std::chrono::steady_clock::now();
    consumer.Touch();
    next = consumer.Next(milliseconds(100));
  }
  if (next == "(silence)") next = consumer.Next();
  EXPECT_EQ(next, "message 2 m");
  const Duration after = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(after, std::min<Duration>(touched - begin + milliseconds(1000), milliseconds(1500)));
}

TEST_P(NsqdTcpLimits, AreNamedInTheErrors) {
  CheckRows(
      tcp_port(), Protocol::kV2,
      {
          {"  V2PUB t\n" + Size(101),
           {{"E_BAD_MESSAGE PUB message too big 101 > 100"}, End::kCloses}},
          {"  V2MPUB t\n" + Size(1001),
           {{"E_BAD_BODY MPUB body too big 1001 > 1000"}, End::kCloses}},
          {"  V2MPUB t\n" + Size(1000) + Size(200),
           {{"E_BAD_BODY MPUB invalid message count 200"}, End::kCloses}},
          {"  V2DPUB t 201\n", {{"E_INVALID DPUB timeout 201 out of range 0-200"}, End::kCloses}},
          {"  V2SUB t c\nRDY 11\n",
           {{"OK", "E_INVALID RDY count 11 out of range 0-10"}, End::kCloses}},
          {"  V2IDENTIFY\n" + Body(R"({"msg_timeout":1501})"),
           {{"E_BAD_BODY IDENTIFY msg timeout (1501) is invalid"}, End::kCloses}},
          {"  V2IDENTIFY\n" + Size(1001),
           {{"E_BAD_BODY IDENTIFY body too big 1001 > 1000"}, End::kCloses}},
      });
}

TEST_P(NsqdTcpLimits, ReqIsHeldToItsMaximum) {
  Publish("t", {"m"});
  Client consumer = Consumer("t");
  EXPECT_EQ(consumer.Ask("RDY 1\n"), "message 1 m");
  consumer.Req(60'000);
  EXPECT_EQ(consumer.Next(), "message 2 m");
}

INSTANTIATE_TEST_SUITE_P(, NsqdTcpLimits, testing::ValuesIn(Loops()), LoopsName);

}  // namespace
}  // namespace nsq::conformance
