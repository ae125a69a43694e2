#include "admin/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <stdexcept>
#include <thread>

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

  // Sends raw bytes and reads until the server closes.
  std::string Exchange(const std::string& bytes) {
    const int fd = Connect();
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    std::string answer;
    char buffer[4096];
    for (ssize_t n = 0; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
    close(fd);
    return answer;
  }

  std::string Get(const std::string& target, const std::string& headers = "") {
    return Exchange(StrCat("GET ", target, " HTTP/1.1\r\nHost: x\r\n", headers, "\r\n"));
  }

  static std::string BodyOf(const std::string& answer) {
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  // Says back what it was asked.
  HttpServer server{[](const Request& request) {
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
  EXPECT_THAT(Exchange("rubbish\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n" +
                       std::string(1048577, 'a')),
              StartsWith("HTTP/1.1 413"));
}

// More silent connections than a small pool would have threads.
TEST_F(HttpServerTest, SilentConnectionsDoNotKeepOthersOut) {
  std::vector<int> silent;
  for (int i = 0; i < 60; ++i) silent.push_back(Connect());
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 200"));
  for (const int fd : silent) close(fd);
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
