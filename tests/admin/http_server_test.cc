#include "admin/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "common/open_files.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() { EXPECT_TRUE(server.Listen("127.0.0.1:0").ok()); }

  int Connect() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    uint16_t port = 0;
    EXPECT_TRUE(ParseInt(Split(server.address(), ':')[1], &port));
    address.sin_port = htons(port);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  static void Send(int fd, const std::string& bytes) {
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // Until the server closes.
  static std::string ReadAll(int fd) {
    std::string answer;
    char buffer[4096];
    for (ssize_t n = 0; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
    return answer;
  }

  // Sends raw bytes and no more, and reads until the server closes.
  std::string Exchange(const std::string& bytes) {
    const int fd = Connect();
    Send(fd, bytes);
    shutdown(fd, SHUT_WR);
    std::string answer = ReadAll(fd);
    close(fd);
    return answer;
  }

  std::string Get(const std::string& target, const std::string& headers = "") {
    return Exchange(StrCat("GET ", target, " HTTP/1.1\r\nHost: x\r\n", headers, "\r\n"));
  }

  static std::string BodyOf(const std::string& answer) {
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  // Whoever asks for "/wait" waits until the door is opened.
  void OpenDoor() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  void AwaitWaiting(size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting >= count; });
  }
  Response Wait() {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
    Response response = Response::Text(200, "waited");
    response.routine = true;  // a thousand lines are no use
    return response;
  }

  std::mutex mutex;
  std::condition_variable changed;
  size_t waiting = 0;
  bool open = false;

  // Says back what it was asked.
  HttpServer server{[this](const Request& request) {
    if (request.target == "/wait") return Wait();
    if (request.target == "/throw") throw std::runtime_error("no");
    if (request.target == "/long") return Response::Json("\"" + std::string(100'000, 'a') + "\"");
    Response response = Response::Text(200, StrCat(request.method, " ", request.target, " ",
                                                   request.Header("x-who"), " ", request.body));
    response.headers.emplace_back("X-Extra", "1");
    return response;
  }};
};

TEST_F(HttpServerTest, HandsOverTheRequestAndTheAnswer) {
  const std::string answer = Get("/a%23b?c=d", "X-Who: me\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Extra: 1\r\n"));
  EXPECT_EQ(BodyOf(answer), "GET /a%23b?c=d me ");
  EXPECT_EQ(BodyOf(Exchange("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")),
            "POST /p  body");
  EXPECT_EQ(BodyOf(Exchange("DELETE /p%0aq HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")),
            "DELETE /p%0aq  ");
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  EXPECT_EQ(BodyOf(Exchange("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")), "");
}

TEST_F(HttpServerTest, EveryAnswerIsGuarded) {
  const std::string answer = Get("/");
  EXPECT_THAT(answer,
              HasSubstr("\r\nContent-Security-Policy: default-src 'none'; script-src 'self'"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Frame-Options: DENY\r\n"));
}

TEST_F(HttpServerTest, LongAnswersAreCompressedForThoseWhoAsk) {
  const auto compressed = [this](const std::string& accepted) {
    const std::string answer = Get("/long", "Accept-Encoding: " + accepted + "\r\n");
    if (answer.find("Content-Encoding: gzip") != std::string::npos) return "gzip";
    if (answer.find("Content-Encoding: deflate") != std::string::npos) return "deflate";
    return answer.find("Content-Encoding") == std::string::npos ? "no" : "otherwise";
  };
  EXPECT_STREQ(compressed("gzip"), "gzip");
  EXPECT_STREQ(compressed("br, gzip, deflate"), "gzip");
  EXPECT_STREQ(compressed("deflate"), "deflate");
  EXPECT_STREQ(compressed("br"), "no");
  EXPECT_STREQ(compressed("GZIP"), "no");
  EXPECT_STREQ(compressed("gzip;q=0"), "no");
  EXPECT_THAT(Get("/", "Accept-Encoding: gzip\r\n"), Not(HasSubstr("Content-Encoding")));

  const std::string body = BodyOf(Get("/long", "Accept-Encoding: deflate\r\n"));
  std::string plain(200'000, '\0');
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, -15), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.total_out, 100'002u);
  inflateEnd(&stream);
}

TEST_F(HttpServerTest, RangesAreIgnored) {
  for (const char* range : {"bytes=0-1", "bytes=999999-", "bytes=-0"}) {
    const std::string answer = Get("/", StrCat("Range: ", range, "\r\n"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n")) << range;
    EXPECT_EQ(BodyOf(answer), "GET /  ");
  }
}

TEST_F(HttpServerTest, AHandlerThatThrowsAnswers500) {
  const std::string answer = Get("/throw");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_EQ(BodyOf(answer), R"({"message":"INTERNAL_ERROR"})");
}

TEST_F(HttpServerTest, RubbishAndTooMuchAreRefused) {
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(Exchange("rubbish\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Exchange(post + "Content-Length: 1048577\r\n\r\n" + std::string(1'048'577, 'a')),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Exchange(chunked + "100001\r\n" + std::string(0x100001, 'a') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Exchange(chunked + "x\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Exchange(post + "Content-Length: 5\r\n\r\nhalf"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Get("/", "X-Long: " + std::string(1'100'000, 'a') + "\r\n"),
              StartsWith("HTTP/1.1 431"));
}

TEST_F(HttpServerTest, ChunkedBodiesAndLongOnesAreHandedOver) {
  EXPECT_EQ(BodyOf(Exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n")),
            "POST /  body");
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" +
                       std::string(1'048'576, 'a')),
              StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, AMethodWithoutANameIsHandedOver) {
  EXPECT_EQ(BodyOf(Exchange("PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n")), "PROPFIND /  ");
}

TEST_F(HttpServerTest, AConnectionServesMoreThanOneRequest) {
  const int fd = Connect();
  Send(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  Send(fd, "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answers = ReadAll(fd);
  EXPECT_THAT(answers, testing::ContainsRegex("GET /1 (.|\n)*GET /2 (.|\n)*GET /3 "));
  EXPECT_THAT(answers, HasSubstr("\r\nConnection: close\r\n"));
  close(fd);
}

// Whoever sends half a request and no more holds no thread, nor is he in the way of the end.
TEST_F(HttpServerTest, SlowClientsKeepNobodyOutAndDoNotDelayTheEnd) {
  std::vector<int> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(Connect());
    Send(slow.back(), i % 2 == 0 ? "GET /pi" : "POST / HTTP/1.1\r\nHost: x\r\nContent-Le");
  }
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 200"));
  for (const int fd : slow) {
    char byte = 0;
    EXPECT_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), -1) << "is still connected";
  }
  server.Stop();
  for (const int fd : slow) {
    EXPECT_EQ(ReadAll(fd), "");
    close(fd);
  }
}

TEST_F(HttpServerTest, TheEndWaitsForHandlersAndTheirAnswersAreRead) {
  const int fd = Connect();
  Send(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  const int idle = Connect();
  AwaitWaiting(1);
  std::thread stop([this] { server.Stop(); });
  EXPECT_EQ(ReadAll(idle), "") << "closed while the handler is at work";
  OpenDoor();
  EXPECT_EQ(BodyOf(ReadAll(fd)), "waited");
  close(fd);
  close(idle);
  stop.join();
}

TEST_F(HttpServerTest, SoManyRequestsMayWaitAndNoMore) {
  RaiseOpenFileLimit();
  constexpr size_t kMost = 1024;
  const std::string wait = "GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  std::vector<int> clients;
  for (size_t i = 0; i < kMost + 1; ++i) {
    clients.push_back(Connect());
    Send(clients.back(), wait);
  }
  // Which of them came last is the server's secret.
  std::vector<pollfd> polled;
  for (const int fd : clients) polled.push_back({fd, POLLIN, 0});
  EXPECT_EQ(poll(polled.data(), polled.size(), -1), 1);
  OpenDoor();
  size_t refused = 0;
  for (const int fd : clients) {
    const std::string answer = ReadAll(fd);
    if (BodyOf(answer) == "waited") continue;
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
    EXPECT_EQ(BodyOf(answer), R"({"message":"TOO_MANY_REQUESTS"})");
    ++refused;
  }
  EXPECT_EQ(refused, 1u);
  for (const int fd : clients) close(fd);
}

TEST_F(HttpServerTest, AnAddressInUseIsSaid) {
  HttpServer second([](const Request&) { return Response(); });
  const Status status = second.Listen(server.address());
  EXPECT_EQ(status.code(), Code::kIo);
  EXPECT_THAT(status.detail(), HasSubstr("in use"));
  EXPECT_EQ(second.Listen("nothing").code(), Code::kInvalid);
  EXPECT_EQ(second.Listen("127.0.0.1:99999").code(), Code::kInvalid);
}

}  // namespace
}  // namespace nsq::admin
