#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/time.h"
#include "nsqd/http/backend.h"

namespace nsq::nsqd {

class Shard;

// The way out of a cluster: nothing new is taken, consumers finish what there is, then the daemon
// leaves.
//
//   off --Announce, Begin--> draining --nothing is left, or the deadline--> `leave` is called
//    ^--------Cancel------------'
//
// "Left" is what waits in topics and channels, what is in flight and what is deferred.
//
// Home: loop 0; what other loops may call says so.
class Drain {
 public:
  // Between two looks at what is left.
  static constexpr Duration kInterval = milliseconds(100);
  // Looks in a row that must find nothing. A publish that was let in just before may first be on
  // its way to its topic's loop, then in that turn's batch: each look comes behind one of these.
  static constexpr int kEmptyLooks = 3;

  // `shard` is that of this loop. `leave` may destroy nothing.
  Drain(EventLoop& loop, Shard& shard, std::function<void()> leave);
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

  // Any thread: from now on publishing is refused, or not any more. Begin or Cancel follows.
  void Announce(bool draining) { draining_ = draining; }

  // Again: with a new deadline. A timeout of zero is none.
  void Begin(Duration timeout);
  void Cancel();
  // The daemon stops, whatever is left.
  void Stop();

  // Any thread.
  bool draining() const { return draining_; }
  DrainState state() const;

 private:
  void Look();
  void OnStats(uint64_t look, const DaemonStats& stats);
  void Leave();

  EventLoop& loop_;
  const Home& home_;
  Shard& shard_;
  const std::function<void()> leave_;
  std::atomic<bool> draining_ = false;

  Timer next_look_ NSQ_GUARDED_BY(home_);
  bool running_ NSQ_GUARDED_BY(home_) = false;
  uint64_t look_ NSQ_GUARDED_BY(home_) = 0;  // an answer to an earlier one means nothing
  int empty_looks_ NSQ_GUARDED_BY(home_) = 0;
  std::optional<SteadyTime> deadline_ NSQ_GUARDED_BY(home_);
  SteadyTime next_line_ NSQ_GUARDED_BY(home_);  // in the log

  mutable std::mutex mutex_;
  DrainState state_;
};

}  // namespace nsq::nsqd
