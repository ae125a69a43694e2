#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "admin/cluster_view.h"
#include "admin/fetcher.h"
#include "common/strings.h"

namespace nsq::admin {

// Daemons that answer from a table, by URL without "http://". What is not there refuses.
class FakeCluster : public Fetcher {
 public:
  void Answer(const std::string& url, std::string body) {
    const std::lock_guard lock(mutex_);
    answers_.insert_or_assign(url, Result<std::string>(std::move(body)));
  }
  void Fail(const std::string& url, Status status) {
    const std::lock_guard lock(mutex_);
    answers_.insert_or_assign(url, Result<std::string>(std::move(status)));
  }

  Result<std::string> Get(const std::string& url) override {
    const std::lock_guard lock(mutex_);
    asked_.push_back(url);
    const auto found = answers_.find(url.substr(url.find("://") + 3));
    if (found != answers_.end()) return found->second;
    return Status(Code::kUnavailable, Refused(url));
  }

  // Commands are refused only where Fail says so.
  Status Post(const std::string& url) override {
    const std::lock_guard lock(mutex_);
    told_.push_back(url.substr(url.find("://") + 3));
    const auto found = answers_.find(told_.back());
    return found == answers_.end() ? Status() : found->second.status();
  }

  // The commands, in order.
  std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  static std::string Refused(const std::string& url) {
    return StrCat("Get \"", url, "\": connection refused");
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Result<std::string>> answers_;
  std::vector<std::string> asked_;
  std::vector<std::string> told_;
};

inline Status TopicNotFound() {
  return Status(Code::kNotFound,
                R"(got response 404 Not Found "{\"message\":\"TOPIC_NOT_FOUND\"}")");
}

// JSON as nsqd and nsqlookupd send it, no longer than needed.
inline std::string ProducerJson(const std::string& host, int port, const std::string& more = "") {
  return StrCat(R"({"remote_address":"10.0.0.9:5","hostname":")", host,
                R"(","broadcast_address":")", host, R"(","tcp_port":)", port - 1,
                R"(,"http_port":)", port, R"(,"version":"1.3.0")", more, "}");
}

inline std::string ChannelJson(const std::string& name, int depth, int messages, int clients = 0,
                               const std::string& more = "") {
  return StrCat(R"({"channel_name":")", name, R"(","depth":)", depth,
                R"(,"backend_depth":0,"in_flight_count":0,"deferred_count":0,"message_count":)",
                messages, R"(,"requeue_count":0,"timeout_count":0,"client_count":)", clients,
                R"(,"clients":null,"paused":false,)",
                R"("e2e_processing_latency":{"count":0,"percentiles":null})", more, "}");
}

inline std::string TopicJson(const std::string& name, int depth, int messages,
                             const std::string& channels) {
  return StrCat(R"({"topic_name":")", name, R"(","channels":[)", channels, R"(],"depth":)", depth,
                R"(,"backend_depth":0,"message_count":)", messages,
                R"(,"message_bytes":1,"paused":false,)",
                R"("e2e_processing_latency":{"count":0,"percentiles":null}})");
}

inline std::string StatsJson(const std::string& topics, int start_time = 1700000000) {
  return StrCat(R"({"version":"1.3.0","health":"OK","start_time":)", start_time, R"(,"topics":[)",
                topics, "]}");
}

}  // namespace nsq::admin
