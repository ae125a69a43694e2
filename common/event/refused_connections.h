#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/event/event_loop.h"
#include "common/event/unique_fd.h"
#include "common/time.h"

namespace nsq {

// Connections that are turned away: each is told why, then closed without a reset, which could
// overtake the words.
//
// Home: its loop.
// Memory: kMaxAtOnce of them, some seconds each; more are closed at once, unheard.
class RefusedConnections {
 public:
  static constexpr size_t kMaxAtOnce = 64;

  // `kind` ("TCP") is for the log, which has one line in ten seconds at most.
  RefusedConnections(EventLoop& loop, std::string kind);
  RefusedConnections(const RefusedConnections&) = delete;
  RefusedConnections& operator=(const RefusedConnections&) = delete;
  ~RefusedConnections();

  void Refuse(UniqueFd fd, std::string_view words);

  // Not yet closed.
  size_t size() const;

 private:
  class One;

  void Log(int fd) NSQ_REQUIRES(home_);
  void OnGone(One* one);

  EventLoop& loop_;
  const Home& home_;
  const std::string kind_;
  std::unordered_map<One*, std::unique_ptr<One>> all_ NSQ_GUARDED_BY(home_);
  uint64_t unlogged_ NSQ_GUARDED_BY(home_) = 0;
  SteadyTime next_log_ NSQ_GUARDED_BY(home_);
};

}  // namespace nsq
