#include "tests/cluster/support/daemons.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/strings.h"

namespace nsq::cluster {
namespace {

using nlohmann::json;

http::ClientOptions Patient() {
  http::ClientOptions options;
  options.connect_timeout = seconds(20);
  options.request_timeout = seconds(20);
  return options;
}

http::Response Unless(Result<http::Response> response) {
  if (response.ok()) return std::move(*response);
  http::Response failed;
  failed.body = response.status().detail();
  return failed;
}

json Parsed(const http::Response& response) {
  json parsed = json::parse(response.body, nullptr, false);
  if (parsed.is_discarded()) {
    ADD_FAILURE() << "not JSON: " << response.status << " " << response.body;
    return json::object();
  }
  return parsed;
}

// "127.0.0.1:4150" -> 4150
uint16_t PortOf(std::string_view address) {
  uint16_t port = 0;
  EXPECT_TRUE(ParseInt(address.substr(address.rfind(':') + 1), &port)) << address;
  return port;
}

}  // namespace

Daemon::Daemon(std::string program, std::vector<std::string> arguments, std::filesystem::path log)
    : program_(std::move(program)), arguments_(std::move(arguments)), log_(std::move(log)) {}

void Daemon::Start() {
  EXPECT_TRUE(TryStart());
  EXPECT_EQ(Get("/ping").body, "OK");
}

bool Daemon::TryStart() {
  std::vector<std::string> arguments = arguments_;
  arguments.push_back(StrCat("-tcp-address=127.0.0.1:", tcp_port_));
  arguments.push_back(StrCat("-http-address=127.0.0.1:", http_port_));
  process_ = std::make_unique<ChildProcess>(program_, std::move(arguments), log_);
  const std::string tcp = process_->AwaitLogged("TCP: listening on ");
  const std::string http = process_->AwaitLogged("HTTP: listening on ");
  if (tcp.empty() || http.empty()) return false;
  tcp_port_ = PortOf(tcp);
  http_port_ = PortOf(http);
  return true;
}

int Daemon::Stop(int signal) {
  process_->Signal(signal);
  return process_->Wait();
}

void Daemon::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

std::string Daemon::Url(const std::string& path) const {
  return StrCat("http://127.0.0.1:", http_port_, path);
}

http::Response Daemon::Get(const std::string& path) {
  return Unless(http::Client(Patient()).Get(Url(path)));
}

http::Response Daemon::Post(const std::string& path, std::string_view body) {
  return Unless(http::Client(Patient()).Post(Url(path), body));
}

http::Response Daemon::Put(const std::string& path, std::string_view body) {
  return Unless(http::Client(Patient()).Put(Url(path), body));
}

ChannelStats TopicStats::of(const std::string& channel) const {
  const auto found = channels.find(channel);
  return found == channels.end() ? ChannelStats() : found->second;
}

TopicStats Nsqd::Stats(const std::string& topic) {
  const json all = Parsed(Get("/stats?format=json&topic=" + http::EscapeQuery(topic)));
  TopicStats stats;
  for (const json& one : all.value("topics", json::array())) {
    if (one.at("topic_name") != topic) continue;
    stats.exists = true;
    stats.depth = one.at("depth");
    stats.messages = one.at("message_count");
    stats.paused = one.at("paused");
    for (const json& from : one.at("channels")) {
      ChannelStats& to = stats.channels[from.at("channel_name").get<std::string>()];
      to.depth = from.at("depth");
      to.in_flight = from.at("in_flight_count");
      to.deferred = from.at("deferred_count");
      to.messages = from.at("message_count");
      to.paused = from.at("paused");
      to.clients = from.at("client_count");
    }
  }
  return stats;
}

std::string Nsqd::Publish(const std::string& topic, std::string_view body) {
  return Post("/pub?topic=" + http::EscapeQuery(topic), body).body;
}

Found Lookupd::Lookup(const std::string& topic) {
  const http::Response response = Get("/lookup?topic=" + http::EscapeQuery(topic));
  Found found;
  found.status = response.status;
  if (response.status != 200) return found;
  const json answer = Parsed(response);
  found.channels = answer.value("channels", std::vector<std::string>());
  for (const json& producer : answer.value("producers", json::array())) {
    found.tcp_ports.push_back(producer.at("tcp_port"));
  }
  std::sort(found.channels.begin(), found.channels.end());
  std::sort(found.tcp_ports.begin(), found.tcp_ports.end());
  return found;
}

std::vector<std::string> Lookupd::Registered() {
  std::vector<std::string> keys;
  const json all = Parsed(Get("/debug"));
  for (const auto& [key, producers] : all.items()) {
    if (!producers.empty()) keys.push_back(key);
  }
  return keys;
}

}  // namespace nsq::cluster
