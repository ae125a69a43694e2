// TLS, snappy, deflate and AUTH on nsqd's TCP port, and what TLS means for HTTP (spec: nsqd-tcp 3.3
// to 3.7, nsqd-http 10).

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <zlib.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "common/strings.h"
#include "tests/common/filters/test_certificates.h"
#include "tests/conformance/conformance_fixture.h"
#include "tests/conformance/http_rows.h"
#include "tests/conformance/open_connection.h"
#include "tests/nsqd/daemon/auth/fake_auth_server.h"

namespace nsq::conformance {
namespace {

using enum End;
using nsqd::FakeAuthServer;
using testing::HasSubstr;
using testing::StartsWith;

std::string Identify(std::string_view fields) {
  return StrCat("IDENTIFY\n", Body(StrCat(R"({"feature_negotiation":true,)", fields, "}")));
}

std::string Bytes(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

const std::string kOkFrame = Bytes("00000006000000004f4b");

std::string Inflated(std::string_view bytes) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, -15), Z_OK);
  std::string out(1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_THAT(inflate(&stream, Z_SYNC_FLUSH), testing::AnyOf(Z_OK, Z_BUF_ERROR));
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

// A stored block and an empty one: deflate as plain as it can be.
std::string Stored(std::string_view bytes) {
  const auto length = static_cast<uint8_t>(bytes.size());
  std::string block = {0, static_cast<char>(length), 0, static_cast<char>(~length), '\xFF'};
  return StrCat(block, bytes, std::string("\0\0\0\xFF\xFF", 5));
}

class NsqdTcpLayers : public NsqdConformance {};

TEST_P(NsqdTcpLayers, SnappysFirstBytes) {
  OpenConnection client(tcp_port(), Protocol::kV2, "  V2" + Identify(R"("snappy":true)"));
  EXPECT_THAT(client.Next(), HasSubstr(R"("snappy":true)"));
  EXPECT_EQ(client.Take(28), Bytes("ff060000734e61507059010e000026982bcf00000006000000004f4b"));
  // Its own OK chunk in answer: as good a stream as any, but no command.
  client.Send(Bytes("ff060000734e61507059") + Bytes("ff060000734e61507059") +
              Bytes("010e000026982bcf00000006000000004f4b") + Bytes("010e000026982bcf"));
  client.Shutdown();
  EXPECT_EQ(client.Take(1), "") << "a command was never whole";
}

TEST_P(NsqdTcpLayers, SnappyThatIsNoneEndsWithoutAWord) {
  for (const std::string& bytes :
       {std::string("NOP\n"), Bytes("010e000026982bcf00000006000000004f4b"),  // no identifier
        Bytes("ff060000734e61507059") + Bytes("010e000026982bce00000006000000004f4b"),  // checksum
        Bytes("ff060000734e61507059") + Bytes("02010000ff")}) {  // an unskippable chunk
    OpenConnection client(tcp_port(), Protocol::kV2, "  V2" + Identify(R"("snappy":true)"));
    client.Next();
    client.Take(28);
    client.Send(bytes);
    client.Shutdown();
    EXPECT_EQ(client.Take(1), "") << Printable(bytes);
  }
}

TEST_P(NsqdTcpLayers, DeflateIsRawAndFlushed) {
  OpenConnection client(tcp_port(), Protocol::kV2,
                        "  V2" + Identify(R"("deflate":true,"deflate_level":100)"));
  EXPECT_THAT(client.Next(), HasSubstr(R"("deflate":true,"deflate_level":6,)"));
  client.Send(Stored("RUBBISH\n"));
  client.Shutdown();
  const std::string all = client.Take(100'000);
  EXPECT_THAT(Inflated(all), kOkFrame +
                                 Bytes("00000025"
                                       "00000001") +
                                 "E_INVALID invalid command RUBBISH");
  // The original may be cut off in the middle of one of its empty blocks.
  const std::string flushed("\0\0\xFF\xFF", 4);
  if (IsOriginal()) {
    EXPECT_THAT(all, HasSubstr(flushed));
  } else {
    EXPECT_THAT(all, testing::EndsWith(flushed));
  }
}

TEST_P(NsqdTcpLayers, DeflateThatIsNoneEndsWithoutAWord) {
  OpenConnection client(tcp_port(), Protocol::kV2, "  V2" + Identify(R"("deflate":true)"));
  client.Next();
  client.Send("\x07\x07\x07\x07");
  client.Shutdown();
  EXPECT_EQ(Inflated(client.Take(100'000)), kOkFrame);
}

INSTANTIATE_TEST_SUITE_P(, NsqdTcpLayers, testing::ValuesIn(Loops()), LoopsName);

class NsqdWithoutLayers : public NsqdConformance {
 protected:
  NsqdWithoutLayers()
      : NsqdConformance({"-deflate=false", "-snappy=false", "-max-deflate-level=3"}) {}
};

TEST_P(NsqdWithoutLayers, AnswersThatThereAreNone) {
  OpenConnection client(tcp_port(), Protocol::kV2,
                        "  V2" + Identify(R"("deflate":true,"snappy":true,"tls_v1":true)"));
  EXPECT_THAT(
      client.Next(),
      HasSubstr(
          R"("tls_v1":false,"deflate":false,"deflate_level":3,"max_deflate_level":3,"snappy":false)"));
  client.Send("NOPE\n");
  EXPECT_EQ(client.Next(), "E_INVALID invalid command NOPE");
}

INSTANTIATE_TEST_SUITE_P(, NsqdWithoutLayers, testing::ValuesIn(Loops()), LoopsName);

// --- TLS

TestAuthority& Authority() {
  static TestAuthority authority;
  return authority;
}
const TestAuthority::Pair& ServersPair() {
  static const TestAuthority::Pair pair = Authority().Issue("nsqd");
  return pair;
}

class NsqdTls : public NsqdConformance {
 protected:
  explicit NsqdTls(std::vector<std::string> flags = {})
      : NsqdConformance(WithPair(std::move(flags))) {}

  static std::vector<std::string> WithPair(std::vector<std::string> flags) {
    flags.push_back("-tls-cert=" + ServersPair().cert_file);
    flags.push_back("-tls-key=" + ServersPair().key_file);
    flags.emplace_back("-https-address=127.0.0.1:0");
    return flags;
  }
};

// The client's side of a handshake on `fd`; nullptr if it fails.
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Ssl = std::unique_ptr<SSL, FreeSsl>;

bool Again(SSL* ssl, int code) {
  const int error = SSL_get_error(ssl, code);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
  pollfd waiting = {SSL_get_fd(ssl),
                    static_cast<int16_t>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
  return ::poll(&waiting, 1, 20'000) == 1;
}

Ssl Handshake(int fd, int version = 0) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_set_max_proto_version(context.get(), version);
  Ssl ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), fd);
  int code = 0;
  while ((code = SSL_connect(ssl.get())) != 1) {
    if (!Again(ssl.get(), code)) return nullptr;
  }
  return ssl;
}

std::string Read(SSL* ssl, size_t size) {
  std::string bytes;
  std::array<char, 4096> room;
  while (bytes.size() < size) {
    const int n =
        SSL_read(ssl, room.data(), static_cast<int>(std::min(room.size(), size - bytes.size())));
    if (n > 0) bytes.append(room.data(), static_cast<size_t>(n));
    if (n <= 0 && !Again(ssl, n)) break;
  }
  return bytes;
}

TEST_P(NsqdTls, UpgradesAndGoesOn) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    OpenConnection client(tcp_port(), Protocol::kV2, "  V2" + Identify(R"("tls_v1":true)"));
    EXPECT_THAT(client.Next(), HasSubstr(R"("tls_v1":true)"));
    const Ssl ssl = Handshake(client.fd(), version);
    ASSERT_NE(ssl, nullptr);
    EXPECT_EQ(Read(ssl.get(), kOkFrame.size()), kOkFrame);
    const std::string publish = "PUB tls\n" + Body("m");
    EXPECT_EQ(SSL_write(ssl.get(), publish.data(), static_cast<int>(publish.size())),
              static_cast<int>(publish.size()));
    EXPECT_EQ(Read(ssl.get(), kOkFrame.size()), kOkFrame);
    const std::string stats = HttpBody(http_port(), "GET /stats?format=json");
    EXPECT_THAT(stats,
                HasSubstr(StrCat(R"("tls_version":"TLS1.)", version == TLS1_3_VERSION ? 3 : 2,
                                 R"(","tls_negotiated_protocol":"",)",
                                 R"("tls_negotiated_protocol_is_mutual":true)")));
  }
}

TEST_P(NsqdTls, TlsThenDeflateThenSnappy) {
  for (const std::string layer : {"deflate", "snappy"}) {
    OpenConnection client(tcp_port(), Protocol::kV2,
                          "  V2" + Identify(StrCat(R"("tls_v1":true,")", layer, R"(":true)")));
    client.Next();
    const Ssl ssl = Handshake(client.fd());
    ASSERT_NE(ssl, nullptr);
    EXPECT_EQ(Read(ssl.get(), kOkFrame.size()), kOkFrame) << "one OK in TLS";
    if (layer == "snappy") {
      EXPECT_EQ(Read(ssl.get(), 28),
                Bytes("ff060000734e61507059010e000026982bcf00000006000000004f4b"));
    } else {
      const std::string rubbish = Stored("RUBBISH\n");
      SSL_write(ssl.get(), rubbish.data(), static_cast<int>(rubbish.size()));
      EXPECT_THAT(Inflated(Read(ssl.get(), 100'000)), StartsWith(kOkFrame)) << "and one inside";
    }
  }
}

TEST_P(NsqdTls, WithoutNegotiationThereIsNone) {
  CheckRows(tcp_port(), Protocol::kV2,
            {{"  V2IDENTIFY\n" + Body(R"({"tls_v1":true})"), {{"OK"}, kStays}}});
}

TEST_P(NsqdTls, AHandshakeThatIsNoneIsAPlainError) {
  OpenConnection client(tcp_port(), Protocol::kV2, "  V2" + Identify(R"("tls_v1":true)"));
  client.Next();
  client.Send("PUB t\n" + Body("not a hello"));
  EXPECT_THAT(client.Take(1000), HasSubstr("E_IDENTIFY_FAILED IDENTIFY failed tls: first record "
                                           "does not look like a TLS handshake"));
}

TEST_P(NsqdTls, HttpStaysOpen) {
  CheckHttpRows(http_port(), {{Request("GET /ping"), {"200 text | OK"}}});
  EXPECT_THAT(Exchange(https_port(), "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", false),
              "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}

INSTANTIATE_TEST_SUITE_P(, NsqdTls, testing::ValuesIn(Loops()), LoopsName);

class NsqdTlsRequired : public NsqdTls {
 protected:
  NsqdTlsRequired() : NsqdTls({"-tls-required=true"}) {}
};

TEST_P(NsqdTlsRequired, NothingElseBeforeIt) {
  std::vector<Row> rows;
  for (const std::string name : {"NOP", "PUB", "SUB", "AUTH", "RUBBISH", ""}) {
    const std::string error = StrCat("E_INVALID cannot ", name, " in current state (TLS required)");
    rows.push_back({StrCat("  V2", name, "\n"), {{error}, kCloses}});
    rows.push_back({StrCat("  V2IDENTIFY\n", Body("{}"), name, "\n"), {{"OK", error}, kCloses}});
  }
  CheckRows(tcp_port(), Protocol::kV2, rows);
}

TEST_P(NsqdTlsRequired, HttpIsRefusedWithTheWayToGo) {
  const std::string refused =
      StrCat(R"(403 v1 json | {"message": "TLS_REQUIRED", "https_port": )", https_port(), "}");
  std::vector<HttpRow> rows;
  for (const std::string request :
       {"GET /ping", "GET /none", "POST /pub?topic=t", "OPTIONS /ping", "PUT /config/log_level"}) {
    rows.push_back(
        {StrCat(request, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), {refused}, kCloses});
  }
  for (HttpRow& row : rows) row.expected[0].insert(row.expected[0].find(" | "), " close");
  CheckHttpRows(http_port(), rows);
}

INSTANTIATE_TEST_SUITE_P(, NsqdTlsRequired, testing::ValuesIn(Loops()), LoopsName);

class NsqdTlsRequiredForTcp : public NsqdTls {
 protected:
  NsqdTlsRequiredForTcp() : NsqdTls({"-tls-required=tcp-https"}) {}
};

TEST_P(NsqdTlsRequiredForTcp, LeavesHttpOpen) {
  CheckRows(tcp_port(), Protocol::kV2,
            {{"  V2NOP\n", {{"E_INVALID cannot NOP in current state (TLS required)"}, kCloses}}});
  CheckHttpRows(http_port(), {{Request("GET /ping"), {"200 text | OK"}}});
}

INSTANTIATE_TEST_SUITE_P(, NsqdTlsRequiredForTcp, testing::ValuesIn(Loops()), LoopsName);

class NsqdTlsWithClientCertificates : public NsqdTls {
 protected:
  NsqdTlsWithClientCertificates() : NsqdTls({"-tls-client-auth-policy=require"}) {}
};

TEST_P(NsqdTlsWithClientCertificates, NoneIsAPlainErrorBehindTheAlert) {
  CheckRows(tcp_port(), Protocol::kV2,
            {{"  V2NOP\n", {{"E_INVALID cannot NOP in current state (TLS required)"}, kCloses}}});
  OpenConnection client(tcp_port(), Protocol::kV2, "  V2" + Identify(R"("tls_v1":true)"));
  client.Next();
  Handshake(client.fd(), TLS1_2_VERSION);
  EXPECT_THAT(
      client.Take(1000),
      HasSubstr("E_IDENTIFY_FAILED IDENTIFY failed tls: client didn't provide a certificate"));
}

INSTANTIATE_TEST_SUITE_P(, NsqdTlsWithClientCertificates, testing::ValuesIn(Loops()), LoopsName);

// --- AUTH

// What an auth server says; authorizations as JSON.
std::string Allowing(std::string_view authorizations, std::string_view ttl = "3600") {
  return StrCat(R"({"ttl":)", ttl, R"(,"identity":"<me>","identity_url":"u","authorizations":[)",
                authorizations, "]}");
}

class NsqdAuth : public NsqdConformance {
 protected:
  NsqdAuth() : NsqdAuth(std::make_unique<FakeAuthServer>(FakeAuthServer::Saying(Allowing("")))) {}

  FakeAuthServer& server() { return *server_; }
  void Check(std::vector<Row> rows) {
    for (Row& row : rows) row.say.insert(0, "  V2");
    CheckRows(tcp_port(), Protocol::kV2, rows);
  }

 private:
  explicit NsqdAuth(std::unique_ptr<FakeAuthServer> server)
      : NsqdConformance(
            {"-auth-http-address=" + server->address(), "-http-client-request-timeout=500ms"}),
        server_(std::move(server)) {}

  std::unique_ptr<FakeAuthServer> server_;
};

const std::string kAuth = "AUTH\n" + Body("secret");
const std::string kAnswer =
    R"({"identity":"\u003cme\u003e","identity_url":"u","permission_count":1})";

TEST_P(NsqdAuth, ComesFirst) {
  Check({
      {"SUB t c\n", {{"E_AUTH_FIRST AUTH required before SUB"}, kCloses}},
      {"PUB t\n" + Body("m"), {{"E_AUTH_FIRST AUTH required before PUB"}, kCloses}},
      {"DPUB t 1\n" + Body("m"), {{"E_AUTH_FIRST AUTH required before DPUB"}, kCloses}},
      {"MPUB t\n", {{"E_AUTH_FIRST AUTH required before MPUB"}, kCloses}},
      {"PUB t\n" + Size(0), {{"E_BAD_MESSAGE PUB invalid message body size 0"}, kCloses}},
      {"NOP\n", {{}, kStays}},
      {"AUTH x\n", {{"E_INVALID AUTH invalid number of parameters"}, kCloses}},
      {"AUTH\n" + Size(0), {{"E_BAD_BODY AUTH invalid body size 0"}, kCloses}},
      {kAuth, {{"E_UNAUTHORIZED AUTH no authorizations found"}, kCloses}},
  });
  OpenConnection client(tcp_port(), Protocol::kV2, "  V2" + Identify(R"("client_id":"x")"));
  EXPECT_THAT(client.Next(), HasSubstr(R"("auth_required":true)"));
}

TEST_P(NsqdAuth, AnswersThatAreNone) {
  const std::string one = R"({"topic":".*","channels":[".*"],"permissions":["subscribe"]})";
  for (const auto& behaviour :
       {FakeAuthServer::Saying("rubbish"), FakeAuthServer::Saying(Allowing(one), 403),
        FakeAuthServer::Saying(Allowing(one, "0")), FakeAuthServer::Saying(Allowing(one, "-1")),
        FakeAuthServer::Saying(Allowing(one, "\"1\"")),
        FakeAuthServer::Saying(
            Allowing(R"({"topic":"(","channels":[".*"],"permissions":["subscribe"]})")),
        FakeAuthServer::Saying(
            Allowing(R"({"topic":".*","channels":["("],"permissions":["subscribe"]})")),
        FakeAuthServer::Saying(
            Allowing(R"({"topic":".*","channels":[".*"],"permissions":["rule"]})")),
        FakeAuthServer::HangingUp(), FakeAuthServer::Silent()}) {
    server().Become(behaviour);
    Check({{kAuth, {{"E_AUTH_FAILED AUTH failed"}, kCloses}}});
  }
}

TEST_P(NsqdAuth, PermissionsAreExpressions) {
  server().Become(FakeAuthServer::Saying(
      Allowing(R"({"topic":"es","channels":["^c$"],"permissions":["subscribe","publish"]})")));
  Check({
      {kAuth, {{kAnswer}, kStays}},
      {kAuth + kAuth, {{kAnswer, "E_INVALID AUTH already set"}, kCloses}},
      {"IDENTIFY\n" + Body("{}") + kAuth, {{"OK", kAnswer}, kStays}},
      {kAuth + "IDENTIFY\n" + Body("{}"), {{kAnswer, "OK"}, kStays}},
      {kAuth + "SUB test c\n", {{kAnswer, "OK"}, kStays}},
      {kAuth + "SUB test cc\n",
       {{kAnswer, "E_UNAUTHORIZED AUTH failed for SUB on \"test\" \"cc\""}, kCloses}},
      {kAuth + "SUB other c\n",
       {{kAnswer, "E_UNAUTHORIZED AUTH failed for SUB on \"other\" \"c\""}, kCloses}},
      // No expression for channels matches "", which is what publishing asks for.
      {kAuth + "PUB test\n" + Body("m"),
       {{kAnswer, "E_UNAUTHORIZED AUTH failed for PUB on \"test\" \"\""}, kCloses}},
      {kAuth + "MPUB test\n",
       {{kAnswer, "E_UNAUTHORIZED AUTH failed for MPUB on \"test\" \"\""}, kCloses}},
      {kAuth + "DPUB test 1\n" + Body("m"),
       {{kAnswer, "E_UNAUTHORIZED AUTH failed for DPUB on \"test\" \"\""}, kCloses}},
  });
  server().Become(FakeAuthServer::Saying(
      Allowing(R"({"topic":"^es","channels":[".*"],"permissions":["publish"]})")));
  Check({
      {kAuth + "PUB es\n" + Body("m"), {{kAnswer, "OK"}, kStays}},
      {kAuth + "PUB test\n" + Body("m"),
       {{kAnswer, "E_UNAUTHORIZED AUTH failed for PUB on \"test\" \"\""}, kCloses}},
      {kAuth + "SUB es c\n",
       {{kAnswer, "E_UNAUTHORIZED AUTH failed for SUB on \"es\" \"c\""}, kCloses}},
  });
  EXPECT_THAT(
      server().requests().at(0),
      StartsWith(
          "GET /auth?common_name=&remote_ip=127.0.0.1&secret=secret&tls=false HTTP/1.1\r\n"));
  EXPECT_THAT(server().requests().at(0), HasSubstr("Accept: application/vnd.nsq; version=1.0\r\n"));
}

TEST_P(NsqdAuth, LeavesHttpOpen) {
  CheckHttpRows(http_port(), {{Request("POST /pub?topic=t", "m"), {"200 v1 text | OK"}}});
}

INSTANTIATE_TEST_SUITE_P(, NsqdAuth, testing::ValuesIn(Loops()), LoopsName);

}  // namespace
}  // namespace nsq::conformance
