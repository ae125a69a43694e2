#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/event_loop.h"
#include "common/http/server.h"
#include "nsqd/http/api.h"
#include "nsqd/http/backend.h"

namespace nsq::nsqd {

// A daemon that remembers what it was asked and answers as it was told to, but never at once.
class FakeBackend : public Backend {
 public:
  struct Published {
    std::string topic;
    std::vector<std::string> bodies;
    Duration defer;
  };
  struct Acted {
    TopicAction action;
    std::string topic;
    std::string channel;
  };

  FakeBackend() {
    options_value.max_msg_size = 100;
    options_value.max_body_size = 1000;
  }

  const Options& options() const override { return options_value; }
  void Publish(std::string_view topic, std::span<const std::string_view> bodies, Duration defer,
               std::function<void(const Status&)> done) override {
    published.push_back({std::string(topic), {bodies.begin(), bodies.end()}, defer});
    waiting.push_back([this, done = std::move(done)] { done(publish_status); });
  }
  void EnsureTopic(std::string_view topic) override { ensured.emplace_back(topic); }
  void Act(TopicAction action, std::string topic, std::string channel,
           std::function<void(const ActionResult&)> done) override {
    acted.push_back({action, std::move(topic), std::move(channel)});
    waiting.push_back([this, done = std::move(done)] { done(action_result); });
  }
  void GatherStats(const StatsFilter& filter, std::function<void(DaemonStats)> done) override {
    filters.push_back(filter);
    waiting.push_back([this, done = std::move(done)] { done(stats); });
  }
  void GatherMetrics(bool topics, std::function<void(std::vector<MetricsPart>)> done) override;
  void Backup(std::string name, std::function<void(const BackupResult&)> done) override {
    backups.push_back(std::move(name));
    waiting.push_back([this, done = std::move(done)] { done(backup_result); });
  }
  std::string Health() override { return health; }
  WallTime start_time() const override { return WallFromUnixNanos(1795214862'000000000); }
  MemoryStats Memory() override { return {1, 2, 3, 4}; }
  void CheckLoops(std::function<void(const std::vector<std::string>&)> done) override {
    waiting.push_back([this, done = std::move(done)] { done(silent_loops); });
  }
  DrainState Drain() override { return drain; }
  void StartDrain(std::optional<Duration> timeout) override {
    drain.draining = true;
    drain_timeout = timeout;
  }
  void CancelDrain() override { drain = DrainState(); }
  int tcp_port() const override { return 21100; }
  int http_port() const override { return 21101; }
  std::vector<std::string> lookupd_addresses() override { return lookupds; }
  void SetLookupdAddresses(std::vector<std::string> addresses) override {
    lookupds = std::move(addresses);
  }
  Result<ConfigValue> GetConfig(std::string_view key) override;

  // Answers everything that was asked so far.
  void Answer() {
    for (const auto& answer : std::exchange(waiting, {})) answer();
  }

  Options options_value;
  std::string health = "OK";
  Status publish_status;
  ActionResult action_result;
  BackupResult backup_result;
  std::vector<std::string> backups;
  DaemonStats stats;
  std::vector<std::string> lookupds;
  std::vector<std::string> silent_loops;
  DrainState drain;
  std::optional<Duration> drain_timeout;

  std::vector<Published> published;
  std::vector<std::string> ensured;
  std::vector<Acted> acted;
  std::vector<StatsFilter> filters;
  std::vector<std::function<void()>> waiting;
};

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // without Date
  std::string body;

  // "400 INVALID_TOPIC" for an error in the V1 envelope, "200 <body>" for all else.
  std::string Summary() const;
};

// The API behind the real HTTP server, and a client that speaks bytes. All on the test's thread:
// the test runs the server's turns.
class ApiTest : public testing::Test {
 protected:
  ApiTest();

  Reply Get(std::string_view target) { return Ask("GET", target, {}); }
  Reply Post(std::string_view target, std::string_view body = {}) {
    return Ask("POST", target, body);
  }
  Reply Put(std::string_view target, std::string_view body) { return Ask("PUT", target, body); }
  Reply Ask(std::string_view method, std::string_view target, std::string_view body,
            std::string_view more_headers = {});
  Reply PostChunked(std::string_view target, std::string_view body);
  // Sends bytes and reads one reply to them; one to HEAD has no body.
  Reply AskRaw(std::string_view request);
  // Sends bytes and leaves before the answer.
  void AskAndLeave(std::string_view request);

  EventLoop loop_{"test loop"};
  FakeBackend backend_;
  Api api_{backend_};
  http::Server server_;
  uint16_t port_ = 0;
};

}  // namespace nsq::nsqd
