// AUTH and what it lets a client do: spec, nsqd-tcp 3.7.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/nsqd/protocol/fixture.h"

namespace nsq::nsqd {
namespace {

const std::string kAll =
    R"({"ttl":3600,"identity":"me","identity_url":"http://me?a&b","authorizations":)"
    R"([{"topic":".*","channels":[".*"],"permissions":["subscribe","publish"]}]})";
const std::string kAllAnswer =
    R"(response {"identity":"me","identity_url":"http://me?a\u0026b","permission_count":1})";
const std::string kSome =
    R"({"ttl":3600,"authorizations":[{"topic":"^ok#","channels":["^$","^c$"],)"
    R"("permissions":["subscribe","publish"]}]})";
const std::string kSomeAnswer =
    R"(response {"identity":"","identity_url":"","permission_count":1})";

std::string Auth(std::string_view secret) { return "AUTH\n" + Sized(secret); }

struct SessionAuthTest : SessionTest {
  SessionAuthTest() { broker.mutable_options().auth_http_addresses = {"127.0.0.1:1"}; }

  // Waits until the auth server is asked, and answers.
  void AnswerWith(std::string_view json) {
    RunUntil([&] { return !broker.questions.empty(); }, "a question to the auth server");
    RunALittle();
    EXPECT_EQ(broker.questions.size(), 1u);
    broker.AnswerAuth(json);
  }
  // Connects, and is let in by `json`.
  void Enter(std::string_view json, const std::string& answer) {
    Connect();
    Say("  V2" + Auth("s"));
    AnswerWith(json);
    ExpectHeard({answer});
    client->Forget();
  }
};

TEST_F(SessionAuthTest, AsksWithSecretAddressAndTls) {
  Say("  V2" + Auth("s3 &cret"));
  RunUntil([&] { return !broker.questions.empty(); });
  const AuthQuestion& question = broker.questions.front().question;
  EXPECT_EQ(question.secret, "s3 &cret");
  EXPECT_EQ(question.remote_ip, "") << "a Unix socket";
  EXPECT_EQ(question.common_name, "");
  EXPECT_FALSE(question.tls);
  broker.AnswerAuth(kAll);
  ExpectHeard({kAllAnswer});
}

TEST_F(SessionAuthTest, NothingIsReadWhileTheServerIsAsked) {
  Say("  V2" + Auth("s") + Pub("ok#ephemeral", "m") + "NOP\n");
  RunUntil([&] { return !broker.questions.empty(); });
  RunALittle();
  EXPECT_TRUE(client->Heard().empty());
  EXPECT_TRUE(broker.published.empty());
  broker.AnswerAuth(kAll);
  ExpectHeard({kAllAnswer, "response OK"});
  EXPECT_EQ(broker.published.size(), 1u);
}

TEST_F(SessionAuthTest, AnswersKeepTheirOrder) {
  broker.publishing = TestBroker::Publishing::kHeld;
  Enter(kAll, kAllAnswer);
  Say(Pub("t", "m") + "IDENTIFY\n" + Sized("{}"));
  RunUntil([&] { return broker.published.size() == 1; });
  RunALittle();
  EXPECT_TRUE(client->Heard().empty());
  broker.Answer(0);
  ExpectHeard({"response OK", "response OK"});
}

TEST_F(SessionAuthTest, RefusalsOfTheCommandItself) {
  const struct {
    std::string says;
    std::string hears;
  } rows[] = {
      {"AUTH x\n", "error E_INVALID AUTH invalid number of parameters"},
      {"AUTH \n", "error E_INVALID AUTH invalid number of parameters"},
      {"AUTH\n" + Int(0), "error E_BAD_BODY AUTH invalid body size 0"},
      {"AUTH\n" + Int(-1), "error E_BAD_BODY AUTH invalid body size -1"},
      {"AUTH\n" + Int(5242881), "error E_BAD_BODY AUTH body too big 5242881 > 5242880"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.hears);
    Connect();
    Say("  V2" + row.says);
    ExpectHeardAndClosed({row.hears});
  }
  EXPECT_TRUE(broker.questions.empty());
  Enter(kAll, kAllAnswer);
  Say(Auth("again"));
  ExpectHeardAndClosed({"error E_INVALID AUTH already set"});
}

TEST_F(SessionAuthTest, WithoutAnAuthServerItIsDisabledAndNotNeeded) {
  broker.mutable_options().auth_http_addresses.clear();
  Say("  V2" + Pub("t", "m"));
  ExpectHeard({"response OK"});
  client->Forget();
  Say(Auth("s"));
  ExpectHeardAndClosed({"error E_AUTH_DISABLED AUTH disabled"});
}

TEST_F(SessionAuthTest, AServerThatFailsIsNotExplained) {
  for (const std::string_view json : {"", "<html>", R"({"ttl":0})"}) {
    Connect();
    Say("  V2" + Auth("s"));
    AnswerWith(json);
    ExpectHeardAndClosed({"error E_AUTH_FAILED AUTH failed"});
  }
}

TEST_F(SessionAuthTest, WhoMayDoNothingIsTurnedAway) {
  Connect();
  Say("  V2" + Auth("s"));
  AnswerWith(R"({"ttl":1,"authorizations":[]})");
  ExpectHeardAndClosed({"error E_UNAUTHORIZED AUTH no authorizations found"});
}

TEST_F(SessionAuthTest, EveryCommandThatNeedsItSaysSo) {
  const struct {
    std::string says;
    std::string hears;
  } rows[] = {
      {"SUB t c\n", "error E_AUTH_FIRST AUTH required before SUB"},
      {Pub("t", "m"), "error E_AUTH_FIRST AUTH required before PUB"},
      {Mpub("t", {"m"}), "error E_AUTH_FIRST AUTH required before MPUB"},
      {"MPUB t\n", "error E_AUTH_FIRST AUTH required before MPUB"},
      {"DPUB t 1\n" + Sized("m"), "error E_AUTH_FIRST AUTH required before DPUB"},
      {"PUB t!\n", "error E_BAD_TOPIC PUB topic name \"t!\" is not valid"},
      {"SUB t\n", "error E_INVALID SUB insufficient number of parameters"},
      {"PUB t\n" + Int(0), "error E_BAD_MESSAGE PUB invalid message body size 0"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.hears);
    Connect();
    Say("  V2NOP\n" + row.says);
    ExpectHeardAndClosed({row.hears});
  }
  EXPECT_TRUE(broker.published.empty());
  EXPECT_TRUE(broker.ensured.empty()) << "not even the topic of an MPUB";
}

TEST_F(SessionAuthTest, WhatIsAllowedWorksAndTheRestIsRefused) {
  Enter(kSome, kSomeAnswer);
  Say(Pub("ok#ephemeral", "1") + Pub("ok#ephemeral", "2") + Mpub("ok#ephemeral", {"3"}) +
      "DPUB ok#ephemeral 1\n" + Sized("4"));
  ExpectHeard({"response OK", "response OK", "response OK", "response OK"});
  client->Forget();
  Say("SUB ok#ephemeral c\n");
  ExpectHeard({"response OK"});

  const struct {
    std::string says;
    std::string hears;
  } rows[] = {
      {"SUB ok#ephemeral cc\n",
       "error E_UNAUTHORIZED AUTH failed for SUB on \"ok#ephemeral\" \"cc\""},
      {"SUB no c\n", "error E_UNAUTHORIZED AUTH failed for SUB on \"no\" \"c\""},
      {Pub("no", "m"), "error E_UNAUTHORIZED AUTH failed for PUB on \"no\" \"\""},
      {Mpub("no", {"m"}), "error E_UNAUTHORIZED AUTH failed for MPUB on \"no\" \"\""},
      {"DPUB no 1\n" + Sized("m"), "error E_UNAUTHORIZED AUTH failed for DPUB on \"no\" \"\""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.hears);
    Enter(kSome, kSomeAnswer);
    Say(Pub("ok#ephemeral", "m") + row.says);
    ExpectHeardAndClosed({"response OK", row.hears});
  }
}

// A ttl of a second is the shortest there is.
TEST_F(SessionAuthTest, WhatHasExpiredIsAskedForAgain) {
  Enter(
      R"({"ttl":1,"authorizations":[{"topic":".*","channels":[".*"],"permissions":["publish"]}]})",
      kSomeAnswer);
  Say(Pub("t", "1"));
  ExpectHeard({"response OK"});
  const SteadyTime expired = std::chrono::steady_clock::now() + seconds(1);
  RunUntil([&] { return std::chrono::steady_clock::now() >= expired; });
  EXPECT_TRUE(broker.questions.empty()) << "nobody needs it";
  client->Forget();
  broker.ForgetPublished();

  // Whatever it is that needs it, it is done once, after the answer.
  for (const std::string& says : {Pub("t", "2"), Mpub("t", {"2"}), "DPUB t 1\n" + Sized("2")}) {
    Enter(
        R"({"ttl":1,"authorizations":[{"topic":"t","channels":[".*"],"permissions":["publish"]}]})",
        kSomeAnswer);
    const SteadyTime then = std::chrono::steady_clock::now() + seconds(1);
    RunUntil([&] { return std::chrono::steady_clock::now() >= then; });
    broker.ForgetPublished();
    Say(says + Pub("t", "3"));
    RunUntil([&] { return !broker.questions.empty(); });
    RunALittle();
    EXPECT_TRUE(broker.published.empty());
    EXPECT_EQ(broker.questions.front().question.secret, "s");
    broker.AnswerAuth(kAll);
    ExpectHeard({"response OK", "response OK"});
    ASSERT_EQ(broker.published.size(), 2u);
    EXPECT_EQ(broker.published[0].bodies, std::vector<std::string>{"2"});
    EXPECT_EQ(broker.published[1].bodies, std::vector<std::string>{"3"});
    broker.ForgetPublished();
  }
}

TEST_F(SessionAuthTest, WhatWasTakenAwayIsMissedAtTheNextCommand) {
  const std::string brief =
      R"({"ttl":1,"authorizations":[{"topic":".*","channels":[".*"],"permissions":["publish"]}]})";
  const struct {
    std::string_view answer;
    std::string hears;
  } rows[] = {
      {"", "error E_AUTH_FAILED AUTH failed"},
      {R"({"ttl":1,"authorizations":[]})",
       "error E_UNAUTHORIZED AUTH failed for PUB on \"t\" \"\""},
      {kSome, "error E_UNAUTHORIZED AUTH failed for PUB on \"t\" \"\""},
  };
  for (const auto& row : rows) {
    Enter(brief, kSomeAnswer);
    Say(Pub("t", "1"));
    ExpectHeard({"response OK"});
    client->Forget();
    const SteadyTime expired = std::chrono::steady_clock::now() + seconds(1);
    RunUntil([&] { return std::chrono::steady_clock::now() >= expired; });
    Say(Pub("t", "2"));
    AnswerWith(row.answer);
    ExpectHeardAndClosed({row.hears});
  }
}

TEST_F(SessionAuthTest, AClientThatLeavesOrIsStoppedGetsNoAnswer) {
  Say("  V2" + Auth("s"));
  RunUntil([&] { return broker.questions.size() == 1; });
  session->Stop();
  RunUntil([&] { return broker.ended == 1; });
  broker.AnswerAuth(kAll);

  Connect();
  Say("  V2" + Auth("s"));
  RunUntil([&] { return broker.questions.size() == 1; });
  client->Drop();
  RunALittle();
  broker.AnswerAuth(kAll);
  // Nobody is there to be pumped but the loop.
  for (int i = 0; i < 1000 && broker.ended < 2; ++i) broker.loop().RunOnce(false);
  EXPECT_EQ(broker.ended, 2);
}

TEST_F(SessionAuthTest, IdentifyTellsThatItIsRequired) {
  Say("  V2" + Identify(R"({"feature_negotiation":true})"));
  RunUntil([&] { return !client->Heard().empty(); });
  EXPECT_NE(client->Heard()[0].find(R"("auth_required":true)"), std::string::npos);
}

TEST_F(SessionAuthTest, StatsTellWhoItIs) {
  EXPECT_FALSE(session->Describe().authed);
  Enter(kAll, kAllAnswer);
  const ClientStats stats = session->Describe();
  EXPECT_TRUE(stats.authed);
  EXPECT_EQ(stats.auth_identity, "me");
  EXPECT_EQ(stats.auth_identity_url, "http://me?a&b");
}

}  // namespace
}  // namespace nsq::nsqd
