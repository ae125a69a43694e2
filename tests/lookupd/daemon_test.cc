#include "lookupd/daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/address.h"
#include "common/event/buffer.h"
#include "common/event/unique_fd.h"
#include "common/strings.h"
#include "lookupd/session_v1.h"
#include "tests/common/metrics/exposition_parser.h"

namespace nsq::lookupd {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string Framed(std::string_view text) {
  std::string framed(4, '\0');
  StoreBig32(framed.data(), static_cast<uint32_t>(text.size()));
  return framed.append(text);
}

std::string Identify(std::string_view broadcast_address = "node") {
  return "IDENTIFY\n" + Framed(StrCat("{\"broadcast_address\":\"", broadcast_address,
                                      "\",\"hostname\":\"vm\",\"http_port\":4151,\"tcp_port\":4150,"
                                      "\"topology_region\":\"r\",\"topology_zone\":\"z\","
                                      "\"version\":\"1.3.0\"}"));
}

// A daemon whose turns the test runs itself, and clients that speak bytes.
class DaemonTest : public testing::Test {
 protected:
  DaemonTest() { Start(); }

  void Start(RegistrationDb::Options registrations = {}) {
    daemon_.reset();
    DaemonOptions options;
    options.tcp_address = "127.0.0.1:0";
    options.http_address = "127.0.0.1:0";
    options.broadcast_address = "lookup";
    options.registrations = registrations;
    options.identify_time = identify_time_;
    auto started = Daemon::Start(loop_, options);
    ASSERT_TRUE(started.ok()) << started.status().ToString();
    daemon_ = std::move(*started);
  }

  void Turns() {
    for (int i = 0; i < 8; ++i) loop_.RunOnce(false);
  }

  UniqueFd Connect(const std::string& to) {
    auto fd = StartConnect(*ParseAddress(to));
    EXPECT_TRUE(fd.ok()) << fd.status().ToString();
    SetTcpOptions(fd->get());
    Turns();
    return std::move(*fd);
  }
  UniqueFd ConnectTcp() { return Connect(daemon_->tcp_address()); }

  // False if the peer takes no more.
  bool TrySend(const UniqueFd& client, std::string_view* bytes) {
    const ssize_t n = ::send(client.get(), bytes->data(), bytes->size(), MSG_NOSIGNAL);
    if (n > 0) bytes->remove_prefix(static_cast<size_t>(n));
    Turns();
    return n > 0;
  }
  void Send(const UniqueFd& client, std::string_view bytes) {
    while (!bytes.empty()) {
      if (!TrySend(client, &bytes) && errno != EAGAIN) return;
    }
  }

  // `n` bytes, or what there is until the end of the stream ("<EOF>", "<RESET>").
  std::string Receive(const UniqueFd& client, size_t n = std::string::npos) {
    std::string got;
    const auto deadline = std::chrono::steady_clock::now() + seconds(30);
    while (got.size() < n && std::chrono::steady_clock::now() < deadline) {
      loop_.RunOnce(false);
      pollfd waiting = {client.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 1) == 0) continue;
      char bytes[65536];
      const ssize_t more = ::recv(client.get(), bytes, std::min(sizeof bytes, n - got.size()), 0);
      if (more < 0 && errno == EAGAIN) continue;
      if (more <= 0) return got + (more == 0 ? "<EOF>" : "<RESET>");
      got.append(bytes, static_cast<size_t>(more));
    }
    return got.size() < n ? got + "<TIMEOUT>" : got;
  }

  std::string ReceiveFrame(const UniqueFd& client) {
    const std::string size = Receive(client, 4);
    if (size.size() != 4) return size;
    return Receive(client, LoadBig32(size.data()));
  }

  // An nsqd that has registered something.
  UniqueFd Node(std::string_view broadcast_address, std::string_view commands) {
    UniqueFd client = ConnectTcp();
    Send(client, StrCat("  V1", Identify(broadcast_address), commands));
    EXPECT_THAT(ReceiveFrame(client), StartsWith("{\"broadcast_address\":\"lookup\""));
    for (const char c : commands) {
      if (c != '\n') continue;
      EXPECT_EQ(ReceiveFrame(client), "OK");
    }
    return client;
  }

  std::string AskRaw(std::string_view request) {
    const UniqueFd client = Connect(daemon_->http_address());
    Send(client, request);
    std::string answer = Receive(client);
    for (size_t at = 0; (at = answer.find("Date: ", at)) != std::string::npos;) {
      answer.erase(at, answer.find("\r\n", at) + 2 - at);
    }
    return answer;
  }
  // "200 body" of one request.
  std::string Ask(std::string_view method, std::string_view target) {
    const std::string answer =
        AskRaw(StrCat(method, " ", target, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    const size_t body = answer.find("\r\n\r\n");
    if (!answer.starts_with("HTTP/1.1 ") || !answer.ends_with("<EOF>")) return answer;
    return answer.substr(9, 4) + answer.substr(body + 4, answer.size() - body - 9);
  }
  std::string Get(std::string_view target) { return Ask("GET", target); }
  std::string Post(std::string_view target) { return Ask("POST", target); }

  // Runs turns until `target` is answered so.
  void Await(std::string_view target, const testing::Matcher<std::string>& matcher) {
    std::string answer;
    for (int i = 0; i < 1000; ++i) {
      answer = Get(target);
      if (testing::Value(answer, matcher)) return;
    }
    EXPECT_THAT(answer, matcher);
  }

  EventLoop loop_{"test loop"};
  Duration identify_time_ = V1Server::kIdentifyTime;
  std::unique_ptr<Daemon> daemon_;
};

// --- TCP

TEST_F(DaemonTest, AnNsqdIsFoundUntilItHangsUp) {
  {
    const UniqueFd node = Node("node", "REGISTER t c\nPING\n");
    EXPECT_EQ(Get("/topics"), R"(200 {"topics":["t"]})");
    EXPECT_EQ(Get("/channels?topic=t"), R"(200 {"channels":["c"]})");
    const std::string peer =
        StrCat(R"({"remote_address":")", LocalAddress(node.get()),
               R"(","hostname":"vm","broadcast_address":"node","tcp_port":4150,"http_port":4151,)",
               R"("version":"1.3.0","topology_zone":"z","topology_region":"r")");
    EXPECT_EQ(Get("/lookup?topic=t"),
              StrCat(R"(200 {"channels":["c"],"producers":[)", peer, "}]}"));
    EXPECT_EQ(Get("/nodes"),
              StrCat(R"(200 {"producers":[)", peer, R"(,"tombstones":[false],"topics":["t"]}]})"));
    EXPECT_THAT(Get("/debug"),
                AllOf(HasSubstr(R"({"channel:t:c":[{"broadcast_address":"node")"),
                      HasSubstr(R"(],"client::":[{)"), HasSubstr(R"(],"topic:t:":[{)"),
                      HasSubstr(LocalAddress(node.get()))));
  }
  Await("/nodes", R"(200 {"producers":[]})");
  EXPECT_EQ(Get("/lookup?topic=t"), R"(200 {"channels":["c"],"producers":[]})");
  EXPECT_EQ(Get("/debug"), "200 {}");
}

TEST_F(DaemonTest, AResetIsAHangUp) {
  UniqueFd node = Node("node", "REGISTER t\n");
  const linger hard = {1, 0};
  ::setsockopt(node.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  node.Reset();
  Await("/nodes", R"(200 {"producers":[]})");
}

TEST_F(DaemonTest, CommandsArriveByteByByte) {
  const UniqueFd client = ConnectTcp();
  for (const char byte : "  V1" + Identify() + "REGISTER t c\nPING\n") {
    Send(client, std::string_view(&byte, 1));
  }
  EXPECT_THAT(ReceiveFrame(client), HasSubstr("\"hostname\":"));
  EXPECT_EQ(ReceiveFrame(client), "OK");
  EXPECT_EQ(ReceiveFrame(client), "OK");
  EXPECT_EQ(Get("/channels?topic=t"), R"(200 {"channels":["c"]})");
}

TEST_F(DaemonTest, TheReplyToIdentifyHasTheBoundPorts) {
  const UniqueFd client = ConnectTcp();
  Send(client, "  V1" + Identify());
  const auto port = [](const std::string& address) {
    return address.substr(address.rfind(':') + 1);
  };
  EXPECT_EQ(ReceiveFrame(client),
            StrCat(R"({"broadcast_address":"lookup","hostname":")", Hostname(), R"(","http_port":)",
                   port(daemon_->http_address()), R"(,"tcp_port":)", port(daemon_->tcp_address()),
                   R"(,"version":"1.3.0"})"));
}

TEST_F(DaemonTest, ErrorsAreSentBeforeTheConnectionCloses) {
  for (const std::string& said :
       {std::string("  V1") + Identify() + "REGISTER t\nNONSENSE\nPING\n" +
            std::string(100'000, 'x'),
        "  V1IDENTIFY\n" + std::string("\xff\xff\xff\xff", 4) + std::string(100'000, 'x')}) {
    const UniqueFd client = ConnectTcp();
    Send(client, said);
    EXPECT_THAT(Receive(client), AnyOf(EndsWith("E_INVALID invalid command NONSENSE<EOF>"),
                                       EndsWith("E_BAD_BODY IDENTIFY failed to read body<EOF>")));
    EXPECT_EQ(Get("/nodes"), R"(200 {"producers":[]})");
  }
  const UniqueFd client = ConnectTcp();
  Send(client, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(Receive(client), Framed("E_BAD_PROTOCOL") + "<EOF>");
}

TEST_F(DaemonTest, WhatWasSaidBeforeTheEndOfFileIsStillAnswered) {
  constexpr size_t kPings = 20 * SessionV1::kStepsPerCall;
  std::string said = "  V1";
  for (size_t i = 0; i < kPings; ++i) said += "PING\n";
  const UniqueFd client = ConnectTcp();
  Send(client, said);
  ::shutdown(client.get(), SHUT_WR);
  const std::string answers = Receive(client);
  EXPECT_EQ(answers.size(), kPings * 6 + std::string_view("<EOF>").size());
  EXPECT_THAT(answers, EndsWith("OK<EOF>"));
}

// A client that sends and never reads costs a bounded amount of memory and nobody else's time.
TEST_F(DaemonTest, AClientThatDoesNotReadIsNotReadFrom) {
  const UniqueFd client = ConnectTcp();
  const int small = 64 * 1024;  // the fewer bytes the kernels hold, the faster the test
  ::setsockopt(client.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  std::string chunk;
  for (int i = 0; i < 10'000; ++i) chunk += "PING\n";
  Send(client, "  V1");
  size_t sent = 0;
  int refused = 0;
  // Until the buffers of both kernels are full: far more than this daemon may take itself.
  while (refused < 50 && sent < (size_t{256} << 20)) {
    std::string_view rest = chunk;
    if (TrySend(client, &rest)) {
      refused = 0;
      sent += chunk.size() - rest.size();
      // Goes on where the kernel has stopped.
      if (!rest.empty()) chunk = std::string(rest) + chunk.substr(0, chunk.size() - rest.size());
    } else {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 50) << "it takes whatever comes: " << sent;
  EXPECT_EQ(Get("/ping"), "200 OK");
  const UniqueFd other = Node("node", "REGISTER t\n");

  ::shutdown(client.get(), SHUT_WR);
  const std::string answers = Receive(client);
  EXPECT_EQ(answers.size(), sent / 5 * 6 + std::string_view("<EOF>").size());
}

TEST_F(DaemonTest, EndingClosesConnectionsThatHaveSaidNothing) {
  const UniqueFd silent = ConnectTcp();
  const UniqueFd half = ConnectTcp();
  Send(half, "  V");
  const UniqueFd node = Node("node", "REGISTER t\n");
  const UniqueFd http = Connect(daemon_->http_address());
  daemon_.reset();
  for (const UniqueFd* client : {&silent, &half, &node, &http}) {
    EXPECT_THAT(Receive(*client), AnyOf("<EOF>", "<RESET>"));
  }
}

TEST_F(DaemonTest, SilentNodesAreHiddenButTheirTopicsStay) {
  Start({.inactive_producer_timeout = Duration(-1), .tombstone_lifetime = seconds(45)});
  const UniqueFd node = Node("node", "REGISTER t c\n");
  EXPECT_EQ(Get("/nodes"), R"(200 {"producers":[]})");
  EXPECT_EQ(Get("/lookup?topic=t"), R"(200 {"channels":["c"],"producers":[]})");
  EXPECT_THAT(Get("/debug"), HasSubstr("\"topic:t:\":[{"));
}

// --- HTTP

TEST_F(DaemonTest, HttpAnswers) {
  const UniqueFd node = Node("::1", "REGISTER t c1\nREGISTER t c2\nREGISTER u\n");
  struct Row {
    const char* method;
    const char* target;
    const char* answer;
  };
  // In order: later rows see what earlier ones did.
  const Row rows[] = {
      {"GET", "/ping", "200 OK"},
      {"GET", "/info", R"(200 {"version":"1.3.0"})"},
      {"GET", "/topics", R"(200 {"topics":["t","u"]})"},
      {"GET", "/channels?topic=t", R"(200 {"channels":["c1","c2"]})"},
      {"GET", "/channels?topic=t&topic=u", R"(200 {"channels":["c1","c2"]})"},
      {"GET", "/channels?topic=u", R"(200 {"channels":[]})"},
      {"GET", "/channels?topic=unknown", R"(200 {"channels":[]})"},
      {"GET", "/channels?topic=", R"(200 {"channels":[]})"},
      {"GET", "/channels?topic=*", R"(200 {"channels":[]})"},
      {"GET", "/channels", R"(400 {"message":"MISSING_ARG_TOPIC"})"},
      {"GET", "/channels?x=%zz&topic=t", R"(400 {"message":"INVALID_REQUEST"})"},
      {"GET", "/channels?topic=t;x", R"(400 {"message":"INVALID_REQUEST"})"},
      {"GET", "/lookup", R"(400 {"message":"MISSING_ARG_TOPIC"})"},
      {"GET", "/lookup?TOPIC=t", R"(400 {"message":"MISSING_ARG_TOPIC"})"},
      {"GET", "/lookup?topic=%zz", R"(400 {"message":"INVALID_REQUEST"})"},
      {"GET", "/lookup?topic=unknown", R"(404 {"message":"TOPIC_NOT_FOUND"})"},
      {"GET", "/lookup?topic=", R"(404 {"message":"TOPIC_NOT_FOUND"})"},
      {"GET", "/lookup?topic=*", R"(404 {"message":"TOPIC_NOT_FOUND"})"},
      {"POST", "/topic/create", R"(400 {"message":"MISSING_ARG_TOPIC"})"},
      {"POST", "/topic/create?topic=", R"(400 {"message":"INVALID_ARG_TOPIC"})"},
      {"POST", "/topic/create?topic=*", R"(400 {"message":"INVALID_ARG_TOPIC"})"},
      {"POST", "/topic/create?topic=a%20b", R"(400 {"message":"INVALID_ARG_TOPIC"})"},
      {"POST", "/topic/create?topic=%", R"(400 {"message":"INVALID_REQUEST"})"},
      {"POST", "/topic/create?topic=x%23ephemeral", "200 "},
      {"POST", "/topic/create?topic=x%23ephemeral", "200 "},
      {"GET", "/topics", R"(200 {"topics":["t","u","x#ephemeral"]})"},
      {"GET", "/lookup?topic=x%23ephemeral", R"(200 {"channels":[],"producers":[]})"},
      {"POST", "/channel/create", R"(400 {"message":"MISSING_ARG_TOPIC"})"},
      {"POST", "/channel/create?topic=*", R"(400 {"message":"INVALID_ARG_TOPIC"})"},
      {"POST", "/channel/create?topic=y", R"(400 {"message":"MISSING_ARG_CHANNEL"})"},
      {"POST", "/channel/create?topic=y&channel=*", R"(400 {"message":"INVALID_ARG_CHANNEL"})"},
      {"POST", "/channel/create?channel=d&topic=y", "200 "},
      {"GET", "/channels?topic=y", R"(200 {"channels":["d"]})"},
      {"GET", "/topics", R"(200 {"topics":["t","u","x#ephemeral","y"]})"},
      {"POST", "/channel/delete", R"(400 {"message":"MISSING_ARG_TOPIC"})"},
      {"POST", "/channel/delete?topic=*", R"(400 {"message":"INVALID_ARG_TOPIC"})"},
      {"POST", "/channel/delete?topic=y", R"(400 {"message":"MISSING_ARG_CHANNEL"})"},
      {"POST", "/channel/delete?topic=y&channel=", R"(400 {"message":"INVALID_ARG_CHANNEL"})"},
      {"POST", "/channel/delete?topic=y&channel=e", R"(404 {"message":"CHANNEL_NOT_FOUND"})"},
      {"POST", "/channel/delete?topic=z&channel=d", R"(404 {"message":"CHANNEL_NOT_FOUND"})"},
      {"POST", "/channel/delete?topic=y&channel=d", "200 "},
      {"GET", "/channels?topic=y", R"(200 {"channels":[]})"},
      {"POST", "/topic/delete", R"(400 {"message":"MISSING_ARG_TOPIC"})"},
      {"POST", "/topic/delete?topic=*", "200 "},
      {"POST", "/topic/delete?topic=unknown", "200 "},
      {"POST", "/topic/delete?topic=y", "200 "},
      {"POST", "/topic/delete?topic=x%23ephemeral", "200 "},
      {"GET", "/topics", R"(200 {"topics":["t","u"]})"},
      {"POST", "/topic/tombstone", R"(400 {"message":"MISSING_ARG_TOPIC"})"},
      {"POST", "/topic/tombstone?topic=t", R"(400 {"message":"MISSING_ARG_NODE"})"},
      {"POST", "/topic/tombstone?topic=unknown&node=n", "200 "},
      {"POST", "/topic/tombstone?topic=*&node=[::1]:4151", "200 "},
      {"POST", "/topic/tombstone?topic=u&node=%5B::1%5D:4151", "200 "},
      {"GET", "/lookup?topic=u", R"(200 {"channels":[],"producers":[]})"},
      {"POST", "/topic/delete?topic=t", "200 "},
      {"GET", "/lookup?topic=t", R"(404 {"message":"TOPIC_NOT_FOUND"})"},
      {"GET", "/channels?topic=t", R"(200 {"channels":[]})"},
      {"GET", "/nope", R"(404 {"message":"NOT_FOUND"})"},
      {"POST", "/create_topic?topic=t", R"(404 {"message":"NOT_FOUND"})"},
      {"OPTIONS", "/nope", R"(404 {"message":"NOT_FOUND"})"},
      {"GET", "/topic/create?topic=t", R"(405 {"message":"METHOD_NOT_ALLOWED"})"},
      {"POST", "/lookup?topic=t", R"(405 {"message":"METHOD_NOT_ALLOWED"})"},
      {"PUT", "/ping", R"(405 {"message":"METHOD_NOT_ALLOWED"})"},
      {"HEAD", "/topics", "405 "},
      {"OPTIONS", "/topics", "200 "},
      {"POST", "/topic/create/?topic=q", "307 "},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Ask(row.method, row.target), row.answer) << row.method << " " << row.target;
  }
  EXPECT_THAT(Get("/nodes"), HasSubstr(R"("tombstones":[true],"topics":["u"])"));
}

TEST_F(DaemonTest, HttpHeaders) {
  const std::string end = "Host: x\r\nConnection: close\r\n\r\n";
  // go-nsq takes an answer without this header for the envelope of old versions.
  EXPECT_EQ(AskRaw("GET /topics HTTP/1.1\r\n" + end),
            "HTTP/1.1 200 OK\r\nX-NSQ-Content-Type: nsq; version=1.0\r\nContent-Length: 13\r\n"
            "Content-Type: application/json; charset=utf-8\r\nConnection: close\r\n\r\n"
            "{\"topics\":[]}<EOF>");
  EXPECT_THAT(AskRaw("GET /lookup HTTP/1.1\r\n" + end),
              AllOf(HasSubstr("X-NSQ-Content-Type: nsq; version=1.0\r\n"),
                    HasSubstr("Content-Type: application/json; charset=utf-8\r\n")));
  EXPECT_EQ(AskRaw("POST /topic/create?topic=t HTTP/1.1\r\n" + end),
            "HTTP/1.1 200 OK\r\nX-NSQ-Content-Type: nsq; version=1.0\r\nContent-Length: 0\r\n"
            "Connection: close\r\n\r\n<EOF>");
  EXPECT_THAT(AskRaw("GET /ping HTTP/1.1\r\n" + end),
              AllOf(HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"),
                    Not(HasSubstr("X-NSQ")), EndsWith("OK<EOF>")));
  EXPECT_THAT(AskRaw("GET /topic/create HTTP/1.1\r\n" + end),
              HasSubstr("\r\nAllow: OPTIONS, POST\r\n"));
  EXPECT_THAT(AskRaw("OPTIONS /lookup HTTP/1.1\r\n" + end),
              AllOf(HasSubstr("\r\nAllow: GET, OPTIONS\r\n"), Not(HasSubstr("X-NSQ"))));
  EXPECT_THAT(AskRaw("GET /LOOKUP/?topic=t HTTP/1.1\r\n" + end),
              AllOf(StartsWith("HTTP/1.1 301 "), HasSubstr("\r\nLocation: /lookup?topic=t\r\n")));
}

TEST_F(DaemonTest, ParametersInABodyAreIgnored) {
  const std::string body =
      "Content-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: 7\r\nHost: x\r\nConnection: close\r\n\r\ntopic=x";
  EXPECT_THAT(AskRaw("POST /topic/create HTTP/1.1\r\n" + body), HasSubstr("MISSING_ARG_TOPIC"));
  EXPECT_THAT(AskRaw("POST /topic/create?topic=y HTTP/1.1\r\n" + body),
              StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(Get("/topics"), R"(200 {"topics":["y"]})");
}

// --- Starting

TEST(DaemonStartTest, AddressesThatCannotBeUsedAreNamed) {
  EventLoop loop("test loop");
  const auto start = [&](const std::string& tcp, const std::string& http) {
    DaemonOptions options;
    options.tcp_address = tcp;
    options.http_address = http;
    return Daemon::Start(loop, options).status().detail();
  };
  EXPECT_EQ(start("127.0.0.1", "127.0.0.1:0"),
            "listen (127.0.0.1) failed - listen tcp: address 127.0.0.1: missing port in address");
  EXPECT_EQ(start("127.0.0.1:99999", "127.0.0.1:0"),
            "listen (127.0.0.1:99999) failed - listen tcp: address 99999: invalid port");
  EXPECT_EQ(start("127.0.0.1:0", "192.0.2.1:1"),
            "listen (192.0.2.1:1) failed - listen tcp 192.0.2.1:1: bind: cannot assign requested "
            "address");
}

TEST(DaemonStartTest, AllInterfacesMeansBothFamilies) {
  EventLoop loop("test loop");
  DaemonOptions options;
  options.tcp_address = "0.0.0.0:0";
  options.http_address = ":0";
  const auto daemon = Daemon::Start(loop, options);
  ASSERT_TRUE(daemon.ok());
  for (const std::string& bound : {(*daemon)->tcp_address(), (*daemon)->http_address()}) {
    for (const char* host : {"127.0.0.1", "[::1]"}) {
      const std::string address = host + bound.substr(bound.rfind(':'));
      const auto fd = StartConnect(*ParseAddress(address));
      if (!fd.ok() && !bound.starts_with("[::]")) continue;  // a machine without IPv6
      ASSERT_TRUE(fd.ok()) << address;
      pollfd waiting = {fd->get(), POLLOUT, 0};
      ASSERT_EQ(::poll(&waiting, 1, 5000), 1) << address;
      EXPECT_TRUE(SocketError(fd->get()).ok()) << address;
    }
  }
}

TEST_F(DaemonTest, MetricsCountTheDirectory) {
  EXPECT_EQ(Post("/channel/create?topic=a&channel=c"), "200 ");
  EXPECT_EQ(Post("/topic/create?topic=b%23ephemeral"), "200 ");
  const std::string answer = Get("/metrics");
  ASSERT_THAT(answer, StartsWith("200 "));
  const metrics::ParseResult result = metrics::ParseExposition(answer.substr(4));
  ASSERT_EQ(result.error, "");
  const metrics::ParsedPage& page = result.page;
  EXPECT_EQ(page.Find("nsq_lookupd_topics"), 2);
  EXPECT_EQ(page.Find("nsq_lookupd_channels"), 1);
  EXPECT_EQ(page.Find("nsq_lookupd_nodes"), 0);
  EXPECT_EQ(page.Find("nsq_lookupd_topic_channels", {{"topic", "a"}}), 1);
  EXPECT_EQ(page.Find("nsq_lookupd_topic_producers", {{"topic", "b#ephemeral"}}), 0);
  EXPECT_EQ(page.Find("nsq_loop_connections", {{"loop", "0"}}), 1) << "the one that asks";
}

TEST_F(DaemonTest, WhoDoesNotIdentifyItselfInTimeIsClosed) {
  identify_time_ = milliseconds(300);
  Start();
  const UniqueFd nsqd = ConnectTcp();
  Send(nsqd, "  V1" + Identify());
  const UniqueFd silent = ConnectTcp();
  const UniqueFd slow = ConnectTcp();
  Send(slow, "  V1IDENTIFY\n");
  EXPECT_EQ(Receive(silent), "<EOF>");
  EXPECT_EQ(Receive(slow), "<EOF>");
  Send(nsqd, "PING\n");
  EXPECT_THAT(Receive(nsqd, Framed("OK").size()), Not(HasSubstr("<EOF>")));
  EXPECT_THAT(Get("/nodes"), HasSubstr("\"broadcast_address\":\"node\""));
}

TEST_F(DaemonTest, PprofSaysWhatThereIs) {
  EXPECT_THAT(Get("/debug/pprof/goroutine"), StartsWith("200 nsqlookupd: event loops\n"));
  EXPECT_THAT(Get("/debug/pprof/heap"), HasSubstr("malloc_info:"));
  EXPECT_THAT(Get("/debug/pprof/"), StartsWith("200 <html>"));
}

}  // namespace
}  // namespace nsq::lookupd
