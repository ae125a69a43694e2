// nsqd with auth servers: clients of a real daemon, and servers that misbehave.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "common/filters/tls_context.h"
#include "common/filters/tls_filter.h"
#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"
#include "tests/common/filters/test_certificates.h"
#include "tests/nsqd/daemon/auth/fake_auth_server.h"

namespace nsq::cluster {
namespace {

using nsqd::FakeAuthServer;
using testing::HasSubstr;
using testing::StartsWith;

std::string Allowing(const std::string& topic, const std::string& permissions, int ttl = 3600) {
  return StrCat(R"({"ttl":)", ttl, R"(,"identity":"me","identity_url":"","authorizations":)",
                R"([{"topic":")", topic, R"(","channels":[".*"],"permissions":[)", permissions,
                "]}]}");
}
const std::string kEverything = Allowing(".*", R"("subscribe","publish")");
const std::string kAnswer = R"({"identity":"me","identity_url":"","permission_count":1})";

class AuthTest : public ClusterTest {
 protected:
  Nsqd& AddNsqdFor(const std::vector<const FakeAuthServer*>& servers,
                   std::vector<std::string> flags = {}) {
    for (const FakeAuthServer* server : servers) {
      flags.push_back("-auth-http-address=" + server->address());
    }
    return AddNsqd(std::move(flags));
  }

  static std::string Auth(V2Client& client, std::string_view secret = "s") {
    client.Send("AUTH", secret);
    return client.Answer();
  }
};

TEST_P(AuthTest, ClientsDoWhatTheyMayAndNothingElse) {
  FakeAuthServer server(FakeAuthServer::Saying(Allowing("^t", R"("subscribe","publish")")));
  Nsqd& nsqd = AddNsqdFor({&server});
  V2Client stranger(nsqd.tcp_port());
  EXPECT_EQ(stranger.Sub("t", "c"), "E_AUTH_FIRST AUTH required before SUB");

  V2Client producer(nsqd.tcp_port());
  EXPECT_EQ(Auth(producer, "a&b"), kAnswer);
  EXPECT_THAT(server.requests().at(0),
              StartsWith("GET /auth?common_name=&remote_ip=127.0.0.1&secret=a%26b&tls=false "));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(producer.Pub(StrCat("t", i), "m"), "OK");
  for (int i = 0; i < 8; ++i) {
    V2Client consumer(nsqd.tcp_port());
    EXPECT_EQ(Auth(consumer), kAnswer);
    EXPECT_EQ(consumer.Sub(StrCat("t", i), "c"), "OK") << "whichever loop has the topic";
    consumer.Rdy(1);
    EXPECT_TRUE(consumer.Next().has_value());
  }
  EXPECT_EQ(producer.Pub("other", "m"), "E_UNAUTHORIZED AUTH failed for PUB on \"other\" \"\"");
  EXPECT_EQ(producer.Answer(), "") << "closed";
  EXPECT_EQ(nsqd.Publish("other", "m"), "OK") << "HTTP is not covered";
}

TEST_P(AuthTest, StatsNameWhoItIs) {
  FakeAuthServer server(FakeAuthServer::Saying(kEverything));
  Nsqd& nsqd = AddNsqdFor({&server});
  V2Client consumer(nsqd.tcp_port());
  EXPECT_EQ(Auth(consumer), kAnswer);
  EXPECT_EQ(consumer.Sub("t", "c"), "OK");
  EXPECT_THAT(nsqd.Get("/stats?format=json").body,
              HasSubstr(R"("user_agent":"","authed":true,"auth_identity":"me","topology_zone")"));
}

TEST_P(AuthTest, AServerThatMisbehavesIsOneErrorInTime) {
  FakeAuthServer server(FakeAuthServer::Silent());
  Nsqd& nsqd = AddNsqdFor({&server}, {"-http-client-request-timeout=300ms"});
  for (const auto& behaviour :
       {FakeAuthServer::Silent(), FakeAuthServer::HangingUp(), FakeAuthServer::Dripping(),
        FakeAuthServer::Endless(), FakeAuthServer::Saying("rubbish"),
        FakeAuthServer::Saying(kEverything, 500)}) {
    server.Become(behaviour);
    V2Client client(nsqd.tcp_port());
    EXPECT_EQ(Auth(client), "E_AUTH_FAILED AUTH failed");
    EXPECT_EQ(client.Answer(), "") << "closed";
  }
  server.Become(FakeAuthServer::Saying(kEverything));
  V2Client client(nsqd.tcp_port());
  EXPECT_EQ(Auth(client), kAnswer);
}

TEST_P(AuthTest, ADeadServerLeavesTheWorkToTheNext) {
  auto dead = std::make_unique<FakeAuthServer>(FakeAuthServer::Silent());
  FakeAuthServer alive(FakeAuthServer::Saying(kEverything));
  Nsqd& nsqd = AddNsqdFor({dead.get(), &alive}, {"-auth-http-request-method=post"});
  dead.reset();
  for (int i = 0; i < 4; ++i) {
    V2Client client(nsqd.tcp_port());
    EXPECT_EQ(Auth(client), kAnswer);
  }
  EXPECT_EQ(alive.requests().size(), 4u);
}

// The loops go on: the clients that wait are more than the threads that ask for them.
TEST_P(AuthTest, ASlowServerHoldsUpNobodyElse) {
  FakeAuthServer server(FakeAuthServer::Saying(kEverything));
  Nsqd& nsqd = AddNsqdFor({&server}, {"-http-client-request-timeout=20s"});
  V2Client producer(nsqd.tcp_port());
  EXPECT_EQ(Auth(producer), kAnswer);
  V2Client consumer(nsqd.tcp_port());
  EXPECT_EQ(Auth(consumer), kAnswer);
  EXPECT_EQ(consumer.Sub("t", "c"), "OK");
  consumer.Rdy(1);

  server.Become(FakeAuthServer::Silent());
  std::vector<std::unique_ptr<V2Client>> waiting;
  for (int i = 0; i < 40; ++i) {
    waiting.push_back(std::make_unique<V2Client>(nsqd.tcp_port()));
    waiting.back()->Send("AUTH", "s");
  }
  ASSERT_TRUE(Eventually([&] { return server.requests().size() > 10; }));
  const SteadyTime start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(producer.Pub("t", StrCat("m", i)), "OK");
    const auto message = consumer.Next();
    ASSERT_TRUE(message.has_value());
    consumer.Fin(message->id);
  }
  EXPECT_EQ(nsqd.Get("/ping").body, "OK");
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));

  const SteadyTime stop = std::chrono::steady_clock::now();
  EXPECT_EQ(nsqd.Stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - stop, seconds(10)) << "nor the stop";
}

TEST_P(AuthTest, ExpiryIsNoticedAtTheNextPublishAndNotByConsumers) {
  FakeAuthServer server(
      FakeAuthServer::Saying(Allowing(".*", R"("subscribe","publish")", /*ttl=*/1)));
  Nsqd& nsqd = AddNsqdFor({&server});
  V2Client consumer(nsqd.tcp_port());
  EXPECT_EQ(Auth(consumer, "consumer"), kAnswer);
  EXPECT_EQ(consumer.Sub("t", "c"), "OK");
  consumer.Rdy(10);
  V2Client producer(nsqd.tcp_port());
  EXPECT_EQ(Auth(producer, "producer"), kAnswer);
  ASSERT_EQ(server.requests().size(), 2u);

  // Published until the server has been asked again: at the first publish behind the second.
  const SteadyTime start = std::chrono::steady_clock::now();
  int published = 0;
  ASSERT_TRUE(Eventually([&] {
    EXPECT_EQ(producer.Pub("t", "m"), "OK");
    ++published;
    return server.requests().size() == 3;
  }));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(900));
  EXPECT_THAT(server.requests()[2], HasSubstr("secret=producer"));
  for (int i = 0; i < published; ++i) {
    const auto message = consumer.Next();
    ASSERT_TRUE(message.has_value());
    consumer.Fin(message->id);
  }
  server.Become(FakeAuthServer::Saying("", 500));
  std::string last;
  ASSERT_TRUE(Eventually([&] { return (last = producer.Pub("t", "m")) != "OK"; }));
  EXPECT_EQ(last, "E_AUTH_FAILED AUTH failed");
}

TEST_P(AuthTest, AServerOverHttpsMustShowACertificateOfTheGivenAuthorities) {
  ::unsetenv("SSL_CERT_FILE");
  const TestAuthority authority;
  TestAuthority issuing;
  const TestAuthority::Pair pair = issuing.Issue("server");
  // One that answers 404 to everything about auth: that it answers is what counts here.
  Nsqd& https = AddNsqd(
      {"-tls-cert=" + pair.cert_file, "-tls-key=" + pair.key_file, "-https-address=127.0.0.1:0"});
  const std::string address = https.process().AwaitLogged("HTTPS: listening on ");
  const std::string url = "https://localhost" + address.substr(address.rfind(':')) + "/auth";
  const auto reason = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> all = flags;
    all.push_back("-auth-http-address=" + url);
    Nsqd& nsqd = AddNsqd(all);
    V2Client client(nsqd.tcp_port());
    EXPECT_EQ(Auth(client), "E_AUTH_FAILED AUTH failed");
    return nsqd.process().AwaitLogged("failed to auth against " + url + " - ");
  };
  EXPECT_EQ(reason({"-tls-root-ca-file=" + issuing.ca_file()}), "got response 404");
  EXPECT_EQ(reason({"-tls-root-ca-file=" + issuing.ca_file(), "-tls-min-version=tls1.3"}),
            "got response 404");
  EXPECT_THAT(reason({"-tls-root-ca-file=" + authority.ca_file()}), HasSubstr("x509"));
  EXPECT_THAT(reason({}), HasSubstr("x509")) << "the system does not know it either";
}

TEST_P(AuthTest, TheServerIsToldOfTheClientsTlsAndCertificate) {
  TestAuthority authority;
  const TestAuthority::Pair own = authority.Issue("server");
  const TestAuthority::Pair theirs = authority.Issue("client", {.common_name = "the client"});
  FakeAuthServer server(FakeAuthServer::Saying(kEverything));
  Nsqd& nsqd = AddNsqdFor({&server}, {"-tls-cert=" + own.cert_file, "-tls-key=" + own.key_file,
                                      "-tls-root-ca-file=" + authority.ca_file(),
                                      "-tls-client-auth-policy=require-verify",
                                      "-tls-required=tcp-https", "-https-address="});
  V2Client client(nsqd.tcp_port());
  client.Send("IDENTIFY", R"({"feature_negotiation":true,"tls_v1":true})");
  EXPECT_THAT(client.Answer(), HasSubstr(R"("auth_required":true)"));
  TlsClientOptions options;
  options.root_ca_file = authority.ca_file();
  options.cert_file = theirs.cert_file;
  options.key_file = theirs.key_file;
  const auto context = TlsContext::ForClient(options);
  ASSERT_TRUE(context.ok()) << context.status().ToString();
  EXPECT_EQ(client.Upgrade(std::make_unique<TlsFilter>(**context, "localhost")), "OK");
  EXPECT_EQ(Auth(client), kAnswer);
  EXPECT_THAT(
      server.requests().at(0),
      StartsWith("GET /auth?common_name=the+client&remote_ip=127.0.0.1&secret=s&tls=true "));
  EXPECT_EQ(client.Pub("t", "m"), "OK");
}

INSTANTIATE_TEST_SUITE_P(, AuthTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
