#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/status.h"
#include "nsqd/options.h"
#include "nsqd/queue/channel.h"
#include "nsqd/queue/publisher.h"
#include "nsqd/queue/queue_metrics.h"
#include "nsqd/queue/stats.h"
#include "nsqd/queue/timeline.h"
#include "nsqd/storage/topic_backup.h"
#include "nsqd/storage/topic_store.h"

namespace nsq::nsqd {

class Topic;

// Told what others must know of a topic, in the middle of what the topic does: it may be deleted
// from inside OnTopicForsaken, but not destroyed before the turn ends.
//
// Home: the topic's loop.
class TopicObserver {
 public:
  virtual ~TopicObserver() = default;
  virtual void OnChannelCreated(const Topic& topic, const std::string& channel) = 0;
  virtual void OnChannelDeleted(const Topic& topic, const std::string& channel) = 0;
  // An ephemeral topic lost its last channel: delete it.
  virtual void OnTopicForsaken(Topic& topic) = 0;
  // The last write to a log or journal failed, or, with an ok status, succeeded again.
  virtual void OnDiskStatus(const Topic& topic, const Status& status) = 0;
};

// A stream of messages and the channels that see it.
//
// What is published collects in the log's batch; at the turn's end it is written, then given to
// the channels and only then acknowledged. While there is no channel, the topic is paused, or it
// has not been started, messages stay before the fan-out mark and no channel sees them.
//
// Home: its loop.
// Owns: its log, its journal, its channels. Drives the channels: dispatch, timers, journal.
class Topic : private SegmentedLog::Listener {
 public:
  // Everything a topic's life needs that outlives it.
  struct World {
    EventLoop& loop;
    HelperPool& pool;
    Files& files;
    MemoryBudget& budget;
    const Options& options;
    TopicObserver& observer;
    QueueMetrics* metrics = nullptr;  // to count in; may be null
    DiskRoom* room = nullptr;         // null: as much as the disk takes
  };

  // Opens the topic, or makes it. An ephemeral one stays in memory. A new topic does not flow
  // until Start: its channels may have to be asked for first.
  static Result<std::unique_ptr<Topic>> Open(const World& world, std::string name);
  ~Topic() override;

  const std::string& name() const { return name_; }
  bool ephemeral() const { return ephemeral_; }

  // Lets messages flow to the channels.
  // Makes `channels` first, which is what nsqlookupd knew when it was asked, but for those that
  // have been deleted here since.
  void Start(const std::vector<std::string>& channels = {});

  // --- publishing

  // Adds messages, in order, all or none. `defer` > 0: not to be delivered before that has passed.
  // `publisher` is answered with `ticket` at a turn's end.
  void Publish(std::span<const std::string_view> bodies, Duration defer, Publisher* publisher,
               uint64_t ticket);

  // --- channels

  Channel* FindChannel(std::string_view name);
  // kUnavailable: the topic is going away.
  Result<Channel*> GetOrCreateChannel(std::string_view name);
  // Its consumers' connections are closed. kNotFound if it is not there.
  Status DeleteChannel(std::string_view name);
  // Ends a subscription; an ephemeral channel goes with its last one.
  void Unsubscribe(Channel* channel, Subscription* subscription);

  // A consumer's state changed (RDY, FIN, REQ, TOUCH, CLS, writable): deliver at the turn's end.
  void Wake() { loop_.AtTurnEnd(TurnPhase::kDispatch, &dispatch_task_); }

  // --- steering

  void Pause();
  void Unpause();
  bool paused() const {
    home_.Assert();
    return paused_;
  }
  // When publishers hear OK; nothing: as the daemon's options say. Kept with the topic.
  void SetDurability(std::optional<Durability> durability);
  // Drops what no channel has been given yet.
  void Empty();
  Status EmptyChannel(std::string_view name);
  Status PauseChannel(std::string_view name, bool paused);

  // Takes the files away; the pool then unlinks them. Only Delete may follow, in the same turn.
  // After an error nothing has changed.
  Status RemoveFiles();
  // Closes all channels; what is published from now on is refused. Only destruction may follow,
  // which refuses those who still wait for an answer.
  void Delete();
  // A copy of it as it is now, in a new directory "<in>/<topic>.topic"; to be finished on the pool.
  // Null of an ephemeral one.
  Result<std::unique_ptr<TopicBackup>> Backup(const std::string& in);

  // For a clean stop. First stops taking messages, ends all subscriptions, writes everything and
  // marks the stop as clean; then waits for the disk, on any thread (many topics together, while
  // nothing else is done with this one); then says what came of it. Close is all three.
  void PrepareClose();
  void SyncForClose();
  void FinishClose();
  void Close();

  std::vector<std::string> ChannelNames() const;
  uint64_t depth() const;
  TopicStats Stats(const StatsFilter& filter) const;
  // What is in memory: itself, channels, messages.
  uint64_t held_objects() const;

 private:
  template <void (Topic::*kMethod)()>
  struct Task : TurnTask {
    explicit Task(Topic* t) : topic(t) {}
    void AtTurnEnd() noexcept override { (topic->*kMethod)(); }
    Topic* const topic;
  };
  struct Waiter {
    Publisher* publisher;
    uint64_t ticket;
    Sequence end;  // of its messages
    bool deferred;
    SteadyTime since;
  };
  struct Held {
    Sequence sequence;
    WallTime due;
  };
  Topic(const World& world, std::string name);
  void Adopt(OpenedTopic opened);

  void OnLogReadable() override;
  void OnLogSynced(const Status& status, Sequence upto) override;
  void OnLogProbed(const Status& status) override;
  Sequence WantedFrom() const override;
  uint64_t CountWanted(SequenceRange range) const override;
  void ListWanted(SequenceRange range, std::vector<Sequence>* to) const override;

  using Channels = std::map<std::string, std::unique_ptr<Channel>, std::less<>>;

  void Flush();
  void Dispatch();
  void WriteJournal();
  void OnTimer();

  void UpdateFlow() NSQ_REQUIRES(home_);
  void FanOut(std::span<const Held> deferred) NSQ_REQUIRES(home_);
  // Of this turn's publishes, deferred ones for themselves.
  void Answer(const Status& status, const Status& deferred) NSQ_REQUIRES(home_);
  Status KeepDeferred() NSQ_REQUIRES(home_);
  void ArmTimer() NSQ_REQUIRES(home_);
  void ReleaseLog() NSQ_REQUIRES(home_);
  void RemoveChannel(Channels::iterator it) NSQ_REQUIRES(home_);
  struct CompactJob;
  struct ClearJob;
  struct Handle {
    Topic* topic;
  };
  void CompactJournal() NSQ_REQUIRES(home_);
  void OnCompacted(std::unique_ptr<JournalRewrite> done);
  TopicState Snapshot(bool sorted = true) const NSQ_REQUIRES(home_);
  ChannelOptions MakeChannelOptions(bool memory_only) const;
  Durability durability() const NSQ_REQUIRES(home_) {
    return durability_.value_or(world_.options.durability);
  }
  void JournalSoon() { loop_.AtTurnEnd(TurnPhase::kJournal, &journal_task_); }
  // When that message was published, or a time before that.
  WallTime PublishedAt(Sequence sequence) const NSQ_REQUIRES(home_);
  LatencyStats Latencies(std::span<const LatencySketch* const> sketches) const;
  // Log and journal are two files, and what could be written may not be synced: that one goes well
  // says nothing about the others.
  void NoteDisk(const Status& status, bool* failing) NSQ_REQUIRES(home_);
  bool disk_failing() const NSQ_REQUIRES(home_) {
    return log_failing_ || journal_failing_ || sync_failing_;
  }
  void ProbeDisk();

  const std::string name_;
  const bool ephemeral_;
  const World world_;
  EventLoop& loop_;
  const Home& home_;

  std::string dir_ NSQ_GUARDED_BY(home_);  // empty: memory only
  std::unique_ptr<SegmentedLog> log_ NSQ_GUARDED_BY(home_);
  std::unique_ptr<Journal> journal_ NSQ_GUARDED_BY(home_);
  Channels channels_ NSQ_GUARDED_BY(home_);
  ChannelNumber next_channel_ NSQ_GUARDED_BY(home_) = 1;

  Sequence first_ NSQ_GUARDED_BY(home_);
  Sequence fanout_ NSQ_GUARDED_BY(home_);  // below it messages belong to the channels
  bool paused_ NSQ_GUARDED_BY(home_) = false;
  bool started_ NSQ_GUARDED_BY(home_) = false;
  std::set<std::string, std::less<>> deleted_before_start_ NSQ_GUARDED_BY(home_);
  bool flowing_ NSQ_GUARDED_BY(home_) = false;
  bool leaving_ NSQ_GUARDED_BY(home_) = false;    // being deleted or closed
  std::vector<Held> held_ NSQ_GUARDED_BY(home_);  // deferred publishes from fanout_ on

  std::optional<Durability> durability_ NSQ_GUARDED_BY(home_);  // nothing: the daemon's
  LogPlace synced_in_journal_ NSQ_GUARDED_BY(home_);
  std::unique_ptr<SyncFiles> last_sync_;  // between PrepareClose and FinishClose
  Status last_write_ NSQ_GUARDED_BY(home_);

  // This turn's publishes.
  std::vector<Waiter> waiters_ NSQ_GUARDED_BY(home_);
  std::vector<Held> batch_deferred_ NSQ_GUARDED_BY(home_);
  std::deque<Waiter> syncing_ NSQ_GUARDED_BY(home_);  // written, waiting for the disk

  Task<&Topic::Flush> flush_task_{this};
  Task<&Topic::Dispatch> dispatch_task_{this};
  Task<&Topic::WriteJournal> journal_task_{this};
  const std::shared_ptr<Handle> handle_;  // how a job that comes back finds it, or that it is gone
  SteadyTime no_compaction_before_ NSQ_GUARDED_BY(home_);

  Timer timer_;
  Timer probe_timer_;  // while the disk fails
  Timeline timeline_ NSQ_GUARDED_BY(home_);

  uint64_t message_count_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t message_bytes_ NSQ_GUARDED_BY(home_) = 0;
  bool log_failing_ NSQ_GUARDED_BY(home_) = false;
  bool journal_failing_ NSQ_GUARDED_BY(home_) = false;
  bool sync_failing_ NSQ_GUARDED_BY(home_) = false;
  uint64_t batch_messages_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t batch_bytes_ NSQ_GUARDED_BY(home_) = 0;
};

}  // namespace nsq::nsqd
