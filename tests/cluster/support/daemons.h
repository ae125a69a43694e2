#pragma once

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/http/client.h"
#include "tests/cluster/support/child_process.h"

namespace nsq::cluster {

// A daemon with a TCP and an HTTP port: any free ones at its first start, the same ones afterwards.
class Daemon {
 public:
  Daemon(std::string program, std::vector<std::string> arguments, std::filesystem::path log);

  // Returns when both ports answer.
  void Start();
  // False if it ends before they do.
  [[nodiscard]] bool TryStart();
  // Its exit code.
  int Stop(int signal = SIGTERM);
  void Kill();
  ChildProcess& process() { return *process_; }

  uint16_t tcp_port() const { return tcp_port_; }
  uint16_t http_port() const { return http_port_; }
  std::string tcp_address() const { return "127.0.0.1:" + std::to_string(tcp_port_); }

  // Status 0 if nobody answers.
  http::Response Get(const std::string& path);
  http::Response Post(const std::string& path, std::string_view body = {});
  http::Response Put(const std::string& path, std::string_view body);

 private:
  std::string Url(const std::string& path) const;

  const std::string program_;
  const std::vector<std::string> arguments_;
  const std::filesystem::path log_;
  std::unique_ptr<ChildProcess> process_;
  uint16_t tcp_port_ = 0;
  uint16_t http_port_ = 0;
};

struct ChannelStats {
  int64_t depth = 0;
  int64_t in_flight = 0;
  int64_t deferred = 0;
  int64_t messages = 0;
  bool paused = false;
  size_t clients = 0;
};

struct TopicStats {
  bool exists = false;
  int64_t depth = 0;
  int64_t messages = 0;
  bool paused = false;
  std::map<std::string, ChannelStats> channels;

  // Of the channel; all zero if it is not there.
  ChannelStats of(const std::string& channel) const;
};

class Nsqd : public Daemon {
 public:
  using Daemon::Daemon;

  TopicStats Stats(const std::string& topic);
  // "OK", or what it says instead.
  std::string Publish(const std::string& topic, std::string_view body);
};

// What GET /lookup says, sorted.
struct Found {
  int status = 0;
  std::vector<std::string> channels;
  std::vector<uint16_t> tcp_ports;

  bool operator==(const Found&) const = default;
};

class Lookupd : public Daemon {
 public:
  using Daemon::Daemon;

  Found Lookup(const std::string& topic);
  // The registrations that have a producer, sorted: "client::", "topic:t:", "channel:t:c".
  std::vector<std::string> Registered();
};

}  // namespace nsq::cluster
