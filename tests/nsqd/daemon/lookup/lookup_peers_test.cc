#include "nsqd/daemon/lookup/lookup_peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/event/timer.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "nsqd/daemon/lookup/lookup_peer.h"
#include "tests/nsqd/daemon/lookup/fake_lookupd.h"

namespace nsq::nsqd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Names = std::vector<std::string>;

// Peers and the fake nsqlookupds they talk with, on one loop whose turns the test runs.
class LookupPeersTest : public testing::Test {
 protected:
  LookupPeersTest() {
    identity_.broadcast_address = "node.a";
    identity_.hostname = "host<a>";
    identity_.tcp_port = 4150;
    identity_.http_port = 4151;
    identity_.topology_region = "r1";
    identity_.topology_zone = "z1";
    // A slow machine must not look like a slow nsqlookupd; tests of deadlines shorten them.
    limits_.dial_timeout = seconds(30);
    limits_.answer_timeout = seconds(30);
    limits_.ping_interval = seconds(600);
    limits_.first_retry = milliseconds(2);
    limits_.last_retry = milliseconds(10);
    limits_.connect_timeout = seconds(30);
    limits_.request_timeout = seconds(30);
    fake_.Open();
  }

  void Start(const Names& addresses) {
    peers_.emplace(loop_, pool_, identity_, limits_);
    peers_->SetAddresses(addresses);
  }
  void Start() { Start({fake_.address()}); }

  // Runs turns until `condition` holds; false if it does not within any sensible time.
  template <typename Condition>
  [[nodiscard]] bool RunUntil(Condition condition) {
    bool late = false;
    Timer watchdog(loop_, [&late] { late = true; });
    watchdog.ArmAfter(seconds(20));
    while (!condition() && !late) loop_.RunOnce(true);
    return condition();
  }

  void RunTurns(int turns) {
    for (int i = 0; i < turns; ++i) loop_.RunOnce(false);
  }

  [[nodiscard]] bool RunUntilTold(const FakeLookupd& fake, const std::string& command) {
    return RunUntil([&] { return !fake.commands.empty() && fake.commands.back() == command; });
  }

  // Commands leave in order: what was going to be said before has been said when this returns.
  void Settle(FakeLookupd& fake) {
    const std::string last = "zz" + std::to_string(settled_++);
    peers_->TopicCreated(last);
    ASSERT_TRUE(RunUntilTold(fake, "REGISTER " + last));
    fake.commands.pop_back();
  }

  // Lets the first connection get `bytes` as its answer to the first command that begins with
  // `command`, everything else the usual.
  void AnswerOnce(FakeLookupd& fake, const std::string& command,
                  const std::optional<std::string>& bytes) {
    fake.answer = [&fake, command, bytes,
                   done = false](const std::string& said) mutable -> std::optional<std::string> {
      if (!done && said.starts_with(command)) {
        done = true;
        return bytes;
      }
      return said.starts_with("IDENTIFY") ? fake.Identity() : LookupFrame("OK");
    };
  }

  int settled_ = 0;
  LookupIdentity identity_;
  LookupLimits limits_;
  EventLoop loop_{"test"};
  FakeLookupd fake_{loop_};
  HelperPool pool_{2};
  std::optional<LookupPeers> peers_;
};

TEST_F(LookupPeersTest, IdentifiesThenRegistersEverything) {
  peers_.emplace(loop_, pool_, identity_, limits_);
  peers_->TopicCreated("a");
  peers_->ChannelCreated("b", "c2#ephemeral");
  peers_->ChannelCreated("b", "c1");
  peers_->TopicCreated("c#ephemeral");
  peers_->SetAddresses({fake_.address()});
  Settle(fake_);
  EXPECT_THAT(
      fake_.commands,
      ElementsAre("IDENTIFY {\"broadcast_address\":\"node.a\",\"hostname\":\"host\\u003ca\\u003e\","
                  "\"http_port\":4151,\"tcp_port\":4150,\"topology_region\":\"r1\","
                  "\"topology_zone\":\"z1\",\"version\":\"1.3.0\"}",
                  "REGISTER a", "REGISTER b c1", "REGISTER b c2#ephemeral",
                  "REGISTER c#ephemeral"));
  EXPECT_EQ(fake_.bad_magics, 0);
  EXPECT_EQ(fake_.accepted, 1);
}

TEST_F(LookupPeersTest, ChangesAreTold) {
  Start();
  Settle(fake_);
  fake_.commands.clear();
  peers_->TopicCreated("t");
  peers_->TopicCreated("t");
  peers_->ChannelCreated("t", "c");
  peers_->ChannelCreated("t", "c");
  Settle(fake_);
  EXPECT_THAT(fake_.commands, ElementsAre("REGISTER t", "REGISTER t c"));
  fake_.commands.clear();
  peers_->ChannelDeleted("t", "c");
  peers_->ChannelDeleted("t", "c");
  peers_->ChannelDeleted("unknown", "c");
  peers_->TopicDeleted("unknown");
  peers_->TopicCreated("last");
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER last"));
  EXPECT_THAT(fake_.commands, ElementsAre("UNREGISTER t c", "REGISTER last"));
}

TEST_F(LookupPeersTest, TopicDeletionUnregistersItsChannelsFirst) {
  Start();
  peers_->ChannelCreated("t", "c1");
  peers_->ChannelCreated("t", "c2");
  Settle(fake_);
  fake_.commands.clear();
  peers_->TopicDeleted("t");
  ASSERT_TRUE(RunUntilTold(fake_, "UNREGISTER t"));
  EXPECT_THAT(fake_.commands, ElementsAre("UNREGISTER t c1", "UNREGISTER t c2", "UNREGISTER t"));
}

TEST_F(LookupPeersTest, CommandsDoNotWaitForEachOthersAnswers) {
  limits_.max_unanswered = 3;
  peers_.emplace(loop_, pool_, identity_, limits_);
  for (const char* const topic : {"a", "b", "c", "d", "e", "f"}) peers_->TopicCreated(topic);
  fake_.answer = [this](const std::string& said) -> std::optional<std::string> {
    if (said.starts_with("IDENTIFY")) return fake_.Identity();
    return std::nullopt;
  };
  peers_->SetAddresses({fake_.address()});
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER c"));
  RunTurns(20);
  EXPECT_THAT(fake_.AfterIdentify(), ElementsAre("REGISTER a", "REGISTER b", "REGISTER c"))
      << "but no more than so many are on their way";
  fake_.Say(LookupFrame("OK"));
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER d"));
  fake_.Say(LookupFrame("OK") + LookupFrame("OK").substr(0, 3));
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER e"));
  fake_.Say(LookupFrame("OK").substr(3) + LookupFrame("OK"));
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER f"));
  EXPECT_EQ(fake_.accepted, 1);
}

TEST_F(LookupPeersTest, OneAnswerThatIsMissingAmongManyEndsTheConnection) {
  limits_.answer_timeout = milliseconds(20);
  Start();
  Settle(fake_);
  AnswerOnce(fake_, "REGISTER b", std::nullopt);
  for (const char* const topic : {"a", "b", "c"}) peers_->TopicCreated(topic);
  ASSERT_TRUE(RunUntil([&] { return fake_.accepted == 2; }));
}

TEST_F(LookupPeersTest, WhatIsToldIsDecidedWhenItIsSent) {
  limits_.max_unanswered = 1;
  Start();
  Settle(fake_);
  AnswerOnce(fake_, "REGISTER", std::nullopt);
  fake_.commands.clear();
  peers_->TopicCreated("held");
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER held"));
  peers_->TopicCreated("gone");
  peers_->TopicDeleted("gone");
  peers_->TopicCreated("back");
  peers_->TopicDeleted("back");
  peers_->TopicCreated("back");
  fake_.Say(LookupFrame("OK"));
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER back"));
  EXPECT_THAT(fake_.commands, ElementsAre("REGISTER held", "UNREGISTER gone", "REGISTER back"));
}

TEST_F(LookupPeersTest, WhatHappensWhileDisconnectedIsRegisteredAfterwards) {
  fake_.Close();
  Start();
  peers_->ChannelCreated("t", "c");
  peers_->ChannelCreated("t", "gone");
  RunTurns(20);
  peers_->ChannelDeleted("t", "gone");
  EXPECT_FALSE(peers_->HasIdentifiedPeer());
  fake_.Open();
  Settle(fake_);
  EXPECT_THAT(fake_.AfterIdentify(), ElementsAre("REGISTER t c"));
  EXPECT_TRUE(peers_->HasIdentifiedPeer());
}

TEST_F(LookupPeersTest, RegistersAgainWhenThePeerHasComeBack) {
  Start();
  peers_->ChannelCreated("t", "c");
  peers_->TopicCreated("u");
  Settle(fake_);
  fake_.Close();
  ASSERT_TRUE(RunUntil([&] { return !peers_->HasIdentifiedPeer(); }));
  peers_->TopicDeleted("u");
  peers_->TopicCreated("v");
  fake_.commands.clear();
  fake_.Open();
  Settle(fake_);
  EXPECT_EQ(fake_.commands.front().substr(0, 8), "IDENTIFY");
  EXPECT_THAT(fake_.AfterIdentify(), ElementsAre("REGISTER t c", "REGISTER v", "REGISTER zz0"));
}

TEST_F(LookupPeersTest, SilenceEndsTheConnection) {
  for (const std::string command : {"IDENTIFY", "REGISTER", "PING"}) {
    SCOPED_TRACE(command);
    limits_.dial_timeout = milliseconds(10);
    limits_.answer_timeout = milliseconds(20);
    if (command == "PING") limits_.ping_interval = milliseconds(30);
    FakeLookupd fake(loop_);
    fake.Open();
    AnswerOnce(fake, command, std::nullopt);
    Start({fake.address()});
    peers_->TopicCreated("t");
    ASSERT_TRUE(RunUntil([&] { return fake.accepted >= 2; }));
    EXPECT_TRUE(
        RunUntil([&] { return !fake.commands.empty() && fake.commands.back() == "REGISTER t"; }));
    peers_.reset();
  }
}

TEST_F(LookupPeersTest, RubbishForAnIdentityEndsTheConnection) {
  for (const std::string& rubbish :
       {LookupFrame("E_INVALID"), LookupFrame("E_BAD_BODY IDENTIFY missing fields"),
        LookupFrame(""), LookupFrame("OK"), LookupFrame("[]"), LookupFrame("{\"http_port\":\"1\"}"),
        LookupFrame("{\"broadcast_address\":1}"), LookupFrame("{} {}"),
        std::string("\xff\xff\xff\xff....", 8), std::string("\x80\0\0\0", 4),
        std::string("\x7f\xff\xff\xff", 4), std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
        fake_.Identity() + LookupFrame("OK")}) {
    SCOPED_TRACE(testing::PrintToString(rubbish));
    FakeLookupd fake(loop_);
    fake.Open();
    AnswerOnce(fake, "IDENTIFY", rubbish);
    Start({fake.address()});
    ASSERT_TRUE(RunUntil([&] { return peers_->HasIdentifiedPeer(); }));
    EXPECT_EQ(fake.accepted, 2);
    EXPECT_EQ(fake.open_connections(), 1);
    peers_.reset();
  }
}

TEST_F(LookupPeersTest, RubbishForAnAnswerEndsTheConnection) {
  for (const std::string& rubbish : {std::string("\xff\xff\xff\xfeOK"), LookupFrame("OK") + "more",
                                     LookupFrame(std::string(1001, 'x'))}) {
    SCOPED_TRACE(testing::PrintToString(rubbish.substr(0, 10)));
    limits_.max_reply_bytes = 1000;
    FakeLookupd fake(loop_);
    fake.Open();
    AnswerOnce(fake, "REGISTER", rubbish);
    Start({fake.address()});
    peers_->TopicCreated("t");
    ASSERT_TRUE(RunUntil([&] { return fake.accepted == 2; }));
    Settle(fake);
    EXPECT_THAT(fake.AfterIdentify(), ElementsAre("REGISTER t", "REGISTER t"));
    peers_.reset();
  }
}

TEST_F(LookupPeersTest, ChangesDuringTheWalkAreToldOnce) {
  limits_.max_unanswered = 1;
  peers_.emplace(loop_, pool_, identity_, limits_);
  for (const char* topic : {"a", "c", "e", "g"}) peers_->ChannelCreated(topic, "x");
  AnswerOnce(fake_, "REGISTER c x", std::nullopt);
  peers_->SetAddresses({fake_.address()});
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER c x"));
  peers_->TopicCreated("b");  // behind the walk
  peers_->TopicDeleted("a");  // behind it
  peers_->TopicDeleted("c");  // where it stands
  peers_->TopicCreated("d");  // before it, as all that follow
  peers_->ChannelCreated("e", "y");
  peers_->TopicDeleted("g");
  fake_.Say(LookupFrame("OK"));
  Settle(fake_);
  EXPECT_THAT(
      fake_.AfterIdentify(),
      ElementsAre("REGISTER a x", "REGISTER c x", "REGISTER b", "UNREGISTER a x", "UNREGISTER a",
                  "UNREGISTER c x", "UNREGISTER c", "REGISTER d", "REGISTER e x", "REGISTER e y"));
}

TEST_F(LookupPeersTest, AnAnswerInPiecesIsAnAnswer) {
  Start();
  Settle(fake_);
  AnswerOnce(fake_, "REGISTER", std::nullopt);
  peers_->TopicCreated("a");
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER a"));
  for (const char byte : LookupFrame("OK")) {
    fake_.Say({&byte, 1});
    RunTurns(5);
  }
  Settle(fake_);
  EXPECT_EQ(fake_.accepted, 1);
}

TEST_F(LookupPeersTest, AnAnswerToNothingEndsTheConnection) {
  Start();
  Settle(fake_);
  fake_.Say(LookupFrame("OK"));
  ASSERT_TRUE(RunUntil([&] { return fake_.accepted == 2; }));
}

TEST_F(LookupPeersTest, AnErrorForACommandIsNoReasonToStop) {
  Start();
  Settle(fake_);
  AnswerOnce(fake_, "REGISTER", LookupFrame("E_BAD_TOPIC REGISTER topic name 'a' is not valid"));
  peers_->TopicCreated("a");
  Settle(fake_);
  EXPECT_EQ(fake_.accepted, 1);
}

TEST_F(LookupPeersTest, PingsGoOn) {
  limits_.ping_interval = milliseconds(3);
  Start();
  ASSERT_TRUE(RunUntil([&] { return fake_.AfterIdentify() == Names({"PING", "PING", "PING"}); }));
  EXPECT_EQ(fake_.accepted, 1);
}

TEST_F(LookupPeersTest, APingDoesNotWaitForAllRegistrations) {
  limits_.max_unanswered = 1;
  limits_.ping_interval = milliseconds(50);
  Start();
  ASSERT_TRUE(RunUntil([&] { return peers_->HasIdentifiedPeer(); }));
  AnswerOnce(fake_, "REGISTER", std::nullopt);
  peers_->TopicCreated("a");
  peers_->TopicCreated("b");
  ASSERT_TRUE(
      RunUntil([&] { return !fake_.commands.empty() && fake_.commands.back() == "REGISTER a"; }));
  bool due = false;
  Timer later(loop_, [&due] { due = true; });
  later.ArmAfter(limits_.ping_interval + milliseconds(20));
  ASSERT_TRUE(RunUntil([&] { return due; }));
  fake_.commands.clear();
  fake_.Say(LookupFrame("OK"));
  ASSERT_TRUE(RunUntil([&] { return fake_.commands.size() >= 2; }));
  EXPECT_EQ(fake_.commands[0], "PING");
  EXPECT_EQ(fake_.commands[1], "REGISTER b");
}

TEST_F(LookupPeersTest, APeerFarBehindIsToldAnew) {
  limits_.max_unanswered = 1;
  Start();
  Settle(fake_);
  AnswerOnce(fake_, "REGISTER", std::nullopt);
  peers_->TopicCreated("held");
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER held"));
  for (size_t i = 0; i <= LookupPeer::kMaxChanges; ++i) {
    const std::string topic = "brief" + std::to_string(i);
    peers_->TopicCreated(topic);
    peers_->TopicDeleted(topic);
  }
  fake_.commands.clear();
  ASSERT_TRUE(RunUntil([&] { return fake_.accepted == 2; }));
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER zz0"));
  EXPECT_THAT(fake_.AfterIdentify(), ElementsAre("REGISTER held", "REGISTER zz0"));
}

TEST_F(LookupPeersTest, AddressesComeAndGo) {
  FakeLookupd other(loop_);
  other.Open();
  Start();
  peers_->TopicCreated("t");
  Settle(fake_);
  peers_->SetAddresses({other.address(), fake_.address(), other.address()});
  EXPECT_THAT(peers_->addresses(), ElementsAre(other.address(), fake_.address()));
  ASSERT_TRUE(RunUntilTold(other, "REGISTER zz0"));
  EXPECT_THAT(other.AfterIdentify(), ElementsAre("REGISTER t", "REGISTER zz0"));
  EXPECT_EQ(fake_.accepted, 1) << "who stays is left alone";

  peers_->SetAddresses({other.address()});
  ASSERT_TRUE(RunUntil([&] { return fake_.open_connections() == 0; }));
  peers_->TopicCreated("u");
  ASSERT_TRUE(RunUntilTold(other, "REGISTER u"));
  EXPECT_EQ(other.accepted, 1);

  peers_->SetAddresses({});
  ASSERT_TRUE(RunUntil([&] { return other.open_connections() == 0; }));
  EXPECT_FALSE(peers_->HasIdentifiedPeer());
  EXPECT_THAT(peers_->addresses(), IsEmpty());
}

TEST_F(LookupPeersTest, DrainingIsSaidByIdentifyingAgainAndEverythingStaysRegistered) {
  Start();
  peers_->ChannelCreated("t", "c");
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER t c"));
  EXPECT_EQ(fake_.commands.front().find("draining"), std::string::npos);
  for (const bool draining : {true, false}) {
    fake_.commands.clear();
    peers_->SetDraining(draining);
    peers_->SetDraining(draining);
    ASSERT_TRUE(RunUntilTold(fake_, "REGISTER t c"));
    EXPECT_EQ(fake_.commands.size(), 2u) << "once";
    EXPECT_EQ(fake_.commands.front().find(",\"draining\":true,") != std::string::npos, draining)
        << fake_.commands.front();
  }
  fake_.Close();
  peers_->SetDraining(true);
  fake_.Open();
  fake_.commands.clear();
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER t c"));
  EXPECT_NE(fake_.commands.front().find("\"draining\":true"), std::string::npos);
}

TEST_F(LookupPeersTest, ADeadPeerDisturbsNoOther) {
  FakeLookupd dead(loop_);
  Start({dead.address(), "not an address", "127.0.0.1:99999", fake_.address()});
  peers_->TopicCreated("t");
  ASSERT_TRUE(RunUntilTold(fake_, "REGISTER t"));
}

TEST_F(LookupPeersTest, HostNamesAreLookedUp) {
  Start({"localhost:" + std::to_string(fake_.port())});
  EXPECT_TRUE(RunUntil([&] { return peers_->HasIdentifiedPeer(); }));
}

TEST_F(LookupPeersTest, CanBeDestroyedAtAnyMoment) {
  for (int turns = 0; turns < 40; ++turns) {
    SCOPED_TRACE(turns);
    FakeLookupd dead(loop_);
    Start({fake_.address(), dead.address(), "localhost:" + std::to_string(fake_.port())});
    peers_->ChannelCreated("t", "c");
    RunTurns(turns / 2);
    peers_->QueryChannels("t", [](const Names&) {});
    RunTurns(turns - turns / 2);
    peers_.reset();
    RunTurns(3);
  }
}

// The HTTP side of nsqlookupds: one server for each behaviour.
class LookupQueryTest : public LookupPeersTest {
 protected:
  using Handler = std::function<void(std::unique_ptr<http::Exchange>)>;

  struct HttpPeer {
    explicit HttpPeer(EventLoop& loop) : lookupd(loop) {}
    FakeLookupd lookupd;
    http::Router router;
    std::unique_ptr<http::Server> server;
    std::vector<std::unique_ptr<http::Exchange>> unanswered;
  };

  HttpPeer& AddPeer(Handler handler) {
    auto& peer = *http_.emplace_back(std::make_unique<HttpPeer>(loop_));
    peer.lookupd.Open();
    peer.router.Add(http::Method::kGet, "/channels", std::move(handler));
    peer.server = std::make_unique<http::Server>(loop_, peer.router);
    auto fd = Listen({"127.0.0.1", 0, ""});
    EXPECT_TRUE(fd.ok());
    peer.lookupd.http_port = BoundPort(fd->get());
    peer.server->Listen(std::move(*fd));
    return peer;
  }

  HttpPeer& AddPeerThatSays(const std::string& body) {
    return AddPeer([body](auto exchange) { exchange->Json(body); });
  }

  HttpPeer& AddPeerThatNeverAnswers() {
    auto kept = std::make_shared<std::vector<std::unique_ptr<http::Exchange>>>();
    return AddPeer([kept](auto exchange) { kept->push_back(std::move(exchange)); });
  }

  // Connects to all and waits until each has identified itself.
  void StartAll() {
    Names addresses;
    for (const auto& peer : http_) addresses.push_back(peer->lookupd.address());
    Start(addresses);
    peers_->TopicCreated("settled");
    for (const auto& peer : http_) {
      ASSERT_TRUE(RunUntilTold(peer->lookupd, "REGISTER settled"));
    }
  }

  void Query(const std::string& topic) {
    const int before = answers_;
    peers_->QueryChannels(topic, [this](Names channels) {
      ++answers_;
      channels_ = std::move(channels);
    });
    EXPECT_EQ(answers_, before) << "never before the call returns";
  }

  std::vector<std::unique_ptr<HttpPeer>> http_;
  int answers_ = 0;
  Names channels_;
};

TEST_F(LookupQueryTest, UnionOfAllWhoAnswer) {
  std::string asked;
  AddPeer([&asked](auto exchange) {
    asked = *exchange->request().params.Find("topic");
    exchange->Json("{\"channels\":[\"b\",\"a\"]}");
  });
  AddPeerThatSays("{\"channels\":[\"b\",\"c\"]}");
  StartAll();
  Query("t#ephemeral");
  ASSERT_TRUE(RunUntil([&] { return answers_ > 0; }));
  EXPECT_THAT(channels_, ElementsAre("a", "b", "c"));
  EXPECT_EQ(asked, "t#ephemeral");
}

TEST_F(LookupQueryTest, BadAndEphemeralNamesAreLeftOut) {
  AddPeerThatSays("{\"channels\":[\"b@d\",\"\",\"../x\",\"e#ephemeral\",\"good\"]}");
  StartAll();
  Query("t");
  ASSERT_TRUE(RunUntil([&] { return answers_ > 0; }));
  EXPECT_THAT(channels_, ElementsAre("good"));
}

TEST_F(LookupQueryTest, WhoFailsIsLeftOut) {
  AddPeerThatSays("{\"channels\":[\"a\"]}");
  AddPeerThatSays("rubbish");
  AddPeer([](auto exchange) { exchange->Error(500, "INTERNAL_ERROR"); });
  AddPeerThatSays("").server.reset();  // dead
  StartAll();
  Query("t");
  ASSERT_TRUE(RunUntil([&] { return answers_ > 0; }));
  EXPECT_THAT(channels_, ElementsAre("a"));
}

TEST_F(LookupQueryTest, AllFailing) {
  AddPeerThatSays("rubbish");
  StartAll();
  Query("t");
  ASSERT_TRUE(RunUntil([&] { return answers_ > 0; }));
  EXPECT_THAT(channels_, IsEmpty());
}

TEST_F(LookupQueryTest, WhoIsSlowIsNotWaitedFor) {
  limits_.request_timeout = milliseconds(200);
  AddPeerThatSays("{\"channels\":[\"a\"]}");
  AddPeerThatNeverAnswers();
  StartAll();
  Query("t");
  ASSERT_TRUE(RunUntil([&] { return answers_ > 0; }));
  EXPECT_THAT(channels_, testing::AnyOf(ElementsAre("a"), IsEmpty()));
}

TEST_F(LookupQueryTest, AStopWaitsForNoHttp) {
  limits_.connect_timeout = limits_.request_timeout = std::chrono::hours(1);
  bool asked = false;
  auto kept = std::make_shared<std::vector<std::unique_ptr<http::Exchange>>>();
  AddPeer([&asked, kept](auto exchange) {
    asked = true;
    kept->push_back(std::move(exchange));
  });
  StartAll();
  HelperPool pool(1);
  LookupPeers peers(loop_, pool, identity_, limits_);
  peers.SetAddresses({http_[0]->lookupd.address()});
  ASSERT_TRUE(RunUntil([&] { return peers.HasIdentifiedPeer(); }));
  bool answered = false;
  peers.QueryChannels("t", [&answered](const Names&) { answered = true; });
  ASSERT_TRUE(RunUntil([&] { return asked; }));
  peers.Stop();
  EXPECT_TRUE(answered);
  // The pool joins here, and not in an hour.
}

TEST_F(LookupQueryTest, AnsweredOnceAlthoughAnswersComeLate) {
  limits_.request_timeout = milliseconds(20);
  AddPeerThatNeverAnswers();
  AddPeerThatNeverAnswers();
  StartAll();
  Query("t");
  ASSERT_TRUE(RunUntil([&] { return answers_ > 0; }));
  // The pool is done with both when it has looked a name up for a peer added now.
  peers_->SetAddresses({"localhost:" + std::to_string(fake_.port())});
  ASSERT_TRUE(RunUntil([&] { return fake_.accepted > 0; }));
  RunTurns(5);
  EXPECT_EQ(answers_, 1);
}

TEST_F(LookupQueryTest, NobodyToAskIsAnAnswerToo) {
  fake_.Close();
  Start();
  Query("t");
  ASSERT_TRUE(RunUntil([&] { return answers_ > 0; }));
  EXPECT_THAT(channels_, IsEmpty());
}

TEST_F(LookupQueryTest, APeerWithoutHttpAddressIsNotAsked) {
  for (const int port : {0, -1, 65536}) {
    SCOPED_TRACE(port);
    FakeLookupd fake(loop_);
    fake.Open();
    fake.http_port = port;
    Start({fake.address()});
    Settle(fake);
    EXPECT_FALSE(peers_->HasIdentifiedPeer());
    peers_.reset();
  }
}

TEST_F(LookupQueryTest, StopAnswersWhoWaits) {
  AddPeerThatNeverAnswers();
  StartAll();
  Query("t");
  RunTurns(10);
  peers_->Stop();
  EXPECT_EQ(answers_, 1);
  ASSERT_TRUE(RunUntil([&] { return http_[0]->lookupd.open_connections() == 0; }));
  http_.clear();  // the pool's thread hears the end of its connection
  peers_->SetAddresses({fake_.address()});
  peers_->TopicCreated("late");
  Query("t");
  ASSERT_TRUE(RunUntil([&] { return answers_ == 2; }));
  EXPECT_EQ(fake_.accepted, 0);
}

}  // namespace
}  // namespace nsq::nsqd
