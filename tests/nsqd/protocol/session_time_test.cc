// Heartbeats and deadlines. A second is the shortest interval that can be agreed on.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/nsqd/protocol/fixture.h"

namespace nsq::nsqd {
namespace {

const std::string kEverySecond = "  V2" + Identify(R"({"heartbeat_interval":1000})");
const std::string kBeat = "response _heartbeat_";

struct SessionTimeTest : SessionTest {
  // How long it takes until `done`.
  Duration TimeUntil(const std::function<bool()>& done) {
    const SteadyTime start = std::chrono::steady_clock::now();
    RunUntil(done);
    return std::chrono::steady_clock::now() - start;
  }
};

TEST_F(SessionTimeTest, SilentClientIsClosedAfterTwoIntervals) {
  Say(kEverySecond);
  ExpectHeard({"response OK"});
  // Bytes that make no command do not count as life.
  Say("NO");
  const Duration time = TimeUntil([&] { return client->eof(); });
  EXPECT_GE(time, milliseconds(1900));
  EXPECT_EQ(client->Heard(), (std::vector<std::string>{"response OK", kBeat}));
  client->Drop();
  RunUntil([&] { return broker.ended == 1; });
}

TEST_F(SessionTimeTest, BodyThatStallsIsAnsweredWithAnError) {
  Say(kEverySecond + "PUB t\n" + Int(100) + "begun");
  const Duration time = TimeUntil([&] { return client->eof(); });
  EXPECT_GE(time, milliseconds(1900));
  EXPECT_EQ(client->Heard(),
            (std::vector<std::string>{"response OK", kBeat,
                                      "error E_BAD_MESSAGE PUB failed to read message body"}));
}

TEST_F(SessionTimeTest, WhoDoesNotSayTheMagicIsClosedWithoutAWord) {
  broker.mutable_options().magic_timeout = milliseconds(500);
  for (const std::string_view said : {"", "  V"}) {
    Connect();
    const int ended = broker.ended;
    Say(said);
    const Duration time = TimeUntil([&] { return client->eof(); });
    EXPECT_GE(time, milliseconds(400));
    EXPECT_TRUE(client->Heard().empty()) << "no heartbeat either";
    client->Drop();
    RunUntil([&] { return broker.ended == ended + 1; });
  }
  Connect();
  Say("  V2");
  TimeUntil([start = std::chrono::steady_clock::now()] {
    return std::chrono::steady_clock::now() - start > seconds(1);
  });
  EXPECT_FALSE(client->eof()) << "the magic is enough";
  EXPECT_EQ(Options().magic_timeout, std::chrono::minutes(1));
}

TEST_F(SessionTimeTest, AnyCommandIsLife) {
  Say(kEverySecond);
  size_t answered = 0;
  RunUntil([&] {
    const size_t beats = client->Heard().size();
    if (beats > answered) Say("NOP\n");
    answered = beats;
    return beats >= 4 || client->eof();
  });
  EXPECT_EQ(client->Heard(), (std::vector<std::string>{"response OK", kBeat, kBeat, kBeat}));
  EXPECT_FALSE(client->eof());
}

TEST_F(SessionTimeTest, ClientThatWaitsForUsIsNotLate) {
  broker.publishing = TestBroker::Publishing::kHeld;
  Say(kEverySecond + Pub("t", "m"));
  RunUntil([&] { return client->Heard().size() == 4 || client->eof(); });
  EXPECT_EQ(client->Heard(), (std::vector<std::string>{"response OK", kBeat, kBeat, kBeat}));
  broker.Answer(0);
  RunUntil([&] { return client->Heard().size() == 5; });
  EXPECT_EQ(client->Heard().back(), "response OK");
}

TEST_F(SessionTimeTest, SecondIdentifyMovesDeadlinesButNotHeartbeats) {
  Say(kEverySecond + Identify(R"({"heartbeat_interval":2000})"));
  const Duration time = TimeUntil([&] { return client->eof(); });
  EXPECT_GE(time, milliseconds(3900));
  EXPECT_EQ(client->Heard(),
            (std::vector<std::string>{"response OK", "response OK", kBeat, kBeat, kBeat}));
}

TEST_F(SessionTimeTest, AfterASecondIdentifyTouchFollowsTheLastTimeoutAndDeliveryTheFirst) {
  broker.publishing = TestBroker::Publishing::kReal;
  Say("  V2" + Identify(R"({"msg_timeout":1000})") + Identify(R"({"msg_timeout":3000})") +
      "SUB t#ephemeral c\nRDY 1\n");
  ExpectHeard({"response OK", "response OK", "response OK"});
  client->Forget();
  Say(Pub("t#ephemeral", "m"));
  RunUntil([&] { return client->MessageIds().size() == 1; });
  const Duration first = TimeUntil([&] { return client->MessageIds().size() == 2; });
  EXPECT_GE(first, milliseconds(900));
  EXPECT_LT(first, milliseconds(2000));
  Say("TOUCH " + client->MessageIds()[1] + "\n");
  const Duration touched = TimeUntil([&] { return client->MessageIds().size() == 3; });
  EXPECT_GE(touched, milliseconds(2500));
}

TEST_F(SessionTimeTest, ClientThatReadsNothingIsClosed) {
  broker.publishing = TestBroker::Publishing::kReal;
  Say(kEverySecond + "SUB t#ephemeral c\nRDY 100\n");
  ExpectHeard({"response OK", "response OK"});
  client->StopReading(true);
  for (int i = 0; i < 20; ++i) Say(Pub("t#ephemeral", std::string(100000, 'x')));
  SteadyTime next = std::chrono::steady_clock::now();
  RunUntil([&] {
    // It is alive by what it says, but takes nothing.
    if (std::chrono::steady_clock::now() >= next) {
      Say("NOP\n");
      next += milliseconds(200);
    }
    return broker.ended == 1;
  });
}

TEST_F(SessionTimeTest, ClientThatReadsSlowlyStays) {
  broker.publishing = TestBroker::Publishing::kReal;
  Say(kEverySecond + "SUB t#ephemeral c\nRDY 100\n");
  ExpectHeard({"response OK", "response OK"});
  client->StopReading(true);
  for (int i = 0; i < 20; ++i) Say(Pub("t#ephemeral", std::string(100000, 'x')));
  const SteadyTime start = std::chrono::steady_clock::now();
  SteadyTime next = start;
  // Longer than it takes to close one that reads nothing; 20 reads a second.
  RunUntil([&] {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= next) {
      char bytes[16384];
      EXPECT_GT(::recv(client->fd(), bytes, sizeof bytes, 0), 0);
      Say("NOP\n");
      next += milliseconds(50);
    }
    return broker.ended > 0 || now - start > milliseconds(3500);
  });
  EXPECT_EQ(broker.ended, 0);
}

TEST_F(SessionTimeTest, NoHeartbeatsAndNoDeadlinesIfNotWanted) {
  Say("  V2" + Identify(R"({"heartbeat_interval":-1})"));
  ExpectHeard({"response OK"});
  Client* const off = client;
  Connect();
  Say(kEverySecond);
  // When a client of one second is closed, nothing has happened to the other one.
  RunUntil([&] { return client->eof(); });
  EXPECT_EQ(off->Heard(), std::vector<std::string>{"response OK"});
  EXPECT_FALSE(off->eof());
  off->Send(Pub("t", "m"));
  RunUntil([&] { return off->Heard().size() == 2; });
}

}  // namespace
}  // namespace nsq::nsqd
