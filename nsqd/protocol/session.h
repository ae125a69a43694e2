#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/event/connection.h"
#include "common/event/connection_limit.h"
#include "common/event/event_loop.h"
#include "common/event/home.h"
#include "common/event/timer.h"
#include "common/event/unique_fd.h"
#include "common/status.h"
#include "common/time.h"
#include "nsqd/protocol/answers.h"
#include "nsqd/protocol/client_info.h"
#include "nsqd/protocol/command_parser.h"
#include "nsqd/protocol/errors.h"
#include "nsqd/protocol/identify.h"
#include "nsqd/queue/consumer.h"
#include "nsqd/queue/publisher.h"

namespace nsq {
class TlsFilter;
}

namespace nsq::nsqd {

class Broker;
class Channel;
class Topic;
struct AuthTicket;
struct ClientMemory;
struct Options;
struct Subscription;

// A session between two loops, inside its SUB: everything but the timers, which start again where
// it arrives, with the time that is left.
struct MovingSession {
  ConnectionId id;
  DetachedConnection connection;  // with what was read behind the SUB
  ClientInfo info;
  SteadyTime last_command;
  SteadyTime next_heartbeat;
  std::string topic;    // } of the SUB
  std::string channel;  // }
  bool sub_retried = false;
  ConnectionPlace place;
};

// One TCP client of protocol V2: reads its commands, acts on topics and channels, answers in order.
//
//   kRunning --fatal error, EOF, deadline--> kAnswering --all said--> kClosing --sent--> kClosed
//      |                                          |                      |                  ^
//      +--- connection broken, channel deleted, peer does not read -----+------------------+
//
// It lives on until every publish it has handed on is answered, then tells the broker.
//
// Home: its loop. A SUB for a topic of another loop ends this object and makes another one there.
// Owns: the connection. Its subscription belongs to the channel.
// Memory: an idle one holds no buffers. A client that does not read its answers is not read from;
// one that does not read its messages gets none.
class Session final : public Deferrable,
                      public Publisher,
                      public Consumer,
                      private Connection::Handler {
 public:
  // Answers under way before reading stops: what a client may pipeline ahead of the disk.
  static constexpr size_t kMaxAnswers = 4096;
  // Bytes published and not answered before reading stops, at one message more than that: what a
  // disk takes in some tens of milliseconds ...
  static constexpr size_t kMaxPromised = size_t{8} << 20;
  // ... and while the clients of the loop are over their budget together.
  static constexpr size_t kLeastPromised = size_t{128} << 10;
  // Bytes that a client may leave unread before it gets no more messages ...
  static constexpr size_t kMaxUnsentMessages = size_t{1} << 20;
  // ... and, beyond those, before its commands are not read any more.
  static constexpr size_t kMaxUnsentAnswers = size_t{256} << 10;
  // Both, while the clients of the loop are over their budget together.
  static constexpr size_t kLeastUnsent = size_t{64} << 10;

  // A connection just accepted; `place` is held until it is closed.
  Session(Broker& broker, ConnectionId id, UniqueFd fd, ConnectionPlace place);
  // One that comes from another loop; CompleteSubscribe must follow in the same turn.
  Session(Broker& broker, MovingSession moving);
  ~Session() override;

  ConnectionId id() const { return id_; }

  // Takes everything out of this object, which is then to be destroyed. For Broker::Move only.
  MovingSession Detach();

  // The end of SUB, on the home of its topic, which is here or could not be made.
  void CompleteSubscribe(const Result<Topic*>& topic, std::string_view channel);

  // What Broker::AskAuth has brought.
  void OnAuthAnswer(const Result<std::shared_ptr<const Authorizations>>& answer);

  // The daemon leaves: no more commands; what is promised is answered, then the connection closed.
  void Stop();

  // For /stats: whether it belongs among the producers.
  bool has_published() const;

  void OnPublished(uint64_t ticket, const Status& status) override;

  void Deliver(const Delivery& delivery) override;
  void Flush() override;
  void OnChannelClosed() override;
  ClientStats Describe() const override;

 private:
  enum class Phase {
    kRunning,    // commands are read
    kAnswering,  // no more commands; what is owed is said, then the connection is closed
    kClosing,    // the connection sends and closes
    kDropping,   // to be closed at the turn's end, without a word
    kClosed,
  };
  // What the bytes read so far end before: decides what the client hears if nothing follows.
  enum class Awaited {
    kMagic,
    kLine,
    kSize,
    kBody,
    kMessageCount,
    kMessageSize,
    kMessageBody,
  };
  // A SUB that cannot be completed yet.
  struct HeldSub {
    std::string topic;
    std::string channel;
    std::optional<SteadyTime> retry_at;
  };
  // After the connection has sent what the kernel takes.
  struct CountTask : TurnTask {
    explicit CountTask(Session* s) : session(s) {}
    void AtTurnEnd() noexcept override { session->CountUnsent(); }
    Session* const session;
  };
  struct SettleTask : TurnTask {
    explicit SettleTask(Session* s) : session(s) {}
    void AtTurnEnd() noexcept override { session->Settle(); }
    Session* const session;
  };

  size_t OnData(std::string_view data) override;
  void OnEof(std::string_view rest) override;
  void OnClosed(const Status& why) override;
  void OnDrained() override;
  void OnFilterReady(const Status& status) override;

  // Each looks at the command that `data` begins with. The first two return its length once it is
  // done with; the others whether it is. Else more is awaited, or the connection ends.
  size_t ReadMagic(std::string_view data) NSQ_REQUIRES(home_);
  size_t ReadCommand(std::string_view data) NSQ_REQUIRES(home_);
  bool Execute(const CommandLine& line, std::string_view data) NSQ_REQUIRES(home_);
  bool Identify(std::string_view data) NSQ_REQUIRES(home_);
  bool Auth(const CommandLine& line, std::string_view data) NSQ_REQUIRES(home_);
  bool Sub(const CommandLine& line) NSQ_REQUIRES(home_);
  bool Rdy(const CommandLine& line) NSQ_REQUIRES(home_);
  bool Fin(const CommandLine& line) NSQ_REQUIRES(home_);
  bool Req(const CommandLine& line) NSQ_REQUIRES(home_);
  bool Touch(const CommandLine& line) NSQ_REQUIRES(home_);
  bool Cls() NSQ_REQUIRES(home_);
  bool Pub(const CommandLine& line, std::string_view data) NSQ_REQUIRES(home_);
  bool Mpub(const CommandLine& line, std::string_view data) NSQ_REQUIRES(home_);
  bool Dpub(const CommandLine& line, std::string_view data) NSQ_REQUIRES(home_);

  // Whether the client may do that. If not, either it has been refused, or an auth server is asked:
  // then the command is not done with, and is looked at again when the answer is there.
  bool Authorize(Command command, std::string_view topic, std::string_view channel)
      NSQ_REQUIRES(home_);
  void AskAuth() NSQ_REQUIRES(home_);

  // Puts in place what IDENTIFY has granted: TLS first, then a compression, an OK through each.
  // Only when nothing is owed: what was asked before is answered without them.
  void Upgrade() NSQ_REQUIRES(home_);
  void Compress() NSQ_REQUIRES(home_);
  void HandshakeFailed(std::string_view reason) NSQ_REQUIRES(home_);

  bool ReadBody(Command command, int64_t max_size, std::string_view data, std::string_view* body)
      NSQ_REQUIRES(home_);
  bool ReadMessages(std::string_view data) NSQ_REQUIRES(home_);
  bool Await(Command command, Awaited what, uint32_t index = 0) NSQ_REQUIRES(home_);
  Refusal Unreadable() const NSQ_REQUIRES(home_);
  // FIN, REQ and TOUCH: what they have in common, before and after.
  bool CheckAboutMessage(const CommandLine& line, size_t params) NSQ_REQUIRES(home_);
  bool FinishAboutMessage(const CommandLine& line, const Status& status) NSQ_REQUIRES(home_);
  bool MayPublishTo(std::string_view topic) const NSQ_REQUIRES(home_);
  void Publish(Command command, std::string_view topic, std::span<const std::string_view> bodies,
               Duration defer) NSQ_REQUIRES(home_);

  void Respond(std::string_view text) NSQ_REQUIRES(home_);
  // Returns whether the client may go on.
  bool Refuse(const Refusal& refusal) NSQ_REQUIRES(home_);
  void SayAnswers() NSQ_REQUIRES(home_);

  // False: the topic lives on another loop.
  bool StartSubscribe() NSQ_REQUIRES(home_);
  void RetryOrRefuseSub(const Status& why) NSQ_REQUIRES(home_);
  void LeaveChannel() NSQ_REQUIRES(home_);

  void End(Phase phase) NSQ_REQUIRES(home_);
  void SettleSoon() { loop_.AtTurnEnd(TurnPhase::kMail, &settle_task_); }
  // Does what must not be done from inside somebody's call: moves, leaves the channel, closes,
  // goes on reading. Looks at the state only, so that it may be asked for once too often.
  void Settle();
  bool Overloaded() const NSQ_REQUIRES(home_);
  // Brings what the loop knows of this client's unsent bytes up to date.
  void CountUnsent();
  // Much is unsent: counts it, now and again when the turn has sent what can be sent.
  void WatchUnsent() NSQ_REQUIRES(home_);
  size_t MaxUnsentMessages() const NSQ_REQUIRES(home_);
  void PauseOrResume() NSQ_REQUIRES(home_);

  void OnTimer();
  // Nothing complete has come for two intervals.
  void Expire() NSQ_REQUIRES(home_);
  void Beat(SteadyTime now) NSQ_REQUIRES(home_);
  void ArmTimer() NSQ_REQUIRES(home_);
  std::optional<SteadyTime> ReadDeadline() const NSQ_REQUIRES(home_);

  Broker& broker_;
  EventLoop& loop_;
  const Home& home_;
  const Options& options_;
  ClientMemory& memory_;
  const ConnectionId id_;
  ConnectionPlace place_ NSQ_GUARDED_BY(home_);

  ClientInfo info_ NSQ_GUARDED_BY(home_);
  Connection connection_ NSQ_GUARDED_BY(home_);
  CommandParser parser_ NSQ_GUARDED_BY(home_);
  Answers answers_ NSQ_GUARDED_BY(home_);
  std::vector<std::string_view> bodies_ NSQ_GUARDED_BY(home_);  // of one MPUB; keeps its capacity

  Phase phase_ NSQ_GUARDED_BY(home_) = Phase::kRunning;
  Awaited awaited_ NSQ_GUARDED_BY(home_) = Awaited::kMagic;
  Command awaiting_ NSQ_GUARDED_BY(home_) = Command::kUnknown;  // whose body is awaited
  uint32_t awaited_index_ NSQ_GUARDED_BY(home_) = 0;            // message of an MPUB
  bool topic_ensured_ NSQ_GUARDED_BY(home_) = false;            // by the MPUB being read
  bool paused_ NSQ_GUARDED_BY(home_) = false;                   // reading
  bool stopping_ NSQ_GUARDED_BY(home_) = false;
  bool gone_ NSQ_GUARDED_BY(home_) = false;  // detached, or the broker has been told of the end

  // While an auth server is asked nothing is read.
  std::shared_ptr<AuthTicket> asking_ NSQ_GUARDED_BY(home_);
  bool asking_for_auth_ NSQ_GUARDED_BY(home_) = false;  // the command; else what it gave expired

  // Layers not yet in place; nothing is read nor said until they are, but by TLS itself.
  std::optional<Layers> upgrade_ NSQ_GUARDED_BY(home_);
  TlsFilter* shaking_hands_ NSQ_GUARDED_BY(home_) = nullptr;  // the connection's
  SteadyTime handshake_deadline_ NSQ_GUARDED_BY(home_);
  bool new_layer_ NSQ_GUARDED_BY(home_) = false;  // begins behind the command being read

  std::optional<HeldSub> held_sub_ NSQ_GUARDED_BY(home_);
  bool sub_retried_ NSQ_GUARDED_BY(home_) = false;
  Topic* topic_ NSQ_GUARDED_BY(home_) = nullptr;  // } all or none
  Channel* channel_ NSQ_GUARDED_BY(home_) = nullptr;
  Subscription* subscription_ NSQ_GUARDED_BY(home_) = nullptr;
  bool writable_ NSQ_GUARDED_BY(home_) = true;                  // what the channel knows
  size_t counted_unsent_ NSQ_GUARDED_BY(home_) = 0;             // in memory_
  size_t look_at_unsent_ NSQ_GUARDED_BY(home_) = kLeastUnsent;  // when it comes to that many

  Timer timer_ NSQ_GUARDED_BY(home_);
  SteadyTime last_command_ NSQ_GUARDED_BY(home_);
  SteadyTime next_heartbeat_ NSQ_GUARDED_BY(home_);
  SteadyTime drop_at_ NSQ_GUARDED_BY(home_);  // once it is not running any more
  bool unsent_at_beat_ NSQ_GUARDED_BY(home_) = false;
  uint64_t sent_at_beat_ NSQ_GUARDED_BY(home_) = 0;
  // Of the topic published to last, which is valid and allowed: a client publishes to few, mostly
  // to one.
  std::pair<const std::string, uint64_t>* last_published_ NSQ_GUARDED_BY(home_) = nullptr;

  SettleTask settle_task_{this};
  CountTask count_task_{this};
};

}  // namespace nsq::nsqd
