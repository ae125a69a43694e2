#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/event/home.h"
#include "common/event/timer.h"
#include "common/event/unique_fd.h"
#include "common/status.h"
#include "nsqd/daemon/statsd/statsd_report.h"

namespace nsq {
class EventLoop;
class HelperPool;
}  // namespace nsq

namespace nsq::nsqd {

struct StatsdTarget {
  std::string address;  // "host:port", looked up at each push
  Duration interval;    // above 1 s
  bool memory = true;
};

// Pushes figures to a statsd daemon, over UDP: at each interval the address is looked up on the
// pool, all loops are asked, and the datagrams leave one by one over the interval but its last
// second. Nobody hears whether they arrive. If there is no socket the push is left out and its
// counts are in the next one.
//
// Home: its loop.
class StatsdPusher {
 public:
  // Asks all loops for their figures, clients left out; calls back later on the loop.
  using Gather = std::function<void(std::function<void(DaemonStats)>)>;

  // `loop` and `pool` outlive this; what `gather` calls may outlive it. The first push comes after
  // one interval.
  StatsdPusher(EventLoop& loop, HelperPool& pool, StatsdTarget target, StatsdFormat format,
               Gather gather);
  StatsdPusher(const StatsdPusher&) = delete;
  StatsdPusher& operator=(const StatsdPusher&) = delete;
  // Sends what is left of a push, without waiting in between.
  ~StatsdPusher();

 private:
  struct Connect;
  // Outlives the pusher in jobs and callbacks; `pusher` is read and cleared on the loop only.
  struct Ticket {
    StatsdPusher* pusher;
  };

  void OnInterval();
  void OnConnected(Result<UniqueFd> socket);
  void OnStats(const DaemonStats& stats);
  void SendDue();
  void SendUpTo(size_t count) NSQ_REQUIRES(home_);

  EventLoop& loop_;
  const Home& home_;
  HelperPool& pool_;
  const StatsdTarget target_;
  const Gather gather_;
  const std::shared_ptr<Ticket> ticket_;
  StatsdReport report_ NSQ_GUARDED_BY(home_);

  Timer interval_ NSQ_GUARDED_BY(home_);
  Timer pace_ NSQ_GUARDED_BY(home_);
  bool busy_ NSQ_GUARDED_BY(home_) = false;  // the last push has not got its figures yet

  // The push that is being sent.
  UniqueFd socket_ NSQ_GUARDED_BY(home_);
  std::vector<std::string> datagrams_ NSQ_GUARDED_BY(home_);
  size_t sent_ NSQ_GUARDED_BY(home_) = 0;
  SteadyTime began_ NSQ_GUARDED_BY(home_);
};

}  // namespace nsq::nsqd
