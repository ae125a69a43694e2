#include "common/filters/tls_filter.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "common/filters/tls_context.h"
#include "tests/common/filters/pipe.h"
#include "tests/common/filters/test_certificates.h"

namespace nsq {
namespace {

using Context = std::shared_ptr<const TlsContext>;

// Two filters, and the bytes under way between them.
struct Wire {
  Wire(const Context& server_context, const Context& client_context, std::string_view name = {})
      : server(*server_context), client(*client_context, name) {
    Buffer hello;
    EXPECT_TRUE(client.Start(&hello).ok());
    to_server = hello.view();
  }

  // Carries bytes to and fro, `piece` at a time, until nothing more is said.
  void Settle(size_t piece = 1 << 20) {
    while (!to_server.empty() || !to_client.empty()) {
      Carry(&to_server, server, &to_client, &server_heard, &server_status, piece);
      Carry(&to_client, client, &to_server, &client_heard, &client_status, piece);
    }
  }

  static void Carry(std::string* bytes, TlsFilter& to, std::string* answer, std::string* heard,
                    Status* status, size_t piece) {
    while (!bytes->empty()) {
      const std::string some = bytes->substr(0, piece);
      bytes->erase(0, piece);
      const Decoded decoded = DecodeAll(to, some);
      *answer += decoded.reply;
      *heard += decoded.inner;
      if (status->ok()) *status = decoded.status;
    }
  }

  TlsFilter server;
  TlsFilter client;
  std::string to_server;
  std::string to_client;
  std::string server_heard;
  std::string client_heard;
  Status server_status;
  Status client_status;
};

class TlsFilterTest : public testing::Test {
 protected:
  TlsServerOptions ServerOptions() {
    const auto pair = authority_.Issue("server");
    TlsServerOptions options;
    options.cert_file = pair.cert_file;
    options.key_file = pair.key_file;
    options.root_ca_file = authority_.ca_file();
    return options;
  }
  TlsClientOptions ClientOptions() {
    TlsClientOptions options;
    options.root_ca_file = authority_.ca_file();
    return options;
  }
  static Context Make(const TlsServerOptions& options) {
    auto made = TlsContext::ForServer(options);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return *made;
  }
  static Context Make(const TlsClientOptions& options) {
    auto made = TlsContext::ForClient(options);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return *made;
  }
  Context Server() { return Make(ServerOptions()); }
  Context Client() { return Make(ClientOptions()); }

  // Why the server refuses a client; empty if it does not.
  std::string Refusal(const TlsServerOptions& server, const TlsClientOptions& client) {
    Wire wire(Make(server), Make(client));
    wire.Settle();
    EXPECT_EQ(wire.server.ready(), wire.server_status.ok());
    return wire.server_status.detail();
  }

  TestAuthority authority_;
};

TEST_F(TlsFilterTest, TheyShakeHandsAndTalkWhereverTheBytesAreCut) {
  for (const size_t piece : {1u, 2u, 3u, 7u, 100u, 1u << 20}) {
    Wire wire(Server(), Client(), "localhost");
    EXPECT_FALSE(wire.server.ready());
    wire.Settle(piece);
    ASSERT_TRUE(wire.server.ready() && wire.client.ready()) << wire.client_status.ToString();
    wire.to_client = Encoded(wire.server, "hello");
    wire.to_server = Encoded(wire.client, "world");
    wire.Settle(piece);
    EXPECT_EQ(wire.client_heard, "hello");
    EXPECT_EQ(wire.server_heard, "world");
  }
}

TEST_F(TlsFilterTest, LargeThingsPassInBothDirections) {
  Wire wire(Server(), Client());
  wire.Settle();
  const std::string text = Mixture(250'000, 1);
  wire.to_client = Encoded(wire.server, text);
  wire.to_server = Encoded(wire.client, text + "!");
  wire.Settle(100'000);
  EXPECT_EQ(wire.client_heard, text);
  EXPECT_EQ(wire.server_heard, text + "!");
}

TEST_F(TlsFilterTest, EveryVersionFromTheLeastOn) {
  const TlsVersion kVersions[] = {TlsVersion::k1_0, TlsVersion::k1_1, TlsVersion::k1_2,
                                  TlsVersion::k1_3};
  const std::string kNames[] = {"TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3"};
  for (const TlsVersion least : kVersions) {
    TlsServerOptions server = ServerOptions();
    server.min_version = least;
    TlsClientOptions client = ClientOptions();
    client.min_version = TlsVersion::k1_0;
    Wire wire(Make(server), Make(client));
    wire.Settle();
    ASSERT_TRUE(wire.server.ready()) << wire.server_status.ToString();
    EXPECT_EQ(wire.server.session().version, kNames[3]) << "the best that both speak";
    EXPECT_FALSE(wire.server.session().cipher_name.empty());
  }
}

TEST_F(TlsFilterTest, SessionSaysWhoThePeerIs) {
  TlsServerOptions server = ServerOptions();
  server.client_auth = TlsClientAuth::kRequireVerify;
  TlsClientOptions client = ClientOptions();
  const auto pair = authority_.Issue("client", {.common_name = "worker 7", .also_for = "DNS:w7"});
  client.cert_file = pair.cert_file;
  client.key_file = pair.key_file;
  Wire wire(Make(server), Make(client));
  wire.Settle();
  ASSERT_TRUE(wire.server.ready()) << wire.server_status.ToString();
  const TlsSession session = wire.server.session();
  EXPECT_EQ(session.peer_name, "worker 7");
  EXPECT_EQ(session.version, "TLS1.3");
  EXPECT_TRUE(session.cipher_name.starts_with("TLS_")) << session.cipher_name;
  EXPECT_EQ(session.cipher_id >> 8, 0x13);
}

TEST_F(TlsFilterTest, ClientCertificatesByPolicy) {
  TestAuthority stranger;
  const auto of = [](TestAuthority& authority, const TestAuthority::Wish& wish) {
    const auto pair = authority.Issue(wish.common_name, wish);
    TlsClientOptions client;
    client.skip_verify = true;
    client.cert_file = pair.cert_file;
    client.key_file = pair.key_file;
    return client;
  };
  TlsClientOptions none;
  none.skip_verify = true;
  const TlsClientOptions known = of(authority_, {});
  const TlsClientOptions unknown = of(stranger, {});
  const TlsClientOptions expired =
      of(authority_, {.common_name = "late", .valid_from_s = -7200, .valid_to_s = -3600});

  TlsServerOptions server = ServerOptions();
  EXPECT_EQ(Refusal(server, none), "");
  EXPECT_EQ(Refusal(server, unknown), "");
  EXPECT_EQ(Refusal(server, expired), "");
  server.client_auth = TlsClientAuth::kRequire;
  EXPECT_EQ(Refusal(server, none), "tls: client didn't provide a certificate");
  EXPECT_EQ(Refusal(server, unknown), "");
  EXPECT_EQ(Refusal(server, expired), "");
  server.client_auth = TlsClientAuth::kRequireVerify;
  EXPECT_EQ(Refusal(server, none), "tls: client didn't provide a certificate");
  EXPECT_EQ(Refusal(server, unknown),
            "tls: failed to verify certificate: x509: certificate signed by unknown authority");
  EXPECT_EQ(Refusal(server, expired),
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid");
  EXPECT_EQ(Refusal(server, known), "");
}

TEST_F(TlsFilterTest, AClientChecksTheServer) {
  TestAuthority stranger;
  TlsClientOptions mistaken;
  mistaken.root_ca_file = stranger.ca_file();
  {
    Wire wire(Server(), Make(mistaken));
    wire.Settle();
    EXPECT_FALSE(wire.client.ready());
    EXPECT_EQ(wire.client_status.code(), Code::kInvalid);
    EXPECT_EQ(wire.server_status.detail(), "remote error: tls: unknown certificate authority");
  }
  for (const std::string name : {"localhost", "127.0.0.1"}) {
    Wire wire(Server(), Client(), name);
    wire.Settle();
    EXPECT_TRUE(wire.client.ready()) << name;
  }
  for (const std::string name : {"example.com", "127.0.0.2"}) {
    Wire wire(Server(), Client(), name);
    wire.Settle();
    EXPECT_FALSE(wire.client.ready()) << name;
    EXPECT_EQ(wire.client_status.detail(),
              "tls: failed to verify certificate: x509: certificate is valid for another name");
  }
}

TEST_F(TlsFilterTest, SomebodyWhoDoesNotSpeakTlsIsNotAnsweredInTls) {
  const Context context = Server();
  for (const std::string text : {"  V2PUB topic\n", "SSH-2.0-x\r\n", "\x80"}) {
    TlsFilter server(*context);
    const Decoded decoded = DecodeAll(server, text);
    EXPECT_EQ(decoded.status.code(), Code::kInvalid);
    EXPECT_EQ(decoded.status.detail(), "tls: first record does not look like a TLS handshake");
    EXPECT_EQ(decoded.reply, "");
  }
}

TEST_F(TlsFilterTest, SomebodyWhoSpeaksHttpIsKnown) {
  TlsFilter server(*Server());
  EXPECT_EQ(DecodeAll(server, "GET /ping HTTP/1.1\r\n").status.detail(), TlsFilter::kSpokeHttp);
}

TEST_F(TlsFilterTest, AStreamThatIsCutOrDamagedDeliversNothingOfItsRecord) {
  Wire wire(Server(), Client());
  wire.Settle();
  const std::string record = Encoded(wire.client, "secret");
  for (size_t size = 0; size < record.size(); ++size) {
    Wire cut(Server(), Client());
    cut.Settle();
    cut.to_server = Encoded(cut.client, "secret").substr(0, size);
    cut.Settle();
    ASSERT_TRUE(cut.server_status.ok());
    ASSERT_EQ(cut.server_heard, "");
  }
  for (size_t at = 0; at < record.size(); ++at) {
    Wire damaged(Server(), Client());
    damaged.Settle();
    damaged.to_server = Encoded(damaged.client, "secret");
    damaged.to_server[at] = static_cast<char>(damaged.to_server[at] ^ 1);
    damaged.Settle();
    ASSERT_EQ(damaged.server_heard, "") << at;
    // A changed length may make it wait for more.
    if (at != 3 && at != 4) {
      ASSERT_EQ(damaged.server_status.code(), Code::kCorrupt) << at;
    }
  }
}

TEST_F(TlsFilterTest, DamageToAnyByteOfAHandshakeNeverMakesItSucceed) {
  const Context server = Server();
  const Context client = Client();
  const std::string hello = Wire(server, client).to_server;
  size_t refused = 0;
  for (size_t at = 0; at < hello.size(); ++at) {
    if (at == 2) continue;  // the record's minor version means nothing
    Wire wire(server, client);
    wire.to_server[at] = static_cast<char>(wire.to_server[at] ^ 0x11);
    wire.Settle();
    ASSERT_FALSE(wire.server.ready() && wire.client.ready()) << at;
    refused += wire.server_status.ok() ? 0 : 1;
  }
  EXPECT_GT(refused, hello.size() / 2);
}

TEST_F(TlsFilterTest, AGoodbyeIsAnEndAndSaidOnlyIfAsked) {
  for (const bool polite : {true, false}) {
    TlsServerOptions options = ServerOptions();
    options.says_goodbye = polite;
    Wire wire(Make(options), Client());
    wire.Settle();
    Buffer last;
    wire.server.Finish(&last);
    EXPECT_EQ(last.empty(), !polite);
    wire.to_client = last.view();
    wire.Settle();
    EXPECT_EQ(wire.client_status.code(), polite ? Code::kUnavailable : Code::kOk);
  }
}

TEST_F(TlsFilterTest, AfterThePeersGoodbyeWeMayStillSpeak) {
  Wire wire(Server(), Client());
  wire.Settle();
  Buffer last;
  ASSERT_TRUE(wire.client.Encode("last", &last).ok());
  wire.client.Finish(&last);
  wire.to_server = last.view();
  wire.Settle();
  EXPECT_EQ(wire.server_heard, "last");
  EXPECT_EQ(wire.server_status.code(), Code::kUnavailable);
  EXPECT_FALSE(Encoded(wire.server, "answer").empty());
}

// --- contexts

std::string FailureOf(const TlsServerOptions& options) {
  const auto made = TlsContext::ForServer(options);
  return made.ok() ? "" : made.status().detail();
}

TEST_F(TlsFilterTest, BadFilesAreRefusedInTheOriginalsWords) {
  const auto good = authority_.Issue("good");
  const auto other = authority_.Issue("other");
  const std::string empty = authority_.Write("empty", "");
  const std::string bad_key =
      authority_.Write("bad.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  const auto with = [](std::string cert, std::string key, std::string ca) {
    TlsServerOptions options;
    options.cert_file = std::move(cert);
    options.key_file = std::move(key);
    options.root_ca_file = std::move(ca);
    return options;
  };
  const std::string nowhere = authority_.folder() + "/nowhere";
  EXPECT_EQ(FailureOf(with(good.cert_file, good.key_file, "")), "");
  EXPECT_EQ(FailureOf(with("", good.key_file, "")), "open : no such file or directory");
  EXPECT_EQ(FailureOf(with(nowhere, good.key_file, "")),
            "open " + nowhere + ": no such file or directory");
  EXPECT_EQ(FailureOf(with(good.cert_file, nowhere, "")),
            "open " + nowhere + ": no such file or directory");
  EXPECT_EQ(FailureOf(with(good.cert_file, other.key_file, "")),
            "tls: private key does not match public key");
  EXPECT_EQ(FailureOf(with(empty, good.key_file, "")),
            "tls: failed to find any PEM data in certificate input");
  EXPECT_EQ(FailureOf(with(good.cert_file, empty, "")),
            "tls: failed to find any PEM data in key input");
  EXPECT_EQ(FailureOf(with(good.cert_file, bad_key, "")), "tls: failed to parse private key");
  EXPECT_EQ(FailureOf(with(good.cert_file, good.key_file, nowhere)),
            "open " + nowhere + ": no such file or directory");
  EXPECT_EQ(FailureOf(with(good.cert_file, good.key_file, empty)),
            "failed to append certificate to pool");
}

TEST_F(TlsFilterTest, AFilterOutlivesItsContext) {
  Context server = Server();
  Context client = Client();
  Wire wire(server, client);
  server.reset();
  client.reset();
  wire.Settle();
  EXPECT_TRUE(wire.server.ready() && wire.client.ready());
}

}  // namespace
}  // namespace nsq
