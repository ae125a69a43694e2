#include "nsqd/daemon/drain.h"

#include <utility>

#include "common/config/duration.h"
#include "common/log.h"
#include "common/strings.h"
#include "nsqd/daemon/shard.h"

namespace nsq::nsqd {
namespace {

// How often the log tells what is left.
constexpr Duration kLineInterval = seconds(10);

// `stuck`: those of the waiting that no consumer can take, since their topic has no channel.
std::string Left(const DrainState& state, uint64_t stuck) {
  const std::string left = StrCat(state.waiting, " waiting, ", state.in_flight, " in flight, ",
                                  state.deferred, " deferred");
  return stuck == 0 ? left : StrCat(left, "; ", stuck, " in topics that have no channel");
}

}  // namespace

Drain::Drain(EventLoop& loop, Shard& shard, std::function<void()> leave)
    : loop_(loop),
      home_(loop.home()),
      shard_(shard),
      leave_(std::move(leave)),
      next_look_(loop, [this] { Look(); }) {}

void Drain::Begin(Duration timeout) {
  home_.Assert();
  draining_ = true;
  running_ = true;
  empty_looks_ = 0;
  deadline_.reset();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_.draining = true;
    state_.deadline.reset();
    if (timeout > Duration::zero()) state_.deadline = loop_.WallClock() + timeout;
  }
  if (timeout > Duration::zero()) deadline_ = loop_.Now() + timeout;
  next_line_ = loop_.Now();
  NSQ_LOG(kInfo, "DRAIN: publishing is refused, leaving when nothing is left",
          timeout > Duration::zero() ? " or after " + FormatGoDuration(timeout) : "");
  Look();
}

void Drain::Cancel() {
  home_.Assert();
  if (running_) NSQ_LOG(kInfo, "DRAIN: canceled");
  Stop();
  draining_ = false;
  const std::lock_guard<std::mutex> lock(mutex_);
  state_ = DrainState();
}

void Drain::Stop() {
  home_.Assert();
  running_ = false;
  next_look_.Cancel();
}

DrainState Drain::state() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  DrainState state = state_;
  state.draining = draining_;
  return state;
}

void Drain::Look() {
  home_.Assert();
  if (!running_) return;
  next_look_.ArmAfter(kInterval);
  StatsFilter filter;
  filter.include_clients = false;
  shard_.GatherStats(filter,
                     [this, look = ++look_](const DaemonStats& stats) { OnStats(look, stats); });
}

void Drain::OnStats(uint64_t look, const DaemonStats& stats) {
  home_.Assert();
  if (!running_ || look != look_) return;
  DrainState now;
  uint64_t stuck = 0;
  for (const TopicStats& topic : stats.topics) {
    now.waiting += topic.depth;
    if (topic.channels.empty()) stuck += topic.depth;
    for (const ChannelStats& channel : topic.channels) {
      now.waiting += channel.depth;
      now.in_flight += channel.in_flight_count;
      now.deferred += channel.deferred_count;
    }
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    state_.counted = true;
    state_.waiting = now.waiting;
    state_.in_flight = now.in_flight;
    state_.deferred = now.deferred;
  }
  const bool empty = now.waiting == 0 && now.in_flight == 0 && now.deferred == 0;
  empty_looks_ = empty ? empty_looks_ + 1 : 0;
  if (empty_looks_ >= kEmptyLooks) {
    NSQ_LOG(kInfo, "DRAIN: nothing is left, leaving");
    Leave();
  } else if (deadline_ && loop_.Now() >= *deadline_) {
    NSQ_LOG(kWarn, "DRAIN: the time is up, leaving with ", Left(now, stuck));
    Leave();
  } else if (!empty && loop_.Now() >= next_line_) {
    next_line_ = loop_.Now() + kLineInterval;
    NSQ_LOG(kInfo, "DRAIN: left: ", Left(now, stuck));
  }
}

void Drain::Leave() {
  Stop();
  leave_();
}

}  // namespace nsq::nsqd
