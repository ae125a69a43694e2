#include "admin/notifier.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "admin/json_writer.h"
#include "admin/request.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/time.h"

namespace nsq::admin {
namespace {

// "Basic dXNlcjpwYXNz" -> "user"; empty for anything else.
std::string BasicUser(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  if (!EqualsIgnoreCase(authorization.substr(0, kScheme.size()), kScheme)) return {};
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string plain;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : authorization.substr(kScheme.size())) {
    if (c == '=') break;
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return {};
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    plain.push_back(static_cast<char>(bits >> count & 0xff));
  }
  const size_t colon = plain.find(':');
  return colon == std::string::npos ? std::string() : plain.substr(0, colon);
}

std::string Hostname() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

std::string NotificationBody(std::string_view action, const std::string& topic,
                             const std::string& channel, const std::string& node,
                             const Request& request, int64_t unix_seconds, std::string_view via) {
  const std::string user = BasicUser(request.Header("Authorization"));
  const bool https = request.Header("X-Scheme") == "https";
  JsonWriter json;
  json.BeginObject();
  json.String("action", action);
  json.String("topic", topic);
  if (!channel.empty()) json.String("channel", channel);
  if (!node.empty()) json.String("node", node);
  json.Int("timestamp", unix_seconds);
  if (!user.empty()) json.String("user", user);
  json.String("remote_ip", request.peer);
  json.String("user_agent", request.Header("User-Agent"));
  json.String("url",
              StrCat(https ? "https" : "http", "://", request.Header("Host"), request.target));
  json.String("via", via);
  json.EndObject();
  return json.Take();
}

Notifier::Notifier(std::string endpoint, Duration connect_timeout, Duration request_timeout)
    : endpoint_(std::move(endpoint)),
      client_({.connect_timeout = connect_timeout, .request_timeout = request_timeout, .tls = {}}) {
  if (!endpoint_.empty()) thread_ = std::thread([this] { Run(); });
}

Notifier::~Notifier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  client_.Abort();
  if (thread_.joinable()) thread_.join();
}

void Notifier::Notify(std::string_view action, const std::string& topic, const std::string& channel,
                      const std::string& node, const Request& request) {
  if (endpoint_.empty()) return;
  std::string body =
      NotificationBody(action, topic, channel, node, request, UnixSeconds(WallNow()), Hostname());
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting) {
      NSQ_LOG(kError, "too many notifications wait for ", endpoint_, ": dropped ", body);
      return;
    }
    waiting_.push_back(std::move(body));
  }
  wake_.notify_one();
}

void Notifier::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const std::string body = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    NSQ_LOG(kInfo, "POSTing notification to ", endpoint_);
    const Result<http::Response> response =
        client_.Post(endpoint_, body, {{"Content-Type", "application/json"}});
    if (!response.ok()) {
      NSQ_LOG(kError, "failed to POST notification - ", response.status().detail(), ": ", body);
    }
    lock.lock();
  }
}

}  // namespace nsq::admin
