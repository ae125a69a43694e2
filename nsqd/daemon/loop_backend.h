#pragma once

#include <string>
#include <vector>

#include "nsqd/http/backend.h"

namespace nsq::nsqd {

class Daemon;
class Shard;

// The HTTP API's view of the daemon from one loop.
//
// Home: its shard's loop.
class LoopBackend : public Backend {
 public:
  LoopBackend(Daemon& daemon, Shard& shard) : daemon_(daemon), shard_(shard) {}

  const Options& options() const override;
  void Publish(std::string_view topic, std::span<const std::string_view> bodies, Duration defer,
               std::function<void(const Status&)> done) override;
  void EnsureTopic(std::string_view topic) override;
  void Act(TopicAction action, std::string topic, std::string channel,
           std::function<void(const ActionResult&)> done) override;
  void GatherStats(const StatsFilter& filter, std::function<void(DaemonStats)> done) override;
  std::string Health() override;
  WallTime start_time() const override;
  MemoryStats Memory() override;
  int tcp_port() const override;
  int http_port() const override;
  std::vector<std::string> lookupd_addresses() override;
  void SetLookupdAddresses(std::vector<std::string> addresses) override;
  Result<ConfigValue> GetConfig(std::string_view key) override;

 private:
  Daemon& daemon_;
  Shard& shard_;
};

}  // namespace nsq::nsqd
