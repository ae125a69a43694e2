#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/options.h"
#include "nsqd/queue/stats.h"

namespace nsq::nsqd {

class MetricsPart;

// What /stats shows of one daemon, merged over its loops.
struct DaemonStats {
  std::vector<TopicStats> topics;      // by name
  std::vector<ClientStats> producers;  // connections that have published; empty if not asked for
  // What is in memory, whatever was asked for: topics, channels, clients, messages.
  uint64_t held_objects = 0;
};

// Figures for the "memory" part of /stats. The original's are of Go's heap; README.md says what
// they are here.
struct MemoryStats {
  uint64_t heap_objects = 0;
  uint64_t heap_idle_bytes = 0;
  uint64_t heap_in_use_bytes = 0;
  uint64_t heap_released_bytes = 0;
};

// How far the way out of the cluster is; see daemon/drain.h.
struct DrainState {
  bool draining = false;  // publishing is refused
  bool counted = false;   // what is left is known: not yet at the very beginning
  // What is left, as it was a moment ago.
  uint64_t waiting = 0;
  uint64_t in_flight = 0;
  uint64_t deferred = 0;
  std::optional<WallTime> deadline;
};

enum class TopicAction {
  kCreateTopic,
  kDeleteTopic,
  kEmptyTopic,
  kPauseTopic,
  kUnpauseTopic,
  kTopicDurabilityDefault,  // the daemon's
  kTopicDurabilityMemory,
  kTopicDurabilityOs,
  kTopicDurabilityFsync,
  kCreateChannel,
  kDeleteChannel,
  kEmptyChannel,
  kPauseChannel,
  kUnpauseChannel,
};

// What the HTTP API needs of the daemon. All callbacks come on the loop that asked, never from
// inside the call, and exactly once.
//
// Home: the loop of the HTTP server; one for each loop.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const Options& options() const = 0;

  // As Broker::Publish. The status is Publisher::OnPublished's.
  virtual void Publish(std::string_view topic, std::span<const std::string_view> bodies,
                       Duration defer, std::function<void(const Status&)> done) = 0;
  virtual void EnsureTopic(std::string_view topic) = 0;

  enum class Missing { kNothing, kTopic, kChannel };
  struct ActionResult {
    Status status;
    Missing missing = Missing::kNothing;  // if status is kNotFound
  };
  // Names are valid where the action makes something. `channel` is empty for a topic's actions.
  virtual void Act(TopicAction action, std::string topic, std::string channel,
                   std::function<void(const ActionResult&)> done) = 0;

  virtual void GatherStats(const StatsFilter& filter, std::function<void(DaemonStats)> done) = 0;

  // What each loop has to say on /metrics, in their order; without `topics` the loops alone.
  virtual void GatherMetrics(bool topics, std::function<void(std::vector<MetricsPart>)> done) = 0;

  // Copies every topic as it is now to "<data path>/backups/<name>", each in one turn of its loop.
  // kExists: there is one of that name.
  struct BackupResult {
    Status status;
    std::string path;
    uint64_t topics = 0;
    uint64_t size_bytes = 0;
  };
  virtual void Backup(std::string name, std::function<void(const BackupResult&)> done) = 0;

  // "OK", or "NOK - <reason>" while the last write to the disk failed.
  virtual std::string Health() = 0;
  virtual WallTime start_time() const = 0;
  virtual MemoryStats Memory() = 0;

  // What is bound: -1 for a Unix socket, 0 when off.
  virtual int tcp_port() const = 0;
  virtual int http_port() const = 0;

  // The names of loops that do not turn, asked anew.
  virtual void CheckLoops(std::function<void(const std::vector<std::string>&)> done) = 0;

  // --- leaving; at once for all loops

  virtual DrainState Drain() = 0;
  // Again: with a new timeout. Nothing: --drain-timeout; zero: none.
  virtual void StartDrain(std::optional<Duration> timeout) = 0;
  virtual void CancelDrain() = 0;

  // --- options that can be changed while running

  virtual std::vector<std::string> lookupd_addresses() = 0;
  virtual void SetLookupdAddresses(std::vector<std::string> addresses) = 0;
  // Any option by its config key, as GET /config/<key> answers it: the body, and whether it is
  // JSON. kNotFound for other names.
  struct ConfigValue {
    std::string body;
    bool json = false;
  };
  virtual Result<ConfigValue> GetConfig(std::string_view key) = 0;
};

}  // namespace nsq::nsqd
