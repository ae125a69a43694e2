#include "common/http/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/http/router.h"

namespace nsq::http {
namespace {

constexpr size_t kMaxBody = 1000;

// A server whose turns the test runs itself, and clients that speak bytes.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    router_.Add(Method::kGet, "/ping", [](auto exchange) { exchange->Plain(200, "OK"); });
    router_.Add(Method::kPost, "/echo", [](auto exchange) {
      if (exchange->request().body.size() > kMaxBody) {
        exchange->Error(413, "BODY_TOO_BIG");
      } else {
        exchange->Text(std::string(exchange->request().body));
      }
    });
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
    server_ = std::make_unique<Server>(loop_, router_, Limits::ForBodies(kMaxBody));
    auto fd = nsq::Listen(Loopback(0));
    EXPECT_TRUE(fd.ok()) << fd.status().ToString();
    port_ = BoundPort(fd->get());
    EXPECT_TRUE(server_->Listen(std::move(*fd)).ok());
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

}  // namespace
}  // namespace nsq::http
