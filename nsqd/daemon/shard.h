#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/event/connection_limit.h"
#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/event/unique_fd.h"
#include "nsqd/http/backend.h"
#include "nsqd/options.h"
#include "nsqd/protocol/broker.h"
#include "nsqd/protocol/client_memory.h"
#include "nsqd/queue/topic.h"
#include "nsqd/storage/disk_room.h"

namespace nsq {
class HelperPool;
class TlsContext;
}  // namespace nsq

namespace nsq::nsqd {

class AuthDesk;
class Drain;
class Files;
class Health;
class LookupDesk;
class Placement;
class Session;
class Shard;
struct MovingSession;

// Connections of one kind, over all loops.
struct CountedConnections {
  std::string_view protocol;  // a literal
  const ConnectionLimit* limit;
};

// What all shards share. Immutable once they run; what it points to says itself who may use it.
struct ShardWorld {
  const Options& options;
  HelperPool& pool;
  Files& files;
  Placement& placement;
  Health& health;
  std::vector<Shard*> shards;                        // by loop
  LookupDesk* lookup = nullptr;                      // } set before the loops run
  AuthDesk* auth = nullptr;                          // } null: no auth servers
  const Drain* drain = nullptr;                      // } null: never (tests)
  std::vector<CountedConnections> connections = {};  // for /metrics
};

// Everything of nsqd that lives on one loop: the topics at home here, the sessions of clients that
// are connected here, and the way to the topics of other loops.
//
// Home: its loop.
// Across loops: publishes leave in one PublishBatch a turn for each other loop and are answered by
// a PublishAnswers for each turn in which some of it is; a SUB takes the whole session to its
// topic's home; questions (actions, statistics) are a letter each way, matched by number.
class Shard : public Broker, private TopicObserver {
 public:
  Shard(EventLoop& loop, ShardWorld& world, size_t index);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard() override;

  // Opens topics that are in the data path, at start. The first error ends it.
  Status Load(const std::vector<std::string>& topics);

  // What clients may speak TLS by from now on.
  void UseTls(std::shared_ptr<const TlsContext> context);

  // A client that was accepted for this loop.
  void Adopt(UniqueFd fd, ConnectionPlace place);

  // Tells how many HTTP clients there are on this loop.
  void CountHttp(std::function<size_t()> count);

  // Ends all clients, as a stop does. Publishes of other loops are still taken.
  void CloseClients();
  // Writes and closes all topics; waits for the disk. Nothing may come afterwards.
  void CloseTopics();

  // --- Broker

  EventLoop& loop() override { return loop_; }
  const Options& options() const override { return world_.options; }
  const TlsContext* tls() const override;
  ClientMemory& client_memory() override { return client_memory_; }
  void Publish(std::string_view topic, std::span<const std::string_view> bodies, Duration defer,
               Publisher* publisher, uint64_t ticket) override;
  void EnsureTopic(std::string_view topic) override;
  Result<Topic*> LocalTopic(std::string_view topic) override;
  void Move(Session* session, std::string topic, std::string channel) override;
  void AskAuth(AuthQuestion question, std::shared_ptr<AuthTicket> ticket) override;
  void OnSessionEnded(Session* session) override;

  // --- for the HTTP API of this loop; see Backend

  void Act(TopicAction action, std::string topic, std::string channel,
           std::function<void(const Backend::ActionResult&)> done);
  void GatherStats(const StatsFilter& filter, std::function<void(DaemonStats)> done);
  void GatherMetrics(bool topics, std::function<void(std::vector<MetricsPart>)> done);

  void Backup(const std::string& name, std::function<void(const Backend::BackupResult&)> done);

  // Any loop: what nsqlookupd knows of a topic of this shard, which may flow from then on.
  void PostChannels(const std::string& topic, uint64_t question, std::vector<std::string> channels);

  // --- letters

  struct PublishBatch;
  struct PublishAnswers;
  struct AdoptSession;
  struct CreateTopic;
  struct ChannelsKnown;
  struct ActRequest;
  struct ActReply;
  struct BackupJob;
  struct ProbeJob;
  struct BackupRequest;
  struct BackupReply;
  struct StatsRequest;
  struct StatsReply;
  struct MetricsRequest;
  struct MetricsReply;

 private:
  class RemoteBatch;
  struct Gather;
  struct MetricsGather;
  struct GatheredBackup;
  struct MailTask : TurnTask {
    explicit MailTask(Shard* s) : shard(s) {}
    void AtTurnEnd() noexcept override { shard->SendMail(); }
    Shard* const shard;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  void OnChannelCreated(const Topic& topic, const std::string& channel) override;
  void OnChannelDeleted(const Topic& topic, const std::string& channel) override;
  void OnTopicForsaken(Topic& topic) override;
  void OnDiskStatus(const Topic& topic, const Status& status) override;

  Topic::World TopicWorld() NSQ_REQUIRES(home_);
  Topic* FindTopic(std::string_view name) NSQ_REQUIRES(home_);
  Result<Topic*> GetOrCreateTopic(std::string_view name) NSQ_REQUIRES(home_);
  // Whether new topics can be made; if not, the disk is tried until it can be thought so.
  void NoteCreation(const Status& status) NSQ_REQUIRES(home_);
  void ProbeDisk();
  size_t HomeOf(std::string_view topic) NSQ_REQUIRES(home_);
  // For what somebody sent here because this was the topic's home when it looked: it may have been
  // deleted, and made again elsewhere, since. Passed on by HomeOf two loops could send it to each
  // other for ever.
  size_t HomeNow(std::string_view topic) NSQ_REQUIRES(home_);
  Status DeleteTopic(const std::string& name) NSQ_REQUIRES(home_);
  void PublishHere(std::string_view topic, std::span<const std::string_view> bodies, Duration defer,
                   Publisher* publisher, uint64_t ticket) NSQ_REQUIRES(home_);
  PublishBatch& BatchFor(size_t shard) NSQ_REQUIRES(home_);
  // What leaves for that shard with this turn's mail; `expected`: room to begin with.
  PublishAnswers& AnswersFor(size_t shard, size_t expected);
  void AcceptBatch(PublishBatch& batch);
  void OnBatchAnswered(RemoteBatch* batch);
  void AcceptSession(MovingSession moving, const std::string& topic, const std::string& channel);
  void StartTopic(const std::string& name, uint64_t question,
                  const std::vector<std::string>& channels);
  Backend::ActionResult ActHere(TopicAction action, const std::string& topic,
                                const std::string& channel) NSQ_REQUIRES(home_);
  void OnActed(uint64_t number, const Backend::ActionResult& result);
  DaemonStats StatsHere(const StatsFilter& filter) const NSQ_REQUIRES(home_);
  void OnStats(uint64_t number, DaemonStats part);
  MetricsPart MetricsHere() const NSQ_REQUIRES(home_);
  void OnMetrics(uint64_t number, size_t shard, MetricsPart part);
  // Takes some of `names` off and into the job. False: that was all, or it has failed.
  bool BackupSome(std::vector<std::string>* names, const std::string& path, BackupJob* job)
      NSQ_REQUIRES(home_);
  void OnBackedUp(uint64_t number, const Backend::BackupResult& part);
  void SendMail();
  bool draining() const;
  // As Publish, from whoever it comes.
  void Accept(std::string_view topic, std::span<const std::string_view> bodies, Duration defer,
              Publisher* publisher, uint64_t ticket) NSQ_REQUIRES(home_);
  // Answered as any publish is: by a letter, never from inside the call.
  void Refuse(Publisher* publisher, uint64_t ticket, const Status& why);

  EventLoop& loop_;
  const Home& home_;
  ShardWorld& world_;
  const size_t index_;
  MemoryBudget budget_ NSQ_GUARDED_BY(home_);
  ClientMemory client_memory_;  // the sessions'
  DiskRoom room_ NSQ_GUARDED_BY(home_);
  QueueMetrics metrics_ NSQ_GUARDED_BY(home_);

  std::unordered_map<std::string, std::unique_ptr<Topic>, Hash, std::equal_to<>> topics_
      NSQ_GUARDED_BY(home_);
  Topic* last_topic_ NSQ_GUARDED_BY(home_) = nullptr;  // found last: producers repeat themselves
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> elsewhere_ NSQ_GUARDED_BY(home_);

  std::shared_ptr<const TlsContext> tls_ NSQ_GUARDED_BY(home_);  // null: no TLS
  std::function<size_t()> http_count_ NSQ_GUARDED_BY(home_);     // none: no HTTP yet
  uint64_t next_connection_ NSQ_GUARDED_BY(home_) = 0;
  std::unordered_map<Session*, std::unique_ptr<Session>> sessions_ NSQ_GUARDED_BY(home_);
  std::vector<std::unique_ptr<RemoteBatch>> remote_batches_ NSQ_GUARDED_BY(home_);
  std::vector<std::unique_ptr<PublishBatch>> outgoing_ NSQ_GUARDED_BY(home_);     // by shard
  std::vector<std::unique_ptr<PublishAnswers>> answering_ NSQ_GUARDED_BY(home_);  // by shard

  std::vector<std::unique_ptr<ActReply>> acted_ NSQ_GUARDED_BY(home_);  // answers to send

  uint64_t next_question_ NSQ_GUARDED_BY(home_) = 1;
  // Topics that wait to hear of their channels, by the number of the question: an answer that was
  // for a namesake, deleted since, is not theirs.
  std::unordered_map<std::string, uint64_t> asking_ NSQ_GUARDED_BY(home_);
  std::unordered_map<uint64_t, std::function<void(const Backend::ActionResult&)>> acting_
      NSQ_GUARDED_BY(home_);
  std::unordered_map<uint64_t, std::unique_ptr<Gather>> gathering_ NSQ_GUARDED_BY(home_);
  std::unordered_map<uint64_t, std::unique_ptr<MetricsGather>> metering_ NSQ_GUARDED_BY(home_);
  std::unordered_map<uint64_t, std::unique_ptr<GatheredBackup>> backing_up_ NSQ_GUARDED_BY(home_);

  bool closing_ NSQ_GUARDED_BY(home_) = false;
  bool creation_fails_ NSQ_GUARDED_BY(home_) = false;
  Timer probe_timer_;  // Home: the loop
  // Before whatever may still register it.
  MailTask mail_task_{this};
};

}  // namespace nsq::nsqd
