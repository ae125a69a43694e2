#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/event/home.h"
#include "common/status.h"
#include "common/time.h"
#include "nsqd/queue/consumer.h"
#include "nsqd/queue/deferred.h"
#include "nsqd/queue/in_flight.h"
#include "nsqd/queue/stats.h"
#include "nsqd/storage/journal.h"
#include "nsqd/storage/segmented_log.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// One consumer's place in a channel. Made and destroyed by the channel; the consumer reads it.
struct Subscription {
  Consumer* consumer = nullptr;
  Duration msg_timeout{0};
  int32_t sample_rate = 0;  // 0: all; else a message is kept if a draw from 0..99 is <= this
  int64_t ready_count = 0;
  int64_t in_flight = 0;
  uint64_t message_count = 0;
  uint64_t finish_count = 0;
  uint64_t requeue_count = 0;
  bool writable = true;    // its socket takes what is said
  bool closing = false;    // CLS: nothing new, what is in flight goes on
  bool dirty = false;      // got something in this turn
  size_t ready_index = 0;  // in Channel::ready_, if it is there
  bool is_ready = false;
};

struct ChannelOptions {
  Duration max_msg_timeout = std::chrono::minutes(15);
  Duration max_req_timeout = std::chrono::hours(1);
  int max_consumers = 0;     // 0: no limit
  uint64_t drop_beyond = 0;  // not 0: memory only, what comes when this many wait is dropped
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
  Result<Subscription*> Subscribe(Consumer* consumer, Duration msg_timeout, int32_t sample_rate);
  // What is in flight to it stays so until its time-out (spec, nsqd-tcp 4.8).
  void Unsubscribe(Subscription* subscription);

  void SetReady(Subscription* subscription, int64_t count);
  void SetWritable(Subscription* subscription, bool writable);
  void StartClosing(Subscription* subscription);

  // kNotFound "ID not in flight", kInvalid "client does not own message": the client is told so
  // and keeps its connection.
  Status Finish(Subscription* subscription, Sequence sequence);
  // `delay` is clamped to 0..max_req_timeout; 0: to the channel's tail at once.
  Status Requeue(Subscription* subscription, Sequence sequence, Duration delay, WallTime now);
  Status Touch(Subscription* subscription, Sequence sequence, SteadyTime now);

  // --- driven by the topic

  enum class Outcome {
    kIdle,     // nothing to deliver, or nobody to deliver to
    kMore,     // the budget is used up
    kPending,  // waits for the disk
  };
  // Hands out at most `budget` messages, then tells the consumers to send.
  Outcome Dispatch(SteadyTime now, size_t budget);

  // Takes back what timed out and lets go what is due. True if that gave Dispatch something to do.
  bool Expire(SteadyTime now, WallTime wall_now);

  // When Expire has something to do next, on either clock; nothing if never.
  std::optional<SteadyTime> NextTimeout() const;
  std::optional<WallTime> NextDue() const;

  // Whether Dispatch would do anything.
  bool HasWork() const;

  // Puts what happened since the last call into the journal's batch.
  void WriteJournal();
  // For a compaction.
  ChannelState Snapshot() const;

  // Nothing below is needed any more. O(what is unfinished): ask after as many were finished.
  Sequence LowWater() const;
  uint64_t unfinished() const;  // in flight, waiting again or deferred
  uint64_t finished_count() const {
    home_.Assert();
    return finished_count_;
  }

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
  ChannelStats Stats(bool include_clients) const;

 private:
  struct Waiting {
    Sequence sequence;
    Sequence after;  // not before the cursor has come here: it was queued at the tail
    uint16_t attempts;
  };
  struct Taken {
    Record record;
    uint16_t attempts;  // this delivery included
    bool again;         // known to the journal by its own entry, not by the cursor
  };

  SegmentedLog::Outcome TakeNext(Taken* taken) NSQ_REQUIRES(home_);
  SegmentedLog::Outcome TakeWaiting(Taken* taken) NSQ_REQUIRES(home_);
  bool JumpOverHole() NSQ_REQUIRES(home_);
  void PassDeferred(Sequence sequence) NSQ_REQUIRES(home_);
  Subscription* PickReady() NSQ_REQUIRES(home_);
  void Hand(Subscription* subscription, const Taken& taken, SteadyTime now) NSQ_REQUIRES(home_);
  void Wait(Sequence sequence, uint16_t attempts) NSQ_REQUIRES(home_);
  void UpdateReady(Subscription* subscription) NSQ_REQUIRES(home_);
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
  // Messages in [cursor_, end_) that the cursor will pass over: deferred or dropped.
  uint64_t passed_over_ NSQ_GUARDED_BY(home_) = 0;
  std::deque<SequenceRange> dropped_ NSQ_GUARDED_BY(home_);   // ahead of the cursor
  std::vector<Sequence> new_deferred_ NSQ_GUARDED_BY(home_);  // since the last Extend
  // Deferred publishes ahead of the cursor that are finished already. The journal must hear of them
  // again when the cursor comes by: a compaction has forgotten them. Those that a restart brought
  // back are known by not being in loaded_ahead_.
  std::set<Sequence> finished_ahead_ NSQ_GUARDED_BY(home_);
  std::vector<Sequence> loaded_ahead_ NSQ_GUARDED_BY(home_);  // unfinished at the start, sorted
  Sequence loaded_end_ NSQ_GUARDED_BY(home_);
  LogReader reader_ NSQ_GUARDED_BY(home_);        // at the cursor
  LogReader again_reader_ NSQ_GUARDED_BY(home_);  // of what is delivered again

  InFlight in_flight_ NSQ_GUARDED_BY(home_);
  std::deque<Waiting> waiting_ NSQ_GUARDED_BY(home_);
  DeferredQueue deferred_ NSQ_GUARDED_BY(home_);

  std::vector<std::unique_ptr<Subscription>> subscriptions_ NSQ_GUARDED_BY(home_);
  std::vector<Subscription*> ready_ NSQ_GUARDED_BY(home_);  // RDY > in flight, writable, open
  size_t next_ready_ NSQ_GUARDED_BY(home_) = 0;
  std::vector<Subscription*> dirty_ NSQ_GUARDED_BY(home_);
  std::minstd_rand random_ NSQ_GUARDED_BY(home_);

  // Not yet in the journal.
  Sequence journaled_cursor_ NSQ_GUARDED_BY(home_);
  std::vector<Sequence> finished_ NSQ_GUARDED_BY(home_);

  uint64_t message_count_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t finished_count_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t delivered_count_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t requeue_count_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t timeout_count_ NSQ_GUARDED_BY(home_) = 0;
};

}  // namespace nsq::nsqd
