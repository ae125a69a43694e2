// Answers in order, messages, limits, and how a connection ends.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/event/buffer.h"
#include "nsqd/queue/channel.h"
#include "tests/nsqd/protocol/fixture.h"

namespace nsq::nsqd {
namespace {

using Publishing = TestBroker::Publishing;

struct SessionFlowTest : SessionTest {
  std::vector<std::string> Published() const {
    std::vector<std::string> bodies;
    for (const auto& published : broker.published) {
      bodies.insert(bodies.end(), published.bodies.begin(), published.bodies.end());
    }
    return bodies;
  }
};

TEST_F(SessionFlowTest, PublishesArriveAsTheyWereSent) {
  Say("  V2" + Pub("a", "one") + Mpub("b", {"two", "three"}) + "DPUB c 3600000\n" + Sized("four") +
      "PUB a extra\r\n" + Sized("five"));
  ExpectHeard({"response OK", "response OK", "response OK", "response OK"});
  ASSERT_EQ(broker.published.size(), 4u);
  EXPECT_EQ(broker.published[0].topic, "a");
  EXPECT_EQ(broker.published[1].topic, "b");
  EXPECT_EQ(broker.published[1].bodies, (std::vector<std::string>{"two", "three"}));
  EXPECT_EQ(broker.published[1].defer, Duration::zero());
  EXPECT_EQ(broker.published[2].topic, "c");
  EXPECT_EQ(broker.published[2].defer, std::chrono::hours(1));
  EXPECT_EQ(Published(), (std::vector<std::string>{"one", "two", "three", "four", "five"}));
  EXPECT_TRUE(broker.ensured.empty()) << "a whole MPUB makes its topic by publishing";

  using Counts = std::vector<std::pair<std::string, uint64_t>>;
  EXPECT_EQ(session->Describe().pub_counts, (Counts{{"a", 2}, {"b", 2}, {"c", 1}}));
  EXPECT_TRUE(session->has_published());
}

TEST_F(SessionFlowTest, IdentifyIsAnsweredAsItAsks) {
  Say("  V2" + Identify("{}"));
  Say(Identify(R"({"client_id":"c","hostname":"h","user_agent":"u","feature_negotiation":true,)"
               R"("tls_v1":true,"sample_rate":7,)"
               R"("topology_zone":"z","topology_region":"r"})"));
  ExpectHeard({"response OK",
               R"(response {"max_rdy_count":2500,"version":"1.3.0","max_msg_timeout":900000,)"
               R"("msg_timeout":60000,"tls_v1":false,"deflate":false,"deflate_level":6,)"
               R"("max_deflate_level":6,"snappy":false,"sample_rate":7,"auth_required":false,)"
               R"("output_buffer_size":16384,"output_buffer_timeout":250,)"
               R"("topology_region":"","topology_zone":""})"});
  const ClientStats stats = session->Describe();
  EXPECT_EQ(stats.client_id, "c");
  EXPECT_EQ(stats.hostname, "h");
  EXPECT_EQ(stats.user_agent, "u");
  EXPECT_EQ(stats.remote_address, "@");
  EXPECT_EQ(stats.state, 0);
  EXPECT_EQ(stats.sample_rate, 7);
  EXPECT_EQ(stats.topology_zone, "z");
  EXPECT_EQ(stats.topology_region, "r");
}

// Wherever the network cuts, the same is heard.
TEST_F(SessionFlowTest, CutAtEveryByteIsTheSame) {
  const std::string script = "  V2" + Identify(R"({"client_id":"c"})") + Pub("a", "one") +
                             "NOP\r\n" + Mpub("b", {"two", "three"}) + "DPUB c 5\n" +
                             Sized("four") + "SUB t#ephemeral ch\nRDY 0\n" +
                             "FIN 0123456789abcdef\n" + Pub("a", "five") + "CLS\nBAD\n";
  const std::vector<std::string> heard = {
      "response OK",
      "response OK",
      "response OK",
      "response OK",
      "response OK",
      "error E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight",
      "response OK",
      "response CLOSE_WAIT",
      "error E_INVALID invalid command BAD"};
  const std::vector<std::string> bodies = {"one", "two", "three", "four", "five"};
  for (size_t cut = 0; cut <= script.size(); ++cut) {
    SCOPED_TRACE(cut);
    Connect();
    broker.ForgetPublished();
    Say(script.substr(0, cut));
    client->Pump();
    RunALittle();
    Say(script.substr(cut));
    ExpectHeardAndClosed(heard);
    EXPECT_EQ(Published(), bodies);
    if (HasFailure()) break;
  }
  Connect();
  broker.ForgetPublished();
  for (const char c : script) {
    Say(std::string(1, c));
    client->Pump();
    broker.loop().RunOnce(false);
  }
  ExpectHeardAndClosed(heard);
  EXPECT_EQ(Published(), bodies);
}

TEST_F(SessionFlowTest, AnswersKeepTheOrderOfCommands) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("a", "1") + Identify("{}") + Pub("b", "2") + Pub("a", "3"));
  RunUntil([&] { return broker.published.size() == 3; });
  broker.Answer(2);
  broker.Answer(1);
  RunALittle();
  EXPECT_EQ(client->bytes(), "");
  broker.Answer(0);
  ExpectHeard({"response OK", "response OK", "response OK", "response OK"});
}

TEST_F(SessionFlowTest, ErrorWaitsForTheAnswersBeforeIt) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("a", "1") + Pub("a", "2") + "BAD\n" + Pub("a", "3"));
  RunUntil([&] { return broker.published.size() == 2; });
  RunALittle();
  EXPECT_EQ(broker.published.size(), 2u) << "nothing behind a fatal error is carried out";
  EXPECT_EQ(client->bytes(), "");
  broker.Answer(0);
  broker.Answer(1);
  ExpectHeardAndClosed({"response OK", "response OK", "error E_INVALID invalid command BAD"});
}

TEST_F(SessionFlowTest, NothingIsSaidAfterAPublishThatFailed) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("a", "1") + Pub("a", "2") + Pub("a", "3"));
  RunUntil([&] { return broker.published.size() == 3; });
  broker.Answer(1, Status(Code::kUnavailable, "exiting"));
  broker.Answer(0);
  RunUntil([&] { return client->eof(); });
  client->Drop();
  RunALittle();
  EXPECT_EQ(client->Heard(),
            (std::vector<std::string>{"response OK", "error E_PUB_FAILED PUB failed exiting"}));
  EXPECT_EQ(broker.ended, 0) << "it still has a publish unanswered";
  broker.Answer(2);
  RunUntil([&] { return broker.ended == 1; });
}

TEST_F(SessionFlowTest, SubWaitsForPublishesBeforeIt) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("a", "1") + "SUB t#ephemeral c\nRDY 1\n" + Pub("a", "2"));
  RunUntil([&] { return broker.published.size() == 1; });
  RunALittle();
  EXPECT_EQ(broker.published.size(), 1u);
  EXPECT_EQ(session->Describe().state, 0);
  broker.Answer(0);
  RunUntil([&] { return broker.published.size() == 2; });
  broker.Answer(1);
  ExpectHeard({"response OK", "response OK", "response OK"});
  EXPECT_EQ(session->Describe().state, 3);
}

// --- consuming

TEST_F(SessionFlowTest, MessagesAreDeliveredFinishedRequeuedAndTouched) {
  Subscribe();
  broker.publishing = Publishing::kReal;
  Say("RDY 2\n" + Mpub("t#ephemeral", {"a", "b", "c"}));
  ExpectHeard({"response OK", "message 1 a", "message 1 b"});
  const std::vector<std::string> ids = client->MessageIds();
  const int64_t age_ns =
      UnixNanos(WallNow()) - static_cast<int64_t>(LoadBig64(client->bytes().data() + 10 + 8));
  EXPECT_LT(Duration(std::abs(age_ns)), seconds(60)) << "timestamps are Unix nanoseconds";
  EXPECT_LT(ids[0], ids[1]);
  client->Forget();

  Say("TOUCH " + ids[0] + "\nFIN " + ids[0] + "\n");
  ExpectHeard({"message 1 c"});
  client->Forget();
  Say("REQ " + ids[1] + " 0\n");
  ExpectHeard({"message 2 b"});
  EXPECT_EQ(client->MessageIds(), std::vector<std::string>{ids[1]});
  client->Forget();
  Say("FIN " + ids[0] + "\nCLS\nFIN " + ids[1] + "\nFIN " + ids[1] + "\n");
  ExpectHeard({"error E_FIN_FAILED FIN " + ids[0] + " failed ID not in flight",
               "response CLOSE_WAIT",
               "error E_FIN_FAILED FIN " + ids[1] + " failed ID not in flight"});
  EXPECT_EQ(session->Describe().state, 4);
}

TEST_F(SessionFlowTest, MessageOfAnotherConsumerIsNotTouched) {
  broker.publishing = Publishing::kReal;
  Subscribe();
  Client* const owner = client;
  Say("RDY 1\n" + Pub("t#ephemeral", "m"));
  ExpectHeard({"response OK", "message 1 m"});
  const std::string id = client->MessageIds()[0];
  Connect();
  Subscribe();
  Say("FIN " + id + "\nREQ " + id + " 5\nTOUCH " + id + "\n");
  ExpectHeard({"error E_FIN_FAILED FIN " + id + " failed client does not own message",
               "error E_REQ_FAILED REQ " + id + " failed client does not own message",
               "error E_TOUCH_FAILED TOUCH " + id + " failed client does not own message"});
  owner->Forget();
  owner->Send("FIN " + id + "\nCLS\n");
  RunUntil([&] { return !owner->Heard().empty(); });
  EXPECT_EQ(owner->Heard(), std::vector<std::string>{"response CLOSE_WAIT"});
}

TEST_F(SessionFlowTest, DeletedChannelEndsItsConsumersWithoutAWord) {
  Subscribe("t#ephemeral", "c");
  ASSERT_TRUE(broker.MakeTopic("t#ephemeral").DeleteChannel("c").ok());
  ExpectHeardAndClosed({});
}

TEST_F(SessionFlowTest, CommandsOfTheTurnInWhichTheChannelGoesAreDropped) {
  broker.publishing = Publishing::kReal;
  Subscribe("t#ephemeral", "c");
  ASSERT_TRUE(broker.MakeTopic("t#ephemeral").DeleteChannel("c").ok());
  Say("RDY 1\nFIN 0123456789abcdef\nCLS\n");
  client->Pump();
  RunUntil([&] { return broker.ended == 1; });
  EXPECT_EQ(client->bytes(), "");
}

TEST_F(SessionFlowTest, ConsumerThatLeavesGivesItsPlaceBack) {
  broker.mutable_options().max_channel_consumers = 1;
  Topic& topic = broker.MakeTopic("t#ephemeral");
  ASSERT_TRUE(topic.GetOrCreateChannel("stays").ok());
  Subscribe("t#ephemeral", "c");
  client->EndSending();
  ExpectHeardAndClosed({});
  EXPECT_EQ(topic.FindChannel("c")->consumers(), 0u);
  Connect();
  Subscribe("t#ephemeral", "c");
  client->Drop();
  RunUntil([&] { return broker.ended == 2; });
  EXPECT_EQ(topic.FindChannel("c")->consumers(), 0u);
}

// --- limits

TEST_F(SessionFlowTest, ProducerThatDoesNotReadIsNotReadFrom) {
  client->StopReading(true);
  // Questions and answers of far more bytes than sockets and session hold.
  const std::string question =
      Identify(R"({"feature_negotiation":true,"padding":")" + std::string(500, 'x') + R"("})");
  constexpr size_t kQuestions = 10000;
  std::string questions = "  V2";
  for (size_t i = 0; i < kQuestions; ++i) questions += question;
  Say(questions);
  RunALittle();
  RunALittle();
  EXPECT_FALSE(client->sent_all());
  client->StopReading(false);
  RunUntil([&] { return client->sent_all() && client->Heard().size() == kQuestions; });
}

TEST_F(SessionFlowTest, ProducerMayOnlyRunSoFarAheadOfTheDisk) {
  broker.publishing = Publishing::kHeld;
  constexpr size_t kPublishes = 3 * Session::kMaxAnswers;
  std::string all = "  V2";
  for (size_t i = 0; i < kPublishes; ++i) all += Pub("t", std::to_string(i));
  Say(all);
  RunUntil([&] { return broker.published.size() == Session::kMaxAnswers; });
  RunALittle();
  EXPECT_EQ(broker.published.size(), Session::kMaxAnswers);
  for (size_t i = 0; i < kPublishes; ++i) {
    RunUntil([&] { return broker.published.size() > i; });
    broker.Answer(i);
    ASSERT_LE(broker.published.size(), i + 1 + Session::kMaxAnswers);
    if (HasFailure()) return;
  }
  ExpectHeard(std::vector<std::string>(kPublishes, "response OK"));
  EXPECT_EQ(broker.published.back().bodies[0], std::to_string(kPublishes - 1));
}

// Bytes of the bodies a client has published that are not answered.
size_t Unanswered(const TestBroker& broker) {
  size_t bytes = 0;
  for (const auto& published : broker.published) {
    for (const std::string& body : published.bodies) {
      if (published.publisher != nullptr) bytes += body.size();
    }
  }
  return bytes;
}

TEST_F(SessionFlowTest, ProducerOfLargeMessagesIsNotReadFromAtSomeMegabytes) {
  broker.publishing = Publishing::kHeld;
  constexpr size_t kPublishes = 30;
  const std::string body(1000000, 'x');
  std::string all = "  V2";
  for (size_t i = 0; i < kPublishes / 2; ++i) all += Pub("t", body) + Mpub("t", {body});
  Say(all);
  RunUntil([&] { return Unanswered(broker) >= Session::kMaxPromised; });
  RunALittle();
  for (size_t i = 0; i < kPublishes; ++i) {
    EXPECT_LE(Unanswered(broker), Session::kMaxPromised + body.size());
    RunUntil([&] { return broker.published.size() > i; });
    if (HasFailure()) return;
    broker.Answer(i);
  }
  ExpectHeard(std::vector<std::string>(kPublishes, "response OK"));
  EXPECT_EQ(broker.memory.promised_bytes, 0u);
}

TEST_F(SessionFlowTest, ManyProducersTogetherHaveABudgetForWhatIsUnanswered) {
  broker.publishing = Publishing::kHeld;
  broker.memory.limit_bytes = size_t{4} << 20;
  constexpr size_t kClients = 10;
  const std::string body(100000, 'x');
  for (size_t i = 1; i < kClients; ++i) Connect();
  for (const auto& each : clients) {
    each->Send("  V2");
    for (int i = 0; i < 40; ++i) each->Send(Pub("t", body));
  }
  RunUntil([&] { return Unanswered(broker) > broker.memory.limit_bytes; });
  for (int i = 0; i < 10; ++i) RunALittle();
  EXPECT_LE(Unanswered(broker),
            broker.memory.limit_bytes + kClients * (Session::kLeastPromised + body.size()));
  // None of them waits for ever.
  for (size_t i = 0; i < kClients * 40; ++i) {
    RunUntil([&] { return broker.published.size() > i; });
    if (HasFailure()) return;
    broker.Answer(i);
  }
  EXPECT_EQ(broker.memory.promised_bytes, 0u);
}

TEST_F(SessionFlowTest, WhatAClientThatWasRefusedHadPublishedIsNotCountedForEver) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("a", "1") + Pub("a", "2") + Pub("a", "3"));
  RunUntil([&] { return broker.published.size() == 3; });
  broker.Answer(0, Status(Code::kUnavailable, "exiting"));
  RunUntil([&] { return client->eof(); });
  broker.Answer(2);
  EXPECT_GT(broker.memory.promised_bytes, 0u);
  broker.Answer(1);
  EXPECT_EQ(broker.memory.promised_bytes, 0u);
}

TEST_F(SessionFlowTest, ConsumerThatDoesNotReadGetsNoMoreMessages) {
  broker.publishing = Publishing::kReal;
  broker.mutable_options().mem_queue_size = 100000;
  Topic& topic = broker.MakeTopic("t#ephemeral");
  Subscribe();
  client->StopReading(true);
  Say("RDY 2500\n");
  const std::string body(200000, 'x');
  constexpr size_t kMessages = 100;
  Client* const consumer = client;
  Connect();
  Say("  V2");
  for (size_t i = 0; i < kMessages; ++i) Say(Pub("t#ephemeral", body));
  ExpectHeard(std::vector<std::string>(kMessages, "response OK"));
  const auto in_flight = [&] { return topic.FindChannel("c")->Stats(false).in_flight_count; };
  RunALittle();
  const uint64_t given = in_flight();
  EXPECT_GT(given, 0u);
  EXPECT_LT(given, 20u) << "a mebibyte and what the socket holds";
  // FINs are still read although messages are unread.
  consumer->StopReading(false);
  RunUntil([&] { return consumer->MessageIds().size() == kMessages; });
  EXPECT_EQ(in_flight(), kMessages);
}

TEST_F(SessionFlowTest, ConsumersThatDoNotReadHaveABudgetTogether) {
  broker.publishing = Publishing::kReal;
  broker.mutable_options().mem_queue_size = 100000;
  broker.memory.limit_bytes = size_t{1} << 20;
  constexpr size_t kConsumers = 20;
  constexpr size_t kMessages = 3000;
  const std::string body(10000, 'x');
  Topic& topic = broker.MakeTopic("t#ephemeral");
  Client* const producer = client;
  for (size_t i = 0; i < kConsumers; ++i) {
    Connect();
    Subscribe();
    client->StopReading(true);
    Say("RDY 2500\n");
  }
  client = producer;
  Say("  V2");
  for (size_t i = 0; i < kMessages / 100; ++i) {
    Say(Mpub("t#ephemeral", std::vector<std::string>(100, body)));
  }
  ExpectHeard(std::vector<std::string>(kMessages / 100, "response OK"));
  for (int i = 0; i < 10; ++i) RunALittle();
  const uint64_t given = topic.FindChannel("c")->Stats(false).in_flight_count;
  // To each what its socket takes, which is not ours, and little more.
  constexpr size_t kSocket = 300000;
  EXPECT_LT(given * body.size(),
            broker.memory.limit_bytes + kConsumers * (2 * Session::kLeastUnsent + kSocket));

  for (const auto& each : clients) each->StopReading(false);
  RunUntil([&] {
    size_t heard = 0;
    for (const auto& each : clients) heard += each->bytes().size();
    return heard >= kMessages * body.size();
  });
  RunALittle();
  EXPECT_EQ(topic.FindChannel("c")->Stats(false).in_flight_count, kMessages);
  EXPECT_EQ(broker.memory.unsent_bytes, 0u);
}

TEST_F(SessionFlowTest, DeferringAndRequeueingHaveLimitsOfTheirOwn) {
  broker.mutable_options().max_defer_timeout = std::chrono::hours(90 * 24);
  const auto days = [](int count) { return std::to_string(count * 24LL * 3600 * 1000); };
  Say("  V2DPUB t " + days(90) + "\n" + Sized("m"));
  ExpectHeard({"response OK"});
  EXPECT_EQ(broker.published.at(0).defer, std::chrono::hours(90 * 24));
  client->Forget();
  Say("DPUB t " + days(91) + "\n" + Sized("m"));
  ExpectHeardAndClosed(
      {"error E_INVALID DPUB timeout " + days(91) + " out of range 0-" + days(90)});
}

// --- near and far

struct TopologyTest : SessionFlowTest {
  TopologyTest() {
    broker.mutable_options().topology_aware = true;
    broker.publishing = Publishing::kReal;
  }
  // A consumer of those names, ready for `ready` messages.
  Client& Consume(const std::string& region, const std::string& zone, int ready) {
    Connect();
    Say("  V2" +
        Identify("{\"topology_region\":\"" + region + "\",\"topology_zone\":\"" + zone + "\"}") +
        "SUB t#ephemeral c\nRDY " + std::to_string(ready) + "\n");
    ExpectHeard({"response OK", "response OK"});
    client->Forget();
    return *client;
  }
  void Publish(size_t messages) {
    Connect();
    Say("  V2" + Mpub("t#ephemeral", std::vector<std::string>(messages, "m")));
    ExpectHeard({"response OK"});
    RunALittle();
  }
};

TEST_F(TopologyTest, ZoneThenRegionThenTheOthers) {
  broker.mutable_options().topology_region = "r";
  broker.mutable_options().topology_zone = "z";
  const Client& far = Consume("other", "other", 10);
  const Client& region = Consume("r", "other", 2);
  const Client& zone = Consume("other", "z", 3);  // compared by itself, as the original
  Publish(7);
  EXPECT_EQ(zone.Heard().size(), 3u);
  EXPECT_EQ(region.Heard().size(), 2u);
  EXPECT_EQ(far.Heard().size(), 2u);
  const ChannelStats stats = broker.MakeTopic("t#ephemeral").Stats({}).channels.at(0);
  EXPECT_EQ(stats.zone_local_count, 3u);
  EXPECT_EQ(stats.region_local_count, 2u);
  EXPECT_EQ(stats.delivered_count, 7u);
}

TEST_F(TopologyTest, WithoutNamesNobodyIsPreferredButAllAreNear) {
  const Client& one = Consume("a", "b", 10);
  const Client& two = Consume("", "", 10);
  Publish(10);
  EXPECT_EQ(one.Heard().size(), 5u);
  EXPECT_EQ(two.Heard().size(), 5u);
  const ChannelStats stats = broker.MakeTopic("t#ephemeral").Stats({}).channels.at(0);
  EXPECT_EQ(stats.zone_local_count, 5u);
  EXPECT_EQ(stats.delivered_count, 10u);
}

TEST_F(TopologyTest, WithoutTheExperimentNamesMeanNothing) {
  broker.mutable_options().topology_aware = false;
  broker.mutable_options().topology_zone = "z";
  const Client& one = Consume("", "x", 10);
  const Client& two = Consume("", "z", 10);
  Publish(10);
  EXPECT_EQ(one.Heard().size(), 5u);
  EXPECT_EQ(two.Heard().size(), 5u);
  EXPECT_EQ(broker.MakeTopic("t#ephemeral").Stats({}).channels.at(0).zone_local_count, 0u);
}

// --- the end

TEST_F(SessionFlowTest, EofIsFollowedByWhatIsOwed) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("t", "1") + Pub("t", "2") + "PUB t");
  client->EndSending();
  RunUntil([&] { return broker.published.size() == 2; });
  RunALittle();
  EXPECT_FALSE(client->eof());
  broker.Answer(0);
  broker.Answer(1);
  ExpectHeardAndClosed({"response OK", "response OK"});
}

TEST_F(SessionFlowTest, EofInsideABodyIsAnsweredBehindWhatIsOwed) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("t", "1") + "PUB t\n" + Int(10) + "12345");
  client->EndSending();
  RunUntil([&] { return broker.published.size() == 1; });
  broker.Answer(0);
  ExpectHeardAndClosed({"response OK", "error E_BAD_MESSAGE PUB failed to read message body"});
}

TEST_F(SessionFlowTest, EofWhileReadingIsPausedIsSeenLater) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("a", "1") + "SUB t#ephemeral c\n" + Pub("a", "2"));
  client->EndSending();
  RunUntil([&] { return broker.published.size() == 1; });
  RunALittle();
  broker.Answer(0);
  RunUntil([&] { return broker.published.size() == 2; });
  broker.Answer(1);
  ExpectHeardAndClosed({"response OK", "response OK", "response OK"});
}

TEST_F(SessionFlowTest, ClientThatVanishesIsOutlivedByItsPublishes) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("t", "1"));
  RunUntil([&] { return broker.published.size() == 1; });
  client->Drop();
  RunALittle();
  EXPECT_EQ(broker.ended, 0);
  broker.Answer(0);
  RunUntil([&] { return broker.ended == 1; });
}

TEST_F(SessionFlowTest, StopAnswersWhatIsPromised) {
  broker.publishing = Publishing::kHeld;
  Say("  V2" + Pub("t", "1"));
  RunUntil([&] { return broker.published.size() == 1; });
  session->Stop();
  RunALittle();
  EXPECT_FALSE(client->eof());
  broker.Answer(0);
  RunUntil([&] { return client->eof(); });
  EXPECT_EQ(client->Heard(), std::vector<std::string>{"response OK"});
  RunUntil([&] { return broker.ended == 1; });
}

TEST_F(SessionFlowTest, StopDoesNotWaitForTheClient) {
  Say("  V2" + Identify("{}"));
  ExpectHeard({"response OK"});
  Client* const identified = client;
  Connect();  // one that has said nothing
  Session* const silent = session;
  Connect();
  Say("  V2BAD\n");  // one that lingers
  RunUntil([&] { return client->eof(); });
  std::vector<Session*> all;
  for (const auto& [each, owner] : broker.sessions()) all.push_back(each);
  EXPECT_EQ(all.size(), 3u);
  for (Session* const each : all) each->Stop();
  RunUntil([&] { return broker.ended == 3 && identified->eof(); });
  EXPECT_EQ(broker.sessions().count(silent), 0u);
}

}  // namespace
}  // namespace nsq::nsqd
