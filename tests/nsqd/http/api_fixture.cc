#include "tests/nsqd/http/api_fixture.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "common/event/address.h"
#include "common/strings.h"
#include "nsqd/http/metrics_page.h"

namespace nsq::nsqd {
namespace {

Address Loopback(uint16_t port) {
  Address address;
  address.host = "127.0.0.1";
  address.port = port;
  return address;
}

// Whether `bytes` holds all of one reply; then it is in `reply`.
bool ParseReply(std::string_view bytes, bool with_body, Reply* reply) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  *reply = Reply();
  bool first = true;
  size_t length = 0;
  for (std::string_view line : Split(bytes.substr(0, end), '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (std::exchange(first, false)) {
      EXPECT_TRUE(line.starts_with("HTTP/1.")) << line;
      EXPECT_TRUE(ParseInt(line.substr(9, 3), &reply->status)) << line;
      continue;
    }
    const size_t colon = line.find(": ");
    const std::string name(line.substr(0, colon));
    const std::string value(line.substr(colon + 2));
    if (name == "Content-Length") ParseInt(value, &length);
    if (name != "Date") reply->headers[name] = value;
  }
  if (!with_body) return true;
  reply->body = bytes.substr(end + 4);
  return reply->body.size() >= length;
}

}  // namespace

// Two loops, the second without topics.
void FakeBackend::GatherMetrics(bool topics, std::function<void(std::vector<MetricsPart>)> done) {
  waiting.push_back([this, topics, done = std::move(done)] {
    std::vector<MetricsPart> parts(2);
    parts[0].loop.name = "loop 0";
    parts[0].loop.connections = 7;
    parts[1].loop.name = "loop 1";
    parts[0].lookupds.push_back({"host:4160", true});
    parts[1].queue.publish.Add(milliseconds(3), 5);
    for (const TopicStats& topic : stats.topics) {
      if (topics) parts[0].AddTopic(topic, WallFromUnixNanos(1795215046'000000000));
    }
    done(std::move(parts));
  });
}

Result<Backend::ConfigValue> FakeBackend::GetConfig(std::string_view key) {
  if (key == "log_level") return ConfigValue{StrCat(static_cast<int>(GetLogLevel())), true};
  if (key == "topology_zone") return ConfigValue{"zone<1>", false};
  if (key == "data_path") return ConfigValue{"", false};
  if (key == "nsqlookupd_tcp_addresses") {
    std::string list;
    for (const std::string& address : lookupds) {
      list += StrCat(list.empty() ? "\"" : ",\"", address, "\"");
    }
    return ConfigValue{StrCat("[", list, "]"), true};
  }
  return Status(Code::kNotFound, "no such option");
}

std::string Reply::Summary() const {
  std::string_view text = body;
  if (status != 200 && text.starts_with("{\"message\":\"") && text.ends_with("\"}")) {
    text.remove_prefix(12);
    text.remove_suffix(2);
  }
  return StrCat(status, " ", text);
}

ApiTest::ApiTest() : server_(loop_, api_.router()) {
  Result<UniqueFd> fd = Listen(Loopback(0));
  EXPECT_TRUE(fd.ok()) << fd.status().ToString();
  port_ = BoundPort(fd->get());
  server_.Listen(std::move(*fd));
}

Reply ApiTest::Ask(std::string_view method, std::string_view target, std::string_view body,
                   std::string_view more_headers) {
  return AskRaw(StrCat(method, " ", target, " HTTP/1.1\r\nHost: x\r\n", more_headers,
                       "Content-Length: ", body.size(), "\r\n\r\n", body));
}

Reply ApiTest::PostChunked(std::string_view target, std::string_view body) {
  std::string request =
      StrCat("POST ", target, " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  constexpr std::string_view kHex = "0123456789abcdef";
  while (!body.empty()) {
    const std::string_view chunk = body.substr(0, 15);
    body.remove_prefix(chunk.size());
    request += StrCat(kHex.substr(chunk.size(), 1), "\r\n", chunk, "\r\n");
  }
  return AskRaw(request + "0\r\n\r\n");
}

Reply ApiTest::AskRaw(std::string_view request) {
  const bool with_body = !request.starts_with("HEAD ");
  Result<UniqueFd> client = StartConnect(Loopback(port_));
  EXPECT_TRUE(client.ok()) << client.status().ToString();
  std::string got;
  Reply reply;
  const auto deadline = std::chrono::steady_clock::now() + seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (!request.empty()) {
      const ssize_t n = ::send(client->get(), request.data(), request.size(), MSG_NOSIGNAL);
      if (n > 0) request.remove_prefix(static_cast<size_t>(n));
    }
    loop_.RunOnce(false);
    backend_.Answer();
    pollfd waiting = {client->get(), POLLIN, 0};
    if (::poll(&waiting, 1, request.empty() ? 1 : 0) == 0) continue;
    char bytes[65536];
    const ssize_t n = ::recv(client->get(), bytes, sizeof bytes, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) break;
    if (n > 0) got.append(bytes, static_cast<size_t>(n));
    if (ParseReply(got, with_body, &reply)) return reply;
  }
  ADD_FAILURE() << "no whole reply, but: " << got;
  return Reply();
}

void ApiTest::AskAndLeave(std::string_view request) {
  Result<UniqueFd> client = StartConnect(Loopback(port_));
  EXPECT_TRUE(client.ok()) << client.status().ToString();
  while (::send(client->get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    loop_.RunOnce(false);
  }
  const size_t asked = backend_.waiting.size();
  while (backend_.waiting.size() == asked) loop_.RunOnce(true);
  *client = UniqueFd();
  for (int i = 0; i < 10; ++i) loop_.RunOnce(false);
}

}  // namespace nsq::nsqd
