#include "common/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "common/event/address.h"
#include "common/event/unique_fd.h"
#include "common/strings.h"

namespace nsq::http {
namespace {

using testing::HasSubstr;
using testing::Not;

Address Loopback() {
  Address address;
  address.host = "127.0.0.1";
  return address;
}

// Takes one connection after the other on a port of its own and plays a script with each.
class ScriptedServer {
 public:
  using Script = std::function<void(int fd, const std::string& request)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    auto fd = Listen(Loopback());
    EXPECT_TRUE(fd.ok());
    fd_ = std::move(*fd);
    port_ = BoundPort(fd_.get());
    thread_ = std::thread([this] { Run(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    thread_.join();
  }

  static ScriptedServer::Script Saying(std::string answer) {
    return [answer = std::move(answer)](int fd, const std::string&) { SendAll(fd, answer); };
  }
  static void SendAll(int fd, std::string_view bytes) {
    ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  std::string Address() const { return JoinHostPort("127.0.0.1", port_); }
  std::string Url(std::string_view target) const { return StrCat("http://", Address(), target); }
  bool stopping() const { return stopping_; }

 private:
  void Run() {
    while (!stopping_) {
      pollfd waiting = {fd_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 10) <= 0) continue;
      const UniqueFd client(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string request;
      char bytes[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = ::recv(client.get(), bytes, sizeof bytes, 0);
        if (n <= 0) break;
        request.append(bytes, static_cast<size_t>(n));
      }
      script_(client.get(), request);
    }
  }

  const Script script_;
  UniqueFd fd_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// A port of this machine on which nobody listens.
std::string DeadAddress() {
  auto fd = Listen(Loopback());
  return JoinHostPort("127.0.0.1", BoundPort(fd->get()));
}

ClientOptions Hasty() {
  ClientOptions options;
  options.request_timeout = milliseconds(300);
  return options;
}

TEST(ClientTest, QueryGivesTheBodyOfA200) {
  ScriptedServer server(ScriptedServer::Saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
  Client client({});
  const auto body = client.Query(server.Url("/stats?format=json"));
  ASSERT_TRUE(body.ok()) << body.status().ToString();
  EXPECT_EQ(*body, "{}");
}

TEST(ClientTest, SpeaksAsNsqsToolsDo) {
  std::string asked;
  {
    ScriptedServer server([&asked](int fd, const std::string& request) {
      asked = request;
      ScriptedServer::SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    Client client({});
    ASSERT_TRUE(client.Command(server.Url("/topic/create?topic=a%23ephemeral")).ok());
    EXPECT_THAT(asked, HasSubstr("Host: " + server.Address() + "\r\n"));
  }
  EXPECT_THAT(asked, testing::StartsWith("POST /topic/create?topic=a%23ephemeral HTTP/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr("Accept: application/vnd.nsq; version=1.0\r\n"));
  EXPECT_THAT(asked, HasSubstr("User-Agent: Go-http-client/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr("Content-Length: 0\r\n"));
  EXPECT_THAT(asked, Not(HasSubstr("Content-Type")));
}

TEST(ClientTest, AStatusOtherThan200IsNamedWithItsBody) {
  ScriptedServer server(ScriptedServer::Saying(
      "HTTP/1.1 404 Not Found\r\nContent-Length: 29\r\n\r\n{\"message\":\"TOPIC_NOT_FOUND\"}"));
  Client client({});
  const auto body = client.Query(server.Url("/x"));
  EXPECT_EQ(body.status().code(), Code::kNotFound);
  EXPECT_EQ(body.status().detail(),
            R"(got response 404 Not Found "{\"message\":\"TOPIC_NOT_FOUND\"}")");
}

TEST(ClientTest, ARefusedConnectionIsNamedWithItsUrl) {
  const std::string address = DeadAddress();
  Client client({});
  const auto body = client.Query("http://" + address + "/x");
  EXPECT_EQ(body.status().code(), Code::kUnavailable);
  EXPECT_EQ(body.status().detail(), "Get \"http://" + address + "/x\": dial tcp " + address +
                                        ": connect: connection refused");
  EXPECT_THAT(client.Command("http://" + address + "/x").status().detail(),
              testing::StartsWith("Post \"http://"));
}

TEST(ClientTest, ASilentServerTimesOut) {
  ScriptedServer server([](int fd, const std::string&) {
    char byte;
    std::ignore = ::recv(fd, &byte, 1, 0);  // until the client gives up
  });
  Client client(Hasty());
  const auto body = client.Query(server.Url("/x"));
  EXPECT_EQ(body.status().code(), Code::kTimeout);
  EXPECT_THAT(body.status().detail(), HasSubstr("Client.Timeout exceeded"));
}

TEST(ClientTest, AServerThatDripsDoesNotOutlastTheWholeTimeout) {
  ScriptedServer server([](int fd, const std::string&) {
    ScriptedServer::SendAll(fd, "HTTP/1.1 200 OK\r\nX: ");
    pollfd gone = {fd, POLLIN, 0};
    while (::poll(&gone, 1, 20) == 0) ScriptedServer::SendAll(fd, "x");
  });
  Client client(Hasty());
  EXPECT_EQ(client.Query(server.Url("/x")).status().code(), Code::kTimeout);
}

TEST(ClientTest, AServerThatHangsUpIsUnavailable) {
  ScriptedServer server([](int, const std::string&) {});
  Client client({});
  EXPECT_EQ(client.Query(server.Url("/x")).status().code(), Code::kUnavailable);
}

// Answers with the request's first line, except for /from..., which leads elsewhere.
ScriptedServer::Script Redirecting(int status, std::string location) {
  return [status, location = std::move(location)](int fd, const std::string& request) {
    const std::string line = request.substr(0, request.find(" HTTP"));
    if (request.find(" /from") == std::string::npos) {
      ScriptedServer::SendAll(
          fd, StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", line.size(), "\r\n\r\n", line));
    } else {
      ScriptedServer::SendAll(fd, StrCat("HTTP/1.1 ", status, " X\r\nLocation: ", location,
                                         "\r\nContent-Length: 4\r\n\r\nbody"));
    }
  };
}

TEST(ClientTest, FollowsRedirectsInAllTheirForms) {
  ScriptedServer other(Redirecting(200, ""));
  const struct {
    std::string location;
    std::string asked;
  } kCases[] = {
      {"/there?b=2", "GET /there?b=2"},
      {"there", "GET /a/there"},
      {"?b=2", "GET /a/x?b=2"},
      {other.Url("/there"), "GET /there"},
      {"//" + other.Address() + "/there", "GET /there"},
  };
  Client client({});
  for (const auto& [location, asked] : kCases) {
    ScriptedServer server(
        [script = Redirecting(301, location)](int fd, const std::string& request) {
          // /a/x?from=1 redirects too, so that relative locations have something to be relative to.
          script(fd, request.starts_with("GET /a/x?from") ? "GET /from HTTP" : request);
        });
    const auto body = client.Query(server.Url("/a/x?from=1"));
    ASSERT_TRUE(body.ok()) << location << " " << body.status().ToString();
    EXPECT_EQ(*body, asked) << location;
  }
}

TEST(ClientTest, ARedirectedPostStaysAPostIfTheServerSaysSo) {
  Client client({});
  ScriptedServer kept(Redirecting(307, "/there"));
  EXPECT_EQ(*client.Command(kept.Url("/from"), "x"), "POST /there");
  ScriptedServer changed(Redirecting(302, "/there"));
  EXPECT_EQ(*client.Command(changed.Url("/from"), "x"), "GET /there");
}

TEST(ClientTest, RedirectsInCirclesEnd) {
  ScriptedServer server(Redirecting(301, "/from"));
  Client client({});
  EXPECT_THAT(client.Query(server.Url("/from")).status().detail(),
              HasSubstr("stopped after 10 redirects"));
}

TEST(ClientTest, ABodyBeyondTheLimitIsRefused) {
  ScriptedServer server(ScriptedServer::Saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" +
                                               std::string(100, 'x')));
  ClientOptions options;
  options.max_response_bytes = 99;
  Client client(options);
  EXPECT_EQ(client.Query(server.Url("/x")).status().code(), Code::kExhausted);
}

TEST(ClientTest, A403WithAnHttpsPortIsAskedAgainThere) {
  const std::string tls = DeadAddress();
  const std::string port = tls.substr(tls.find(':') + 1);
  const std::string json = "{\"message\": \"TLS_REQUIRED\", \"https_port\": " + port + "}";
  ScriptedServer server(ScriptedServer::Saying(
      StrCat("HTTP/1.1 403 Forbidden\r\nContent-Length: ", json.size(), "\r\n\r\n", json)));
  Client client({});
  EXPECT_THAT(client.Query(server.Url("/x?y=1")).status().detail(),
              testing::StartsWith("Get \"https://" + tls + "/x?y=1\": "));
}

TEST(ClientTest, UrlsThatAreNoneAreRefused) {
  Client client({});
  for (const char* url :
       {"", "127.0.0.1:4151/x", "ftp://a/b", "http://", "http://a:x/", "http://a:70000/"}) {
    EXPECT_EQ(client.Query(url).status().code(), Code::kInvalid) << url;
  }
}

TEST(EscapeQueryTest, KeepsOnlyWhatIsSafe) {
  EXPECT_EQ(EscapeQuery("a.b_c-d~1 x#ephemeral&=+/"), "a.b_c-d~1+x%23ephemeral%26%3D%2B%2F");
}

}  // namespace
}  // namespace nsq::http
