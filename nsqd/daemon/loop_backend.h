#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nsqd/http/backend.h"

namespace nsq::nsqd {

class Daemon;
class LoopCheck;
class Shard;

// The HTTP API's view of the daemon from one loop.
//
// Home: its shard's loop.
class LoopBackend : public Backend {
 public:
  LoopBackend(Daemon& daemon, Shard& shard);
  ~LoopBackend() override;

  const Options& options() const override;
  void Publish(std::string_view topic, std::span<const std::string_view> bodies, Duration defer,
               std::function<void(const Status&)> done) override;
  void EnsureTopic(std::string_view topic) override;
  void Act(TopicAction action, std::string topic, std::string channel,
           std::function<void(const ActionResult&)> done) override;
  void GatherStats(const StatsFilter& filter, std::function<void(DaemonStats)> done) override;
  void GatherMetrics(bool topics, std::function<void(std::vector<MetricsPart>)> done) override;
  void Backup(std::string name, std::function<void(const BackupResult&)> done) override;
  std::string Health() override;
  WallTime start_time() const override;
  MemoryStats Memory() override;
  void CheckLoops(std::function<void(const std::vector<std::string>&)> done) override;
  DrainState Drain() override;
  void StartDrain(std::optional<Duration> timeout) override;
  void CancelDrain() override;
  int tcp_port() const override;
  int http_port() const override;
  std::vector<std::string> lookupd_addresses() override;
  void SetLookupdAddresses(std::vector<std::string> addresses) override;
  Result<ConfigValue> GetConfig(std::string_view key) override;

 private:
  Daemon& daemon_;
  Shard& shard_;
  std::unique_ptr<LoopCheck> check_;  // made when it is first asked for: all loops are there then
};

}  // namespace nsq::nsqd
