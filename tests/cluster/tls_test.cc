// nsqd with TLS and compression, on its TCP and its HTTPS port: clients of a real daemon, good and
// bad certificates, and certificates that change while it runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/filters/deflate_filter.h"
#include "common/filters/snappy_filter.h"
#include "common/filters/tls_context.h"
#include "common/filters/tls_filter.h"
#include "common/http/client.h"
#include "common/strings.h"
#include "tests/cluster/cluster_fixture.h"
#include "tests/common/filters/test_certificates.h"

namespace nsq::cluster {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

enum class Compression { kNone, kSnappy, kDeflate };

class TlsTest : public ClusterTest {
 protected:
  TlsTest() : server_(authority_.Issue("server")) {}

  Nsqd& AddTlsNsqd(std::vector<std::string> flags = {}) {
    flags.push_back("-tls-cert=" + server_.cert_file);
    flags.push_back("-tls-key=" + server_.key_file);
    flags.push_back("-tls-root-ca-file=" + authority_.ca_file());
    flags.emplace_back("-https-address=127.0.0.1:0");
    // What the fixture's HTTP client trusts when it is sent to https.
    ::setenv("SSL_CERT_FILE", authority_.ca_file().c_str(), 1);
    return AddNsqd(std::move(flags));
  }

  TlsClientOptions Trusting(const TestAuthority& authority) {
    TlsClientOptions options;
    options.root_ca_file = authority.ca_file();
    return options;
  }
  TlsClientOptions With(TlsClientOptions options, const TestAuthority::Pair& pair) {
    options.cert_file = pair.cert_file;
    options.key_file = pair.key_file;
    return options;
  }
  static std::unique_ptr<StreamFilter> Tls(const TlsClientOptions& options) {
    auto context = TlsContext::ForClient(options);
    EXPECT_TRUE(context.ok()) << context.status().ToString();
    return std::make_unique<TlsFilter>(**context, "localhost");
  }
  // What the IDENTIFY with these fields is answered.
  static std::string Identify(V2Client& client, const std::string& fields) {
    client.Send("IDENTIFY", "{\"feature_negotiation\":true," + fields + "}");
    return client.Answer();
  }
  // What a client of these options hears.
  std::string Connect(const Nsqd& nsqd, const TlsClientOptions& options) {
    V2Client client(nsqd.tcp_port());
    EXPECT_THAT(Identify(client, R"("tls_v1":true)"), HasSubstr(R"("tls_v1":true)"));
    return client.Upgrade(Tls(options));
  }
  std::unique_ptr<V2Client> Layered(const Nsqd& nsqd, bool tls, Compression compression) {
    auto client = std::make_unique<V2Client>(nsqd.tcp_port());
    const std::string fields =
        StrCat(R"("tls_v1":)", tls ? "true" : "false", R"(,"snappy":)",
               compression == Compression::kSnappy ? "true" : "false", R"(,"deflate":)",
               compression == Compression::kDeflate ? "true" : "false");
    EXPECT_THAT(Identify(*client, fields), StartsWith("{"));
    if (tls) {
      EXPECT_EQ(client->Upgrade(Tls(Trusting(authority_))), "OK");
    }
    if (compression == Compression::kSnappy) {
      EXPECT_EQ(client->Upgrade(std::make_unique<SnappyFilter>()), "OK");
    } else if (compression == Compression::kDeflate) {
      EXPECT_EQ(client->Upgrade(std::make_unique<DeflateFilter>(6)), "OK");
    }
    return client;
  }

  std::string HttpsUrl(Nsqd& nsqd) {
    const std::string address = nsqd.process().AwaitLogged("HTTPS: listening on ");
    return "https://localhost" + address.substr(address.rfind(':'));
  }
  http::Response Https(const std::string& url, http::TlsOptions tls) {
    http::ClientOptions options;
    options.request_timeout = kPatience;
    options.tls = std::move(tls);
    auto answer = http::Client(options).Get(url);
    return answer.ok() ? *answer : http::Response{0, answer.status().detail()};
  }
  http::Response Https(const std::string& url) { return Https(url, authority_); }
  http::Response Https(const std::string& url, const TestAuthority& authority) {
    http::TlsOptions tls;
    tls.ca_file = authority.ca_file();
    return Https(url, std::move(tls));
  }

  // Everything that is said to these bytes.
  static std::string RawHttp(uint16_t port, std::string_view request) {
    V2Client client(port, request);
    return client.RawUntilEnd();
  }

  TestAuthority authority_;
  TestAuthority::Pair server_;
};

// With four loops most consumers move to their topic's loop with their layers in mid-stream.
TEST_P(TlsTest, EveryLayerCarriesMessagesToEveryLoop) {
  Nsqd& nsqd = AddTlsNsqd();
  for (const bool tls : {false, true}) {
    for (const Compression compression :
         {Compression::kNone, Compression::kSnappy, Compression::kDeflate}) {
      SCOPED_TRACE(StrCat(tls ? "tls, " : "", "compression ", static_cast<int>(compression)));
      const auto producer = Layered(nsqd, tls, compression);
      for (int i = 0; i < 6; ++i) {
        const std::string topic = StrCat(tls ? "s" : "p", static_cast<int>(compression), "_", i);
        const auto consumer = Layered(nsqd, tls, compression);
        ASSERT_EQ(consumer->Sub(topic, "c"), "OK");
        consumer->Rdy(3);
        for (size_t size = 1; size < 700'000; size *= 9) {
          const std::string body(size, static_cast<char>('a' + i));
          ASSERT_EQ(producer->Pub(topic, body), "OK");
          ASSERT_EQ(consumer->Pub(topic, body), "OK");
          for (int k = 0; k < 2; ++k) {
            const auto message = consumer->Next();
            ASSERT_TRUE(message.has_value());
            ASSERT_EQ(message->body, body);
            consumer->Fin(message->id);
          }
        }
        if (i > 0) continue;
        const std::string stats = nsqd.Get("/stats?format=json&topic=" + topic).body;
        EXPECT_THAT(stats,
                    HasSubstr(StrCat(
                        R"("deflate":)", compression == Compression::kDeflate ? "true" : "false",
                        R"(,"snappy":)", compression == Compression::kSnappy ? "true" : "false")));
        EXPECT_THAT(stats, HasSubstr(tls ? R"("tls":true,"tls_cipher_suite":"Unknown 486)"
                                         : R"("tls":false,"tls_cipher_suite":"")"));
        EXPECT_THAT(stats, HasSubstr(StrCat(R"("tls_version":")", tls ? "TLS1.3" : "", "\"")));
      }
    }
  }
  EXPECT_EQ(nsqd.Stop(), 0);
}

TEST_P(TlsTest, ClientCertificatesByPolicy) {
  TestAuthority stranger;
  const TlsClientOptions none = Trusting(authority_);
  const auto known = With(none, authority_.Issue("known"));
  const auto unknown = With(none, stranger.Issue("unknown"));
  const auto expired =
      With(none, authority_.Issue("expired", {.valid_from_s = -7200, .valid_to_s = -3600}));
  const std::string failed = "E_IDENTIFY_FAILED IDENTIFY failed tls: ";

  Nsqd& require = AddTlsNsqd({"-tls-client-auth-policy=require", "-tls-required=tcp-https"});
  EXPECT_EQ(Connect(require, none), failed + "client didn't provide a certificate");
  EXPECT_EQ(Connect(require, unknown), "OK");
  EXPECT_EQ(Connect(require, expired), "OK");
  EXPECT_EQ(Connect(require, known), "OK");

  Nsqd& verify = AddTlsNsqd({"-tls-client-auth-policy=require-verify", "-tls-required=tcp-https"});
  EXPECT_EQ(Connect(verify, none), failed + "client didn't provide a certificate");
  EXPECT_EQ(Connect(verify, unknown),
            failed + "failed to verify certificate: x509: certificate signed by unknown authority");
  EXPECT_EQ(
      Connect(verify, expired),
      failed + "failed to verify certificate: x509: certificate has expired or is not yet valid");
  EXPECT_EQ(Connect(verify, known), "OK");

  const std::string url = HttpsUrl(verify) + "/ping";
  EXPECT_EQ(Https(url).status, 0);
  http::TlsOptions options;
  options.ca_file = authority_.ca_file();
  options.cert_file = known.cert_file;
  options.key_file = known.key_file;
  EXPECT_EQ(Https(url, options).body, "OK");
}

TEST_P(TlsTest, AClientThatDoesNotTrustTheServerSaysSo) {
  TestAuthority stranger;
  Nsqd& nsqd = AddTlsNsqd();
  EXPECT_EQ(Connect(nsqd, Trusting(stranger)),
            "E_IDENTIFY_FAILED IDENTIFY failed remote error: tls: unknown certificate authority");
}

TEST_P(TlsTest, TheLeastVersionHolds) {
  Nsqd& nsqd = AddTlsNsqd({"-tls-min-version=tls1.3"});
  EXPECT_EQ(Connect(nsqd, Trusting(authority_)), "OK");
  EXPECT_EQ(Https(HttpsUrl(nsqd) + "/config/tls_min_version").body, "772");
}

TEST_P(TlsTest, RequiredInItsThreeForms) {
  const std::string refused = "E_INVALID cannot PUB in current state (TLS required)";
  const struct {
    std::string flag;
    std::string plain_pub;
    std::string shown;
    bool plain_http;
  } kForms[] = {
      {"-tls-required=false", "OK", "0", true},
      {"-tls-required=tcp-https", refused, "1", true},
      {"-tls-required=true", refused, "2", false},
      {"-tls-client-auth-policy=whatever", refused, "2", false},
  };
  for (const auto& form : kForms) {
    SCOPED_TRACE(form.flag);
    Nsqd& nsqd = AddTlsNsqd({form.flag});
    V2Client plain(nsqd.tcp_port());
    EXPECT_EQ(plain.Pub("t", "m"), form.plain_pub);
    EXPECT_EQ(Layered(nsqd, true, Compression::kNone)->Pub("t", "m"), "OK");
    const std::string https = HttpsUrl(nsqd);
    EXPECT_EQ(Https(https + "/config/tls_required").body, form.shown);

    if (!form.plain_http) {
      const std::string body = StrCat(R"({"message": "TLS_REQUIRED", "https_port": )",
                                      https.substr(https.rfind(':') + 1), "}");
      const std::string got = RawHttp(nsqd.http_port(), "GET /nothing HTTP/1.0\r\n\r\n");
      EXPECT_THAT(got,
                  AllOf(StartsWith("HTTP/1.0 403 Forbidden\r\n"), EndsWith("\r\n\r\n" + body)));
      EXPECT_THAT(RawHttp(nsqd.http_port(), "HEAD /ping HTTP/1.0\r\n\r\n"),
                  AllOf(HasSubstr("403 Forbidden"), EndsWith("\r\n\r\n")));
    }
    // The tools' rule: a 403 with a port is asked again there, which the fixture's client does.
    EXPECT_EQ(nsqd.Get("/ping").body, "OK");
    // Without a way to trust that port it ends there.
    http::ClientOptions options;
    TestAuthority stranger;
    options.tls.ca_file = stranger.ca_file();
    const auto answer =
        http::Client(options).Get(StrCat("http://127.0.0.1:", nsqd.http_port(), "/ping"));
    EXPECT_EQ(answer.ok() && answer->body == "OK", form.plain_http);
  }
}

TEST_P(TlsTest, HttpsServesAllThatHttpDoes) {
  Nsqd& nsqd = AddTlsNsqd();
  const std::string url = HttpsUrl(nsqd);
  http::ClientOptions options;
  options.request_timeout = kPatience;
  options.tls.ca_file = authority_.ca_file();
  http::Client client(options);
  const std::string body(900'000, 'x');
  for (int i = 0; i < 8; ++i) {
    auto answer = client.Post(StrCat(url, "/pub?topic=t", i), body);
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    EXPECT_EQ(answer->body, "OK");
    EXPECT_EQ(Drain(nsqd.tcp_port(), StrCat("t", i), "c", 1), std::vector<std::string>{body});
  }
  EXPECT_THAT(Https(url + "/stats?format=json").body, StartsWith("{\"version\":"));
  EXPECT_EQ(Https(url + "/nothing").status, 404);
}

TEST_P(TlsTest, OldConnectionsStayAndNewOnesGetTheNewCertificateAfterSighup) {
  Nsqd& nsqd = AddTlsNsqd();
  const std::string https = HttpsUrl(nsqd) + "/ping";
  const auto old_client = Layered(nsqd, true, Compression::kDeflate);
  EXPECT_EQ(old_client->Pub("t", "before"), "OK");

  TestAuthority successor;
  const auto next = successor.Issue("next");
  const auto replace = [](const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  };
  replace(next.cert_file, server_.cert_file);
  replace(next.key_file, server_.key_file);
  EXPECT_EQ(Connect(nsqd, Trusting(authority_)), "OK") << "not before it is told to";
  nsqd.process().Signal(SIGHUP);
  nsqd.process().AwaitLogged("TLS: certificates reloaded");
  ASSERT_TRUE(Eventually([&] { return Connect(nsqd, Trusting(successor)) == "OK"; }));
  ASSERT_TRUE(Eventually([&] { return Https(https, successor).body == "OK"; }));
  EXPECT_EQ(old_client->Pub("t", "after"), "OK");

  // Bad ones change nothing.
  authority_.Write("server.pem", "rubbish");
  nsqd.process().Signal(SIGHUP);
  EXPECT_EQ(
      nsqd.process().AwaitLogged("TLS: certificates not reloaded, the old ones stay - "),
      StrCat("tls: failed to find any PEM data in certificate input (cert ", server_.cert_file,
             ", key ", server_.key_file, ", authorities ", authority_.ca_file(), ")"));
  EXPECT_EQ(Connect(nsqd, Trusting(successor)), "OK");
  EXPECT_EQ(old_client->Pub("t", "still"), "OK");
  EXPECT_EQ(nsqd.Stop(), 0);
}

TEST_P(TlsTest, WhoSpeaksTheWrongProtocolIsToldSoAndDisturbsNobody) {
  Nsqd& nsqd = AddTlsNsqd();
  const auto producer = Layered(nsqd, true, Compression::kSnappy);
  const std::string url = HttpsUrl(nsqd);
  uint16_t https_port = 0;
  ASSERT_TRUE(ParseInt(url.substr(url.rfind(':') + 1), &https_port));

  // TLS to the TCP port without asking first.
  V2Client hello(nsqd.tcp_port(), std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8));
  EXPECT_EQ(hello.Answer(), "E_BAD_PROTOCOL");
  // HTTP and V2 to the HTTPS port.
  EXPECT_THAT(Https(StrCat("http://localhost:", https_port, "/ping")).status, 400);
  V2Client v2(https_port);
  EXPECT_EQ(v2.Answer(), "");
  // A handshake that breaks off.
  for (int i = 0; i < 20; ++i) {
    V2Client half(https_port, std::string("\x16\x03\x01\x02", 4));
    V2Client other(nsqd.tcp_port());
    (void)Identify(other, R"("tls_v1":true)");
    other.SendRaw(std::string("\x16\x03\x01\x02", 4));
  }
  EXPECT_EQ(producer->Pub("t", "m"), "OK");
  EXPECT_EQ(Https(url + "/ping").body, "OK");
  EXPECT_EQ(nsqd.Stop(), 0) << "with handshakes under way";
}

TEST_P(TlsTest, DamagedStreamsEndTheirConnectionsOnly) {
  Nsqd& nsqd = AddTlsNsqd();
  for (const bool tls : {false, true}) {
    for (const Compression compression : {Compression::kSnappy, Compression::kDeflate}) {
      const auto client = Layered(nsqd, tls, compression);
      EXPECT_EQ(client->Pub("t", "m"), "OK");
      client->SendRaw("\x07\x07\x07\x07 garbage");
      EXPECT_EQ(client->Answer(), "") << "closed without a word";
    }
  }
  EXPECT_EQ(nsqd.Get("/ping").body, "OK");
}

// Forty megabytes in some tens of kilobytes, at once from several clients.
TEST_P(TlsTest, BombsAreWorkedOffWhileOthersAreServed) {
  Nsqd& nsqd = AddTlsNsqd();
  const auto other = Layered(nsqd, false, Compression::kNone);
  std::vector<std::unique_ptr<V2Client>> bombers;
  std::string nops;
  while (nops.size() < 8'000'000) nops += "NOP\n";
  for (int i = 0; i < 5; ++i) {
    bombers.push_back(Layered(nsqd, false, Compression::kDeflate));
    DeflateFilter filter(9);
    Buffer bomb;
    ASSERT_TRUE(filter.Encode(nops, &bomb).ok());
    ASSERT_LT(bomb.size(), 40'000u);
    ASSERT_TRUE(bombers.back()->SendRaw(bomb.view()));
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(other->Pub("t", "m"), "OK");
  for (const auto& bomber : bombers) EXPECT_EQ(bomber->Pub("t", "behind"), "OK");
}

INSTANTIATE_TEST_SUITE_P(, TlsTest, testing::Values(1, 4), LoopsName);

}  // namespace
}  // namespace nsq::cluster
