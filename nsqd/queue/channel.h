#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/event/home.h"
#include "common/status.h"
#include "common/time.h"
#include "nsqd/queue/consumer.h"
#include "nsqd/queue/deferred.h"
#include "nsqd/queue/in_flight.h"
#include "nsqd/queue/latency_window.h"
#include "nsqd/queue/live_set.h"
#include "nsqd/queue/stats.h"
#include "nsqd/storage/journal.h"
#include "nsqd/storage/segmented_log.h"
#include "nsqd/storage/sequence.h"

namespace nsq::metrics {
class Histogram;
}

namespace nsq::nsqd {

// How near a consumer is to this nsqd.
enum class Locality : uint8_t { kZone, kRegion, kGlobal };
inline constexpr size_t kLocalities = 3;

// What a consumer brings along.
struct ConsumerTerms {
  Duration msg_timeout{0};
  Duration touch_timeout{0};  // what TOUCH gives; not the same after a second IDENTIFY
  int32_t sample_rate = 0;    // 0: all; else a message is kept if a draw from 0..99 is <= this
  // As what its messages are counted, and when it gets them: a message goes to who is nearest of
  // those that can take it.
  Locality counted = Locality::kGlobal;
  Locality preferred = Locality::kGlobal;
};

// One consumer's place in a channel. Made and destroyed by the channel; the consumer reads it.
struct Subscription {
  Consumer* consumer = nullptr;  // null: gone; kept while messages are in flight to it
  ConsumerTerms terms;
  int64_t ready_count = 0;
  int64_t in_flight = 0;
  uint64_t message_count = 0;
  uint64_t finish_count = 0;
  uint64_t requeue_count = 0;
  bool writable = true;    // its socket takes what is said
  bool closing = false;    // CLS: nothing new, what is in flight goes on
  bool dirty = false;      // got something in this turn
  size_t index = 0;        // in Channel::subscriptions_ or Channel::gone_
  size_t ready_index = 0;  // in its ring of Channel::ready_, if it is there
  bool is_ready = false;
};

struct ChannelOptions {
  Duration max_msg_timeout = std::chrono::minutes(15);
  Duration max_req_timeout = std::chrono::hours(1);
  int max_consumers = 0;  // 0: no limit
  // Not 0: memory only; what comes when this many wait is dropped, and of a channel that is not
  // read for long in the end also the oldest (kDropReach).
  uint64_t drop_beyond = 0;
  // Not 0: keep the latencies from publish to FIN of so long.
  Duration latency_window{0};
  // A deferred publish that nobody knows of was finished before a restart, unless it is below this:
  // then the journal was damaged or torn, and may have lost it.
  Sequence doubtful_until;
  metrics::Histogram* delivery_latency = nullptr;  // to count first deliveries in; may be null
};

// One group of consumers' view of a topic: a cursor in its log, and what lies behind the cursor and
// is not finished: in flight, waiting again, deferred.
//
//        finished          mixed                  never delivered
//   ------------------|----------------|----------------------------|
//                  LowWater()       cursor                         end
//
// Pure logic: it takes the time as an argument, reads the log, collects journal entries and calls
// consumers. It does no I/O and arms no timer; Topic drives it.
//
// Home: the topic's loop.
class Channel {
 public:
  // With drop_beyond the cursor stays at most so many times that many messages behind the end: a
  // channel that nobody reads must not make the log keep all that was published since.
  static constexpr uint64_t kDropReach = 4;

  // A new channel at `cursor`, or one that the journal knew. `log` and `journal` (null: memory
  // only) outlive it.
  Channel(const Home& home, std::string name, ChannelNumber number, const ChannelOptions& options,
          SegmentedLog& log, Journal* journal, Sequence cursor);
  Channel(const Home& home, const ChannelOptions& options, SegmentedLog& log, Journal* journal,
          const ChannelState& state, Sequence end, WallTime now);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  const std::string& name() const { return name_; }
  ChannelNumber number() const { return number_; }
  bool ephemeral() const { return ephemeral_; }

  // --- from the topic

  // What lies below `end` may be delivered; `messages` of it are new.
  void Extend(Sequence end, uint64_t messages);
  // A deferred publish among them, not to be delivered with its neighbours. Before Extend.
  void AddDeferred(Sequence sequence, WallTime due);

  // --- from consumers

  // Adds a consumer, not ready yet. kExhausted: `max_consumers` are there.
  Result<Subscription*> Subscribe(Consumer* consumer, const ConsumerTerms& terms);
  // What is in flight to it stays so until its time-out (spec, nsqd-tcp 4.8).
  void Unsubscribe(Subscription* subscription);

  void SetReady(Subscription* subscription, int64_t count);
  void SetWritable(Subscription* subscription, bool writable);
  void StartClosing(Subscription* subscription);

  // kNotFound "ID not in flight", kInvalid "client does not own message": the client is told so
  // and keeps its connection.
  Status Finish(Subscription* subscription, Sequence sequence, WallTime now);
  // `delay` is clamped to 0..max_req_timeout; 0: to the channel's tail at once. `now` is the clock
  // as it is, not as it was when the turn began.
  Status Requeue(Subscription* subscription, Sequence sequence, Duration delay, WallTime now);
  Status Touch(Subscription* subscription, Sequence sequence, SteadyTime now);

  // --- driven by the topic

  enum class Outcome {
    kIdle,     // nothing to deliver, or nobody to deliver to
    kMore,     // the budget is used up
    kPending,  // waits for the disk
  };
  // What one call may do at most, so that one channel keeps nobody waiting.
  struct Budget {
    size_t messages;  // handed out or passed over
    size_t bytes;     // of bodies; the last one may exceed it
  };
  // Hands out messages, then tells the consumers to send.
  Outcome Dispatch(SteadyTime now, WallTime wall_now, Budget budget);

  // Takes back what timed out and lets go what is due, `most` messages at most. True if that gave
  // Dispatch something to do.
  bool Expire(SteadyTime now, WallTime wall_now, size_t most);

  // When Expire has something to do next, on either clock; nothing if never.
  std::optional<SteadyTime> NextTimeout() const;
  std::optional<WallTime> NextDue() const;

  // Whether Dispatch would do anything.
  bool HasWork() const;

  // Puts what happened since the last call into the journal's batch.
  void WriteJournal();
  // For a compaction. What is unfinished is sorted only if asked for.
  ChannelState Snapshot(bool sorted = true) const;

  // Nothing below is needed any more.
  Sequence LowWater() const;
  // From here on everything is needed; below it what is unfinished.
  Sequence cursor() const {
    home_.Assert();
    return cursor_;
  }
  const LiveSet& live() const {
    home_.Assert();
    return live_;
  }
  uint64_t unfinished() const;  // in flight, waiting again or deferred

  // --- steering

  void Pause();
  void Unpause();
  bool paused() const {
    home_.Assert();
    return paused_;
  }
  // Drops everything: waiting, in flight and deferred.
  void Empty();
  // Ends all subscriptions: OnChannelClosed for each consumer.
  void Close();

  size_t consumers() const {
    home_.Assert();
    return subscriptions_.size();
  }
  uint64_t depth() const;
  // The lowest sequence of those that wait; nothing if none does.
  std::optional<Sequence> OldestWaiting() const;
  // All figures but `oldest` and `e2e`.
  ChannelStats Stats(bool include_clients) const;
  const LatencyWindow* latencies() const {
    home_.Assert();
    return latencies_ ? &*latencies_ : nullptr;
  }

 private:
  struct Waiting {
    Sequence sequence;
    Sequence after;  // not before the cursor has come here: it was queued at the tail
    uint16_t attempts;
  };
  // A deferred publish: it waits in deferred_ and is delivered from there.
  struct Ahead {
    Sequence sequence;
    bool finished;
  };
  struct Dropped {
    SequenceRange range;
    uint64_t messages;  // in it, deferred ones not counted: those are not dropped
  };
  struct Taken {
    Record record;
    uint16_t attempts;  // this delivery included
    bool again;         // known to the journal by its own entry, not by the cursor
  };
  enum class Take { kReady, kNothing, kPending, kSpent };
  // Those that can take a message: RDY > in flight, writable, open. In turn, from `next` on.
  struct Ring {
    std::vector<Subscription*> members;
    size_t next = 0;
  };

  Take TakeNext(Taken* taken, size_t* budget) NSQ_REQUIRES(home_);
  SegmentedLog::Outcome TakeWaiting(Taken* taken) NSQ_REQUIRES(home_);
  void MoveCursor(Sequence to) NSQ_REQUIRES(home_);
  Sequence EndOfGap() const NSQ_REQUIRES(home_);
  void MarkFinished(Sequence sequence) NSQ_REQUIRES(home_);
  void DropTail(uint64_t excess) NSQ_REQUIRES(home_);
  Subscription* PickReady() NSQ_REQUIRES(home_);
  void Hand(Subscription* subscription, const Taken& taken, SteadyTime now, WallTime wall_now)
      NSQ_REQUIRES(home_);
  void Defer(const Taken& taken) NSQ_REQUIRES(home_);
  void Wait(Sequence sequence, uint16_t attempts) NSQ_REQUIRES(home_);
  void UpdateReady(Subscription* subscription) NSQ_REQUIRES(home_);
  void NoLongerHas(Subscription* subscription) NSQ_REQUIRES(home_);
  Result<InFlight::Entry*> FindOwned(Subscription* subscription, Sequence sequence)
      NSQ_REQUIRES(home_);

  const Home& home_;
  const std::string name_;
  const ChannelNumber number_;
  const bool ephemeral_;
  const ChannelOptions options_;
  SegmentedLog& log_;
  Journal* const journal_;

  bool paused_ NSQ_GUARDED_BY(home_) = false;
  Sequence cursor_ NSQ_GUARDED_BY(home_);
  Sequence end_ NSQ_GUARDED_BY(home_);
  // What the cursor will pass over, in order, all of it at or behind the cursor.
  std::deque<Ahead> ahead_ NSQ_GUARDED_BY(home_);
  std::deque<Dropped> dropped_ NSQ_GUARDED_BY(home_);
  uint64_t dropped_messages_ NSQ_GUARDED_BY(home_) = 0;
  LogReader reader_ NSQ_GUARDED_BY(home_);        // at the cursor
  LogReader again_reader_ NSQ_GUARDED_BY(home_);  // of what is delivered again

  InFlight in_flight_ NSQ_GUARDED_BY(home_);
  std::deque<Waiting> waiting_ NSQ_GUARDED_BY(home_);
  DeferredQueue deferred_ NSQ_GUARDED_BY(home_);
  LiveSet live_ NSQ_GUARDED_BY(home_);  // what is in one of these three

  std::vector<std::unique_ptr<Subscription>> subscriptions_ NSQ_GUARDED_BY(home_);
  std::vector<std::unique_ptr<Subscription>> gone_ NSQ_GUARDED_BY(home_);  // in_flight > 0
  std::array<Ring, kLocalities> ready_ NSQ_GUARDED_BY(home_);  // by ConsumerTerms::preferred
  size_t ready_members_ NSQ_GUARDED_BY(home_) = 0;             // of all rings
  std::vector<Subscription*> dirty_ NSQ_GUARDED_BY(home_);
  std::minstd_rand random_ NSQ_GUARDED_BY(home_);

  // Not yet in the journal.
  Sequence journaled_cursor_ NSQ_GUARDED_BY(home_);
  std::vector<Sequence> finished_ NSQ_GUARDED_BY(home_);

  uint64_t message_count_ NSQ_GUARDED_BY(home_) = 0;
  std::array<uint64_t, kLocalities> delivered_counts_ NSQ_GUARDED_BY(home_) = {};
  uint64_t requeue_count_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t timeout_count_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t finish_count_ NSQ_GUARDED_BY(home_) = 0;
  std::optional<LatencyWindow> latencies_ NSQ_GUARDED_BY(home_);
};

}  // namespace nsq::nsqd
