#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/event/connection_limit.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/event/socket_file.h"
#include "common/event/unique_fd.h"
#include "common/status.h"
#include "nsqd/daemon/health.h"
#include "nsqd/daemon/lookup_desk.h"
#include "nsqd/daemon/placement.h"
#include "nsqd/daemon/shard.h"
#include "nsqd/daemon/tls/tls_setup.h"
#include "nsqd/http/backend.h"
#include "nsqd/options.h"
#include "nsqd/storage/topic_store.h"

namespace nsq {
class Listener;
class RefusedConnections;
class SignalWatch;
}  // namespace nsq

namespace nsq::nsqd {

class AuthDesk;
class Drain;

class MemoryTrimmer;
class StatsdPusher;

// What is bound: -1 for a Unix socket, 0 when off.
struct BoundPorts {
  int tcp = 0;
  int http = 0;
  int https = 0;
};

// How GET /config/<key> is answered; given by whoever read flags and file.
using ConfigReader = std::function<Result<Backend::ConfigValue>(std::string_view key)>;

// A whole nsqd: loops with their shards and HTTP servers, the listeners, the data path.
//
// Home: the thread that calls Start and Run, which becomes loop 0. What other loops call says so.
class Daemon {
 public:
  Daemon(const Options& options, ConfigReader config);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  // Takes the data path, binds the sockets and loads the topics; the texts of errors are what the
  // original prints after "failed to instantiate nsqd - ". After an error only destruction.
  Status Start();

  // Serves until SIGINT, SIGTERM or Stop, then writes everything and returns.
  void Run();

  // Any thread, while Run runs.
  void Stop();

  // --- any thread

  // Refuses publishing from now on, and stops when nothing is left or after `timeout` (nothing:
  // --drain-timeout; zero: never). Takes effect before it returns.
  void StartDrain(std::optional<Duration> timeout);
  void CancelDrain();  // the same
  DrainState drain_state() const;

  std::vector<EventLoop*> loops() const;
  const Health& health() const { return health_; }
  WallTime start_time() const { return start_time_; }
  const BoundPorts& ports() const { return ports_; }
  std::vector<std::string> lookupd_addresses() const;
  void SetLookupdAddresses(std::vector<std::string> addresses);
  Result<Backend::ConfigValue> GetConfig(std::string_view key) const { return config_(key); }

 private:
  struct Worker;  // one loop with what lives on it
  struct AdoptSocket;
  struct DrainOrder;
  struct NewAddresses;
  struct Phase;
  struct PhaseDone;
  struct UseTls;

  Status Bind();
  Status StartTls();
  void ReloadTls();
  Status LoadTopics();
  void Serve();
  void ServeHttp();
  void StartStatsd();
  void OnAccept(UniqueFd fd);
  void OnSignal(int signal);
  void BeginStop();
  void OnPhaseDone();
  void PostPhase(int phase);

  const Options& options_;
  const ConfigReader config_;
  const WallTime start_time_;
  BoundPorts ports_;

  std::unique_ptr<DataPathLock> lock_;
  Health health_;
  Placement placement_;
  // Two counts: neither the one kind nor the other can shut the other out.
  ConnectionLimit tcp_limit_;
  ConnectionLimit http_limit_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<LookupDesk> lookup_;
  std::unique_ptr<StatsdPusher> statsd_;
  std::unique_ptr<MemoryTrimmer> trimmer_;
  // All go before the loops they write to. A nsqlookupd that hangs must not hold up a disk.
  std::unique_ptr<HelperPool> pool_;
  std::unique_ptr<HelperPool> lookup_pool_;
  std::unique_ptr<AuthDesk> auth_;  // null: no auth servers
  std::unique_ptr<ShardWorld> world_;

  UniqueFd tcp_socket_;
  UniqueFd http_socket_;
  UniqueFd https_socket_;
  std::vector<SocketFile> socket_files_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<RefusedConnections> refused_;
  std::unique_ptr<SignalWatch> signals_;
  size_t next_worker_ = 0;

  std::unique_ptr<Drain> drain_;
  bool sigterm_drains_ = false;  // --drain-on-sigterm, and none has come yet
  TlsContexts tls_;              // as last loaded
  bool stopping_ = false;
  int phase_ = 0;
  size_t phase_left_ = 0;

  mutable std::mutex addresses_mutex_;
  std::vector<std::string> addresses_;
};

}  // namespace nsq::nsqd
