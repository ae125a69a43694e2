#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/status.h"

namespace nsq::bench {

// CPU time of a whole process, of threads that ended too.
struct CpuTimes {
  double total_seconds = 0;   // to the nanosecond
  double user_seconds = 0;    // } in clock ticks (10 ms): good for the proportion only
  double system_seconds = 0;  // }
};

// What a process has asked for so far; see count_calls.c.
struct CallCounts {
  uint64_t allocations = 0;
  uint64_t system_calls = 0;  // those that a server makes for its clients and files
};

// The nsqd under load: one that we started and stop, or one that runs anyway.
//
// Home: the thread that made it.
// Owns: a spawned process and its temporary data path.
class Server {
 public:
  // Starts `path` on free ports of 127.0.0.1 with a fresh data path below `parent_dir`, `flags`
  // last, and waits until /ping says OK. The error holds what its log begins and ends with.
  // `count_calls`: the library that makes Calls known; empty: none.
  static Result<std::unique_ptr<Server>> Spawn(const std::string& path,
                                               const std::vector<std::string>& flags,
                                               const std::string& parent_dir,
                                               const std::string& count_calls = "");
  // `pid` 0: no figures about the process.
  static std::unique_ptr<Server> Attach(Address tcp, Address http, pid_t pid);
  ~Server();  // kills what Stop did not stop

  const Address& tcp() const { return tcp_; }
  const Address& http() const { return http_; }
  bool spawned() const { return !data_path_.empty(); }

  // Nothing without a pid, or when the process is gone.
  std::optional<CpuTimes> Cpu() const;
  std::optional<int64_t> PeakRssKib() const;
  std::optional<int64_t> RssKib() const;
  // Nothing unless it was spawned with `count_calls`.
  std::optional<CallCounts> Calls() const;

  // SIGTERM and wait, SIGKILL after ten seconds; removes the data path. An error if it did not end
  // by itself with status 0. Nothing for a server that we did not start.
  Status Stop();

 private:
  Server() = default;

  Status WaitUntilReady();
  // Finds which of the process's listening ports is which.
  bool FindPorts();
  std::optional<int64_t> StatusKib(const char* field) const;
  std::string LogEnds() const;
  bool Exited();

  Address tcp_;
  Address http_;
  pid_t pid_ = 0;
  std::string data_path_;  // empty: not spawned
  bool running_ = false;   // spawned and not yet waited for
  int wait_status_ = 0;    // once not running
};

}  // namespace nsq::bench
