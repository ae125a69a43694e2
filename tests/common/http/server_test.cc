#include "common/http/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/event/connection_limit.h"
#include "common/event/event_loop.h"
#include "common/filters/tls_context.h"
#include "common/http/router.h"
#include "common/http/server_connection.h"
#include "tests/common/filters/test_certificates.h"

namespace nsq::http {
namespace {

constexpr size_t kMaxBody = 1000;

// A server whose turns the test runs itself, and clients that speak bytes.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    router_.Add(Method::kGet, "/ping", [](auto exchange) { exchange->Plain(200, "OK"); });
    router_.Add(
        Method::kPost, "/echo", [](auto exchange) { Echo(*exchange); }, Access::kQuiet,
        BodyUse::Kept(kMaxBody));
    router_.Add(Method::kGet, "/empty", [](auto exchange) { exchange->Empty(); });
    router_.Add(Method::kGet, "/json", [](auto exchange) { exchange->Json("{\"a\":1}"); });
    router_.Add(Method::kGet, "/config/:opt",
                [](auto exchange) { exchange->Text(std::string(exchange->request().param)); });
    router_.Add(Method::kGet, "/param", [](auto exchange) {
      const std::string* const topic = exchange->request().params.Find("topic");
      exchange->Text(topic == nullptr ? "none" : *topic);
    });
    router_.Add(Method::kGet, "/later",
                [this](auto exchange) { kept_.push_back(std::move(exchange)); });
    router_.Add(Method::kGet, "/forgotten", [](auto) {});
    router_.Add(Method::kGet, "/peer", [](auto exchange) { exchange->Text(exchange->Peer()); });
    server_ = std::make_unique<Server>(loop_, router_);
    auto fd = nsq::Listen(Loopback(0));
    EXPECT_TRUE(fd.ok()) << fd.status().ToString();
    port_ = BoundPort(fd->get());
    server_->Listen(std::move(*fd));
  }

  static void Echo(Exchange& exchange) {
    const Request& request = exchange.request();
    switch (request.body_end) {
      case BodyEnd::kWhole:
        return exchange.Text(request.body);
      case BodyEnd::kTooLong:
        return exchange.Error(413, "BODY_TOO_BIG");
      case BodyEnd::kBroken:
        return exchange.Error(500, "INTERNAL_ERROR");
    }
  }

  static Address Loopback(uint16_t port) {
    Address address;
    address.host = "127.0.0.1";
    address.port = port;
    return address;
  }

  UniqueFd Connect() {
    auto fd = StartConnect(Loopback(port_));
    EXPECT_TRUE(fd.ok());
    Turns();
    return std::move(*fd);
  }

  void Send(const UniqueFd& client, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
      Turns();
      if (n < 0 && errno != EAGAIN) return;
    }
  }

  // Runs turns until nothing happens any more.
  void Turns() {
    for (int i = 0; i < 8; ++i) loop_.RunOnce(false);
  }

  // Everything up to `end`, or to the end of the stream ("<EOF>" is appended then).
  std::string ReceiveUntil(const UniqueFd& client, std::string_view end) {
    std::string got;
    for (int i = 0; i < 5000; ++i) {
      loop_.RunOnce(false);
      pollfd waiting = {client.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 1) == 0) continue;
      char bytes[65536];
      const ssize_t n = ::recv(client.get(), bytes, sizeof bytes, 0);
      if (n < 0 && errno == EAGAIN) continue;
      if (n <= 0) return got + (n == 0 ? "<EOF>" : "<RESET>");
      got.append(bytes, static_cast<size_t>(n));
      if (got.ends_with(end)) return got;
    }
    return got + "<TIMEOUT>";
  }

  std::string Ask(std::string_view request, std::string_view end) {
    const UniqueFd client = Connect();
    Send(client, request);
    return ReceiveUntil(client, end);
  }

  static std::string WithoutDate(std::string answer) {
    for (size_t at = 0; (at = answer.find("Date: ", at)) != std::string::npos;) {
      answer.erase(at, answer.find("\r\n", at) + 2 - at);
    }
    return answer;
  }

  EventLoop loop_{"test loop"};
  Router router_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<Exchange>> kept_;
  int asked_ = 0;
  uint16_t port_ = 0;
};

TEST_F(ServerTest, PlainAnswersHaveNoNsqHeader) {
  EXPECT_EQ(WithoutDate(Ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", "OK")),
            "HTTP/1.1 200 OK\r\n"
            "Content-Length: 2\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "\r\n"
            "OK");
}

TEST_F(ServerTest, TextAnswersCarryTheV1Envelope) {
  EXPECT_EQ(
      WithoutDate(Ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello")),
      "HTTP/1.1 200 OK\r\n"
      "X-NSQ-Content-Type: nsq; version=1.0\r\n"
      "Content-Length: 5\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "\r\n"
      "hello");
}

TEST_F(ServerTest, EmptyAnswersHaveNoContentType) {
  EXPECT_EQ(WithoutDate(Ask("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n")),
            "HTTP/1.1 200 OK\r\n"
            "X-NSQ-Content-Type: nsq; version=1.0\r\n"
            "Content-Length: 0\r\n"
            "\r\n");
}

TEST_F(ServerTest, UnknownPathsAre404) {
  const std::string answer = Ask("GET /none HTTP/1.1\r\nHost: x\r\n\r\n", "}");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 404 Not Found\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n{\"message\":\"NOT_FOUND\"}")) << answer;
  EXPECT_NE(answer.find("Content-Type: application/json; charset=utf-8\r\n"), std::string::npos);
}

TEST_F(ServerTest, HeadIsRefusedWithoutABody) {
  const std::string answer =
      WithoutDate(Ask("HEAD /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "<EOF>"));
  EXPECT_EQ(answer,
            "HTTP/1.1 405 Method Not Allowed\r\n"
            "Allow: GET, OPTIONS\r\n"
            "X-NSQ-Content-Type: nsq; version=1.0\r\n"
            "Content-Length: 32\r\n"
            "Content-Type: application/json; charset=utf-8\r\n"
            "Connection: close\r\n"
            "\r\n<EOF>");
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrderAlsoWhenTheFirstIsSlow) {
  const UniqueFd client = Connect();
  Send(client,
       "GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
       "GET /param?topic=second HTTP/1.1\r\nHost: x\r\n\r\n"
       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nthird"
       "GET /param?topic=fourth HTTP/1.1\r\nHost: x\r\n\r\n");
  Turns();
  ASSERT_EQ(kept_.size(), 1u);
  kept_[0]->Text("first");
  const std::string answers = ReceiveUntil(client, "fourth");
  const size_t first = answers.find("\r\n\r\nfirst");
  const size_t second = answers.find("\r\n\r\nsecond");
  const size_t third = answers.find("\r\n\r\nthird");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos) << answers;
}

TEST_F(ServerTest, AHalfClosedClientGetsItsAnswer) {
  const UniqueFd client = Connect();
  Send(client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  ::shutdown(client.get(), SHUT_WR);
  Turns();
  ASSERT_EQ(kept_.size(), 1u);
  kept_[0]->Text("here");
  EXPECT_TRUE(ReceiveUntil(client, "<EOF>").ends_with("here<EOF>"));
}

TEST_F(ServerTest, OutOfDescriptorsItWaitsAndAcceptsLater) {
  const UniqueFd before = Connect();
  Send(before, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(ReceiveUntil(before, "OK").ends_with("OK"));
  auto client = StartConnect(Loopback(port_));
  ASSERT_TRUE(client.ok());

  rlimit usual;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  const UniqueFd lowest_free(::dup(client->get()));
  const rlimit none_left = {static_cast<rlim_t>(lowest_free.get()) + 1, usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none_left), 0);
  Turns();
  Send(before, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(ReceiveUntil(before, "OK").ends_with("OK")) << "those who are connected go on";
  EXPECT_EQ(server_->connections(), 1u);

  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  Send(*client, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(ReceiveUntil(*client, "OK").ends_with("OK"));
}

TEST_F(ServerTest, AForgottenExchangeAnswers500) {
  const std::string answer = Ask("GET /forgotten HTTP/1.1\r\nHost: x\r\n\r\n", "}");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
  EXPECT_TRUE(answer.ends_with("{\"message\":\"INTERNAL_ERROR\"}")) << answer;
}

TEST_F(ServerTest, AnswersToAClientThatHasGoneGoNowhere) {
  {
    const UniqueFd client = Connect();
    Send(client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  Turns();
  ASSERT_EQ(kept_.size(), 1u);
  kept_[0]->Text("too late");
  kept_.clear();
  Turns();
  EXPECT_TRUE(Ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", "OK").ends_with("OK"));
}

TEST_F(ServerTest, AnExchangeMayOutliveItsServer) {
  const UniqueFd client = Connect();
  Send(client, "GET /later?topic=x HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(kept_.size(), 1u);
  server_.reset();
  EXPECT_EQ(kept_[0]->request().path, "/later") << "what was asked stays readable";
  kept_[0]->Text("nobody listens");
  kept_.clear();
}

TEST_F(ServerTest, StopEndsIdleConnectionsAndLetsOthersFinish) {
  const UniqueFd idle = Connect();
  Send(idle, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  ReceiveUntil(idle, "OK");
  const UniqueFd busy = Connect();
  Send(busy, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(kept_.size(), 1u);
  server_->Stop();
  EXPECT_EQ(ReceiveUntil(idle, "<EOF>"), "<EOF>");
  kept_[0]->Text("last words");
  EXPECT_TRUE(ReceiveUntil(busy, "<EOF>").ends_with("last words<EOF>"));
}

TEST_F(ServerTest, KnownPathsWithAnotherMethodAre405WithTheMethodsThatAreKnown) {
  const std::string answer =
      Ask("DELETE /config/x HTTP/1.1\r\nHost: x\r\n\r\n", "\"METHOD_NOT_ALLOWED\"}");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n")) << answer;
  EXPECT_NE(answer.find("\r\nAllow: GET, OPTIONS\r\n"), std::string::npos) << answer;
  const std::string unknown =
      Ask("BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n", "\"METHOD_NOT_ALLOWED\"}");
  EXPECT_TRUE(unknown.starts_with("HTTP/1.1 405 Method Not Allowed\r\n")) << unknown;
}

TEST_F(ServerTest, OptionsNamesTheMethodsOfAKnownPath) {
  const std::string answer =
      WithoutDate(Ask("OPTIONS /ping HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n"));
  EXPECT_EQ(answer, "HTTP/1.1 200 OK\r\nAllow: GET, OPTIONS\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(WithoutDate(Ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n")),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(Ask("OPTIONS /none HTTP/1.1\r\nHost: x\r\n\r\n", "}").starts_with("HTTP/1.1 404 "));
}

TEST_F(ServerTest, OtherSpellingsAreRedirectedWithTheirQuery) {
  EXPECT_EQ(WithoutDate(Ask("GET /PARAM/?topic=a&x=1 HTTP/1.1\r\nHost: x\r\n\r\n", ".\n\n")),
            "HTTP/1.1 301 Moved Permanently\r\n"
            "Location: /param?topic=a&x=1\r\n"
            "Content-Length: 57\r\n"
            "Content-Type: text/html; charset=utf-8\r\n"
            "\r\n"
            "<a href=\"/param?topic=a&amp;x=1\">Moved Permanently</a>.\n\n");
  EXPECT_EQ(
      WithoutDate(Ask("POST //echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", "\r\n\r\n")),
      "HTTP/1.1 307 Temporary Redirect\r\n"
      "Location: /echo\r\n"
      "Content-Length: 0\r\n"
      "\r\n");
}

TEST_F(ServerTest, PathsAreDecodedAndAbsoluteTargetsRoutedByPath) {
  EXPECT_TRUE(Ask("GET /pi%6eg HTTP/1.1\r\nHost: x\r\n\r\n", "OK").ends_with("\r\n\r\nOK"));
  EXPECT_TRUE(Ask("GET http://x/ping HTTP/1.1\r\nHost: x\r\n\r\n", "OK").ends_with("\r\n\r\nOK"));
  EXPECT_TRUE(Ask("GET /param?topic=a%23b+c HTTP/1.1\r\nHost: x\r\n\r\n", "a#b c")
                  .ends_with("\r\n\r\na#b c"));
  EXPECT_TRUE(
      Ask("GET /config/a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n", "}").starts_with("HTTP/1.1 404 "));
}

TEST_F(ServerTest, ChunkedBodiesArriveWholeWhereverTheBytesAreCut) {
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
  for (size_t cut = 1; cut < request.size(); ++cut) {
    const UniqueFd client = Connect();
    Send(client, request.substr(0, cut));
    Send(client, request.substr(cut));
    const std::string answer = ReceiveUntil(client, "abc0123456789");
    ASSERT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << "cut " << cut << ": " << answer;
    ASSERT_TRUE(answer.ends_with("\r\n\r\nabc0123456789")) << "cut " << cut << ": " << answer;
  }
}

TEST_F(ServerTest, ABodyABitTooLongIsRefusedInTheHandlersWords) {
  const std::string body(kMaxBody + 1, 'x');
  const std::string length = std::to_string(body.size());
  const UniqueFd client = Connect();
  Send(client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + "\r\n\r\n" + body);
  const std::string answer = ReceiveUntil(client, "}");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 Request Entity Too Large\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("{\"message\":\"BODY_TOO_BIG\"}")) << answer;
  Send(client, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(ReceiveUntil(client, "OK").ends_with("\r\n\r\nOK")) << "the connection goes on";
}

TEST_F(ServerTest, ABodyFarTooLongIsRefusedBeforeItIsSent) {
  const std::string answer = WithoutDate(
      Ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nxxx", "<EOF>"));
  EXPECT_EQ(answer,
            "HTTP/1.1 413 Request Entity Too Large\r\n"
            "X-NSQ-Content-Type: nsq; version=1.0\r\n"
            "Content-Length: 26\r\n"
            "Content-Type: application/json; charset=utf-8\r\n"
            "Connection: close\r\n"
            "\r\n"
            "{\"message\":\"BODY_TOO_BIG\"}<EOF>");
}

TEST_F(ServerTest, ARefusalReachesAClientThatKeepsSending) {
  const UniqueFd client = Connect();
  Send(client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
  const std::string more(64 * 1024, 'x');
  for (int i = 0; i < 20; ++i) Send(client, more);
  EXPECT_TRUE(ReceiveUntil(client, "<EOF>").ends_with("{\"message\":\"BODY_TOO_BIG\"}<EOF>"));
}

TEST_F(ServerTest, AServerMayGoWhileItsLastWordsAreHeard) {
  const UniqueFd client = Connect();
  Send(client, "GARBAGE\r\n\r\n");
  server_.reset();
  EXPECT_TRUE(ReceiveUntil(client, "<EOF>").ends_with("\r\n\r\n400 Bad Request<EOF>"));
}

TEST_F(ServerTest, Expect100IsAnsweredBeforeTheBody) {
  const UniqueFd client = Connect();
  Send(client,
       "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(ReceiveUntil(client, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  Send(client, "body");
  EXPECT_TRUE(ReceiveUntil(client, "body").ends_with("\r\n\r\nbody"));
}

TEST_F(ServerTest, Http10ClosesUnlessAskedToKeepAlive) {
  const std::string closed = Ask("GET /ping HTTP/1.0\r\n\r\n", "<EOF>");
  EXPECT_TRUE(closed.starts_with("HTTP/1.0 200 OK\r\n")) << closed;
  EXPECT_TRUE(closed.ends_with("\r\n\r\nOK<EOF>")) << closed;
  const UniqueFd client = Connect();
  for (int i = 0; i < 2; ++i) {
    Send(client, "GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const std::string kept = ReceiveUntil(client, "OK");
    EXPECT_NE(kept.find("\r\nConnection: keep-alive\r\n"), std::string::npos) << kept;
  }
}

// What Go's server says, and in its form: it is what NSQ's users see.
std::string Refusal(std::string_view status) {
  std::string text = "HTTP/1.1 ";
  text.append(status).append(
      "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
  return text.append(status).append("<EOF>");
}

TEST_F(ServerTest, WhatIsNotHttpIsRefusedAndEndsTheConnection) {
  const struct {
    const char* request;
    const char* status;
  } cases[] = {
      {"GARBAGE\r\n", "400 Bad Request"},
      {"GET /ping\r\n\r\n", "400 Bad Request"},
      {"\x16\x03\x01\x02\x01\xfc\r\n\r\n", "400 Bad Request"},
      {"GET /p%zzing HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request"},
      {"GET /ping HTTP/1.1\r\nno colon\r\n\r\n", "400 Bad Request"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400 Bad Request"},
      {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "400 Bad Request"},
      {"GET /ping HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"},
      {"GET /ping HTTP/2.0\r\n", "505 HTTP Version Not Supported: unsupported protocol version"},
  };
  for (const auto& [request, status] : cases) {
    EXPECT_EQ(Ask(request, "<EOF>"), Refusal(status)) << request;
  }
  EXPECT_TRUE(Ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", "OK").ends_with("OK"))
      << "others are not disturbed";
}

TEST_F(ServerTest, AHeadWithoutAnEndIsRefusedAtItsLimit) {
  const UniqueFd client = Connect();
  Send(client, "GET /ping HTTP/1.1\r\nHost: x\r\n");
  const std::string field = "A: " + std::string(1000, 'x') + "\r\n";
  for (int i = 0; i < 1100; ++i) Send(client, field);
  EXPECT_EQ(ReceiveUntil(client, "<EOF>"), Refusal("431 Request Header Fields Too Large"));
}

TEST_F(ServerTest, AHeadCutByItsClientIsRefused) {
  for (const char* part : {"GE", "GET /ping HTTP/1.1\r\n", "GET /ping HTTP/1.1\r\nHost: x\r\n"}) {
    const UniqueFd client = Connect();
    Send(client, part);
    ::shutdown(client.get(), SHUT_WR);
    EXPECT_EQ(ReceiveUntil(client, "<EOF>"), Refusal("400 Bad Request")) << part;
  }
  const UniqueFd silent = Connect();
  ::shutdown(silent.get(), SHUT_WR);
  EXPECT_EQ(ReceiveUntil(silent, "<EOF>"), "<EOF>");
}

TEST_F(ServerTest, ABodyCutByItsClientReachesTheHandlerAsBroken) {
  for (const char* request :
       {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"}) {
    const UniqueFd client = Connect();
    Send(client, request);
    ::shutdown(client.get(), SHUT_WR);
    const std::string answer = ReceiveUntil(client, "<EOF>");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << request << answer;
    EXPECT_TRUE(answer.ends_with("{\"message\":\"INTERNAL_ERROR\"}<EOF>")) << request << answer;
  }
}

TEST_F(ServerTest, ABrokenChunkReachesTheHandlerAndEndsTheConnection) {
  const std::string answer = Ask(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
      "<EOF>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500 ")) << answer;
  EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos) << answer;
}

TEST_F(ServerTest, ABrokenBodyThatNobodyReadsChangesNoAnswer) {
  const std::string answer =
      Ask("GET /ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "<EOF>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos) << answer;
}

TEST_F(ServerTest, ABodyThatNobodyReadsIsDroppedUpToALimit) {
  const std::string ping = "GET /ping HTTP/1.1\r\nHost: x\r\n";
  const UniqueFd client = Connect();
  Send(client, ping + "Content-Length: 200000\r\n\r\n" + std::string(200'000, 'x') +
                   "GET /param?topic=next HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(ReceiveUntil(client, "next").ends_with("\r\n\r\nnext"));
  const std::string answer = Ask(ping + "Content-Length: 300000\r\n\r\n", "<EOF>");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nOK<EOF>")) << answer << "its body is not waited for";

  const UniqueFd chunked = Connect();
  Send(chunked, ping + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" +
                    std::string(ServerConnection::kMaxDroppedBytes + 1, 'x'));
  EXPECT_TRUE(ReceiveUntil(chunked, "<EOF>").ends_with("\r\n\r\nOK<EOF>"));
}

TEST_F(ServerTest, AnUnknownExpectationIsRefused) {
  const std::string answer = Ask(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nContent-Length: 4\r\n\r\nbody", "<EOF>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 417 Expectation Failed\r\n")) << answer;
}

TEST_F(ServerTest, AClientThatExpectsIsNotAskedForWhatIsTooLong) {
  const std::string answer =
      Ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
          "<EOF>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
}

TEST_F(ServerTest, ALineEndAfterAPostsBodyIsForgivenWhereverItIsCut) {
  const std::string post = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
  const std::string get = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string between : {"\r\n", "\n", "\r\n\r\n"}) {
    const std::string stream = post + between + get;
    for (size_t cut = post.size(); cut <= post.size() + between.size(); ++cut) {
      const UniqueFd client = Connect();
      Send(client, stream.substr(0, cut));
      Send(client, stream.substr(cut));
      EXPECT_TRUE(ReceiveUntil(client, "OK").ends_with("\r\n\r\nOK")) << cut;
    }
  }
  const UniqueFd client = Connect();
  Send(client, post + "\r\n");
  Send(client, "\r\n\r\n" + get);
  EXPECT_TRUE(ReceiveUntil(client, "<EOF>").find("400 Bad Request") != std::string::npos);
}

TEST_F(ServerTest, ManyRequestsAtOnceAreAnsweredOverManyTurns) {
  router_.Add(Method::kGet, "/count", [this](auto exchange) {
    ++asked_;
    exchange->Text("c");
  });
  const UniqueFd client = Connect();
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "GET /count HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_EQ(::send(client.get(), requests.data(), requests.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(requests.size()));
  for (int before = 0; asked_ < 1000; before = asked_) {
    loop_.RunOnce(true);
    ASSERT_LE(asked_ - before, static_cast<int>(ServerConnection::kAnswersPerTurn));
  }
  const UniqueFd other = Connect();
  Send(other, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(ReceiveUntil(other, "OK").ends_with("OK"));
}

// A client that asks much and reads nothing is not answered beyond a limit, until it reads.
TEST_F(ServerTest, AClientThatDoesNotReadIsNotListenedTo) {
  router_.Add(Method::kGet, "/megabyte", [this](auto exchange) {
    ++asked_;
    exchange->Text(std::string(1'000'000, 'm'));
  });
  const UniqueFd client = Connect();
  std::string requests;
  for (int i = 0; i < 40; ++i) requests += "GET /megabyte HTTP/1.1\r\nHost: x\r\n\r\n";
  Send(client, requests);
  EXPECT_LT(asked_, 20);
  size_t received = 0;
  while (received < 40'000'000) {
    const std::string some = ReceiveUntil(client, "m");
    ASSERT_FALSE(some.ends_with(">")) << "after " << received;
    received += some.size();
  }
  EXPECT_EQ(asked_, 40);
}

TEST_F(ServerTest, ACodedBodyIsRefusedAndEndsTheConnection) {
  const std::string answer =
      Ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"
          "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
          "<EOF>");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 501 Not Implemented\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nUnsupported transfer encoding<EOF>")) << answer;
}

TEST_F(ServerTest, AClientThatGoesInMidRequestIsForgotten) {
  for (const char* part : {"GE", "GET /ping HTTP/1.1\r\nHo",
                           "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"}) {
    const UniqueFd client = Connect();
    Send(client, part);
  }
  Turns();
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ServerTest, ABodyWhereNoneBelongsDoesNotBecomeTheNextRequest) {
  const std::string body = "GET /json HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string headers = " /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 31\r\n\r\n";
  const UniqueFd client = Connect();
  Send(client, "GET" + headers + body + "GET /param?topic=next HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answers = ReceiveUntil(client, "next");
  EXPECT_EQ(answers.find("{\"a\":1}"), std::string::npos) << answers;
  EXPECT_TRUE(answers.ends_with("\r\n\r\nnext")) << answers;
  const UniqueFd other = Connect();
  Send(other, "HEAD" + headers + body + "GET /param?topic=next HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string head = ReceiveUntil(other, "next");
  EXPECT_EQ(head.find("{\"a\":1}"), std::string::npos) << head;
}

TEST_F(ServerTest, LargeBodiesGoBothWays) {
  router_.Add(Method::kPost, "/large",
              [](auto exchange) { exchange->Text(std::string(exchange->request().body)); });
  router_.Add(
      Method::kPost, "/large", [](auto exchange) { Echo(*exchange); }, Access::kQuiet,
      BodyUse::Kept(4'000'000));
  std::string body;
  while (body.size() < 3'000'000) body += std::to_string(body.size());
  const UniqueFd client = Connect();
  Send(client, "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + body);
  const std::string answer = ReceiveUntil(client, body.substr(body.size() - 40));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n" + body)) << answer.size();
}

TEST_F(ServerTest, ServersOfTwoLoopsMayShareASocket) {
  EventLoop other_loop("other loop");
  Server other(other_loop, router_);
  auto fd = nsq::Listen(Loopback(0));
  port_ = BoundPort(fd->get());
  other.Listen(UniqueFd(::dup(fd->get())));
  server_->Listen(std::move(*fd));
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(Ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", "OK").ends_with("OK"));
    other_loop.RunOnce(false);
  }
}

TEST_F(ServerTest, OneTooManyHearsWhyAndOthersGoOn) {
  ConnectionLimit limit(2);
  Server limited(loop_, router_, &limit);
  auto fd = nsq::Listen(Loopback(0));
  port_ = BoundPort(fd->get());
  limited.Listen(std::move(*fd));
  const UniqueFd first = Connect();
  UniqueFd second = Connect();
  EXPECT_EQ(Ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "<EOF>"),
            "HTTP/1.1 503 Service Unavailable\r\n"
            "Content-Type: application/json; charset=utf-8\r\n"
            "Connection: close\r\n"
            "Content-Length: 34\r\n"
            "\r\n"
            "{\"message\":\"TOO_MANY_CONNECTIONS\"}<EOF>");
  EXPECT_EQ(limit.refused(), 1u);
  Send(first, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(ReceiveUntil(first, "OK").ends_with("\r\n\r\nOK"));

  second.Reset();
  while (limit.open() > 1) loop_.RunOnce(true);
  EXPECT_TRUE(Ask("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", "OK").ends_with("\r\n\r\nOK"));
}

class TlsServerTest : public ServerTest {
 protected:
  // Listens with TLS on port_.
  void ServeTls(Server* server, Duration handshake_time) {
    const TestAuthority::Pair pair = authority_.Issue("server");
    TlsServerOptions options;
    options.cert_file = pair.cert_file;
    options.key_file = pair.key_file;
    auto context = TlsContext::ForServer(options);
    EXPECT_TRUE(context.ok()) << context.status().ToString();
    server->UseTls(std::move(*context));
    auto fd = nsq::Listen(Loopback(0));
    port_ = BoundPort(fd->get());
    server->ListenTls(std::move(*fd), handshake_time);
  }

  TestAuthority authority_;
};

TEST_F(TlsServerTest, WhoDoesNotShakeHandsInTimeIsClosed) {
  ServeTls(server_.get(), milliseconds(20));
  const UniqueFd silent = Connect();
  const UniqueFd slow = Connect();
  Send(slow, {"\x16\x03\x01\x02", 4});  // a record begins
  EXPECT_TRUE(ReceiveUntil(silent, "<EOF>").ends_with("<EOF>"));
  EXPECT_TRUE(ReceiveUntil(slow, "<EOF>").ends_with("<EOF>"));
  while (server_->connections() > 0) loop_.RunOnce(true);
}

TEST_F(TlsServerTest, OneTooManyHearsAnAlert) {
  ConnectionLimit limit(1);
  Server limited(loop_, router_, &limit);
  ServeTls(&limited, seconds(10));
  const UniqueFd first = Connect();
  EXPECT_EQ(Ask("", "<EOF>"), std::string("\x15\x03\x01\x00\x02\x02\x50<EOF>", 12));
}

}  // namespace
}  // namespace nsq::http
