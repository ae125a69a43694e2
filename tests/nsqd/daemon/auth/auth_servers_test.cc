#include "nsqd/daemon/auth/auth_servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <thread>

#include "common/event/address.h"
#include "common/strings.h"
#include "tests/nsqd/daemon/auth/fake_auth_server.h"

namespace nsq::nsqd {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kAnswer =
    R"({"ttl":60,"identity":"me","authorizations":[{"topic":".*","channels":[".*"],)"
    R"("permissions":["publish"]}]})";
const AuthQuestion kQuestion = {"s&c ret", "10.1.2.3", "cn", false};

AuthConfig Hasty(std::vector<std::string> addresses) {
  AuthConfig config;
  config.addresses = std::move(addresses);
  config.request_timeout = milliseconds(300);
  return config;
}

std::string DeadAddress() {
  const auto fd = Listen({"127.0.0.1", 0, ""});
  return JoinHostPort("127.0.0.1", BoundPort(fd->get()));
}

TEST(AuthServersTest, GetSaysEverythingInTheQuery) {
  FakeAuthServer server(FakeAuthServer::Saying(kAnswer));
  AuthServers servers(Hasty({server.address()}));
  const auto answer = servers.Ask(kQuestion);
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ((*answer)->identity(), "me");
  ASSERT_EQ(server.requests().size(), 1u);
  const std::string request = server.requests()[0];
  EXPECT_THAT(request, StartsWith("GET /auth?common_name=cn&remote_ip=10.1.2.3&secret=s%26c+ret&"
                                  "tls=false HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Accept: application/vnd.nsq; version=1.0\r\n"));
  EXPECT_THAT(request, HasSubstr("User-Agent: Go-http-client/1.1\r\n"));
}

TEST(AuthServersTest, PostSaysItInJsonListsOfOne) {
  FakeAuthServer server(FakeAuthServer::Saying(kAnswer));
  AuthConfig config = Hasty({server.address()});
  config.post = true;
  AuthServers servers(config);
  ASSERT_TRUE(servers.Ask({"s\"3<", "", "", true}).ok());
  const std::string request = server.requests().at(0);
  EXPECT_THAT(request, StartsWith("POST /auth HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(request, EndsWith("\r\n\r\n{\"common_name\":[\"\"],\"remote_ip\":[\"\"],"
                                "\"secret\":[\"s\\\"3\\u003c\"],\"tls\":[\"true\"]}"));
}

TEST(AuthServersTest, AUrlIsTakenAsItStands) {
  FakeAuthServer server(FakeAuthServer::Saying(kAnswer));
  AuthServers servers(Hasty({"http://" + server.address() + "/my/path?x=1"}));
  ASSERT_TRUE(servers.Ask({}).ok());
  // A second '?', as the original.
  EXPECT_THAT(server.requests().at(0),
              StartsWith("GET /my/path?x=1?common_name=&remote_ip=&secret=&tls=false HTTP/1.1"));
}

TEST(AuthServersTest, TheNextOneIsAskedWhenOneFails) {
  FakeAuthServer bad(FakeAuthServer::Saying("no", 500));
  FakeAuthServer good(FakeAuthServer::Saying(kAnswer));
  AuthServers servers(Hasty({bad.address(), DeadAddress(), good.address()}));
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(servers.Ask(kQuestion).ok());
  EXPECT_EQ(good.requests().size(), 6u);
  EXPECT_LT(bad.requests().size(), 6u) << "it is not always the first";
  EXPECT_GT(bad.requests().size(), 0u);
}

TEST(AuthServersTest, WhenAllFailTheLogLearnsWhyButNotTheSecret) {
  FakeAuthServer bad(FakeAuthServer::Saying("no", 500));
  const std::string dead = DeadAddress();
  AuthServers servers(Hasty({bad.address(), dead}));
  const auto answer = servers.Ask(kQuestion);
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.status().detail(), HasSubstr(bad.address() + " - got response 500"));
  EXPECT_THAT(answer.status().detail(), HasSubstr("connection refused"));
  EXPECT_THAT(answer.status().detail(), HasSubstr("Get \"http://" + dead + "/auth\": dial tcp"));
  EXPECT_THAT(answer.status().detail(), Not(HasSubstr("s%26c+ret")));
  EXPECT_THAT(answer.status().detail(), Not(HasSubstr("s&c ret")));
}

TEST(AuthServersTest, ASecretThatARedirectRepeatsIsBlankedToo) {
  const std::string dead = DeadAddress();
  FakeAuthServer moved(FakeAuthServer::Saying(
      "", 302, "Location: http://" + dead + "/x?secret=abc&y=a-longer-secret\r\n"));
  AuthServers servers(Hasty({moved.address()}));
  EXPECT_THAT(servers.Ask({"abc", "", "", false}).status().detail(),
              HasSubstr("/x?secret=***&y=a-longer-secret"));
  EXPECT_THAT(servers.Ask({"a-longer-secret", "", "", false}).status().detail(),
              HasSubstr("&y=***"));
}

TEST(AuthServersTest, NoAnswerTakesLongerThanItMay) {
  for (const FakeAuthServer::Behaviour& behaviour :
       {FakeAuthServer::Silent(), FakeAuthServer::Dripping(), FakeAuthServer::Endless(),
        FakeAuthServer::HangingUp(), FakeAuthServer::SayingRaw("\x16\x03\x01 what"),
        FakeAuthServer::SayingRaw("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"ttl\":1"),
        FakeAuthServer::Saying("<html>it works</html>"), FakeAuthServer::Saying(kAnswer, 201),
        FakeAuthServer::Saying(kAnswer, 403), FakeAuthServer::Saying("", 301, "Location: /a\r\n"),
        FakeAuthServer::Saying("", 302, "Location: ftp://x/\r\n"),
        FakeAuthServer::Saying(std::string(AuthServers::kMaxAnswerBytes + 1, ' ') + kAnswer)}) {
    FakeAuthServer server(behaviour);
    AuthServers servers(Hasty({server.address()}));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(servers.Ask(kQuestion).ok());
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
  }
}

TEST(AuthServersTest, ARedirectIsFollowed) {
  FakeAuthServer good(FakeAuthServer::Saying(kAnswer));
  FakeAuthServer moved(
      FakeAuthServer::Saying("", 302, "Location: http://" + good.address() + "/new\r\n"));
  AuthServers servers(Hasty({moved.address()}));
  EXPECT_TRUE(servers.Ask(kQuestion).ok());
  EXPECT_THAT(good.requests().at(0), StartsWith("GET /new HTTP/1.1\r\n"));
}

TEST(AuthServersTest, AbortEndsACallUnderWay) {
  FakeAuthServer server(FakeAuthServer::Silent());
  AuthConfig config = Hasty({server.address()});
  config.request_timeout = seconds(60);
  AuthServers servers(config);
  std::thread asking([&] { EXPECT_FALSE(servers.Ask(kQuestion).ok()); });
  while (server.requests().empty()) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  servers.Abort();
  asking.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  EXPECT_FALSE(servers.Ask(kQuestion).ok());
  EXPECT_EQ(server.requests().size(), 1u);
}

}  // namespace
}  // namespace nsq::nsqd
