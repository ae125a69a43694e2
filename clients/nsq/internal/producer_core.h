#pragma once

#include <nsq/producer.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clients/nsq/internal/link.h"
#include "clients/nsq/internal/retry_delay.h"
#include "clients/nsq/internal/runtime_core.h"
#include "common/event/buffer.h"
#include "common/event/timer.h"

namespace nsq::client {

// One command for an nsqd, checked and encoded. The body is borrowed until it is taken.
struct PublishCommand {
  std::string head;  // "PUB topic\n" and the numbers before the body
  std::string_view body;
  uint32_t messages = 1;
  std::string_view topic;  // of a PUB, which may go in a batch; else empty
};

// What is wrong with these here already, or the command. `scratch` keeps what a batch is put
// together in.
Expected<PublishCommand> MakePublish(std::string_view topic, std::string_view body);
Expected<PublishCommand> MakeBatch(std::string_view topic, std::span<const std::string_view> bodies,
                                   std::string* scratch);
Expected<PublishCommand> MakeDeferred(std::string_view topic, std::chrono::nanoseconds delay,
                                      std::string_view body);

// What is behind a Producer: an inbox that any thread fills, and on the loop the connection and the
// queue of those who wait for answers, which come in the order of the commands.
//
//   (batch ->) inbox -> waiting (no connection yet) -> outstanding (sent) -> completed, once
//
// A blocking publish that finds nothing pending writes to the socket itself and leaves in the inbox
// that it did; the loop finds it there when the answer comes. That spares one of two changes of
// thread.
//
// Home: Publish, Connect, Flush, Stop and status: any thread; the rest its loop.
class ProducerCore final : public Resident,
                           public std::enable_shared_from_this<ProducerCore>,
                           private Link::Owner {
 public:
  using Callback = std::function<void(Expected<void>)>;

  ProducerCore(std::shared_ptr<RuntimeCore> runtime, ProducerOptions options,
               std::shared_ptr<const TlsContext> tls);
  ~ProducerCore() override;
  // Before any other call; false if the runtime has ended.
  bool Register();

  Expected<void> PublishAndWait(const PublishCommand& command, Duration timeout);
  // `inline_done`: called on the loop even if the options say otherwise.
  void Publish(const PublishCommand& command, Callback done, bool inline_done = false);
  Expected<void> Connect(Duration timeout);
  Expected<void> Flush(Duration timeout);
  Expected<void> Stop(Duration timeout);
  // Takes nothing more; closes when what is pending is answered, or at the time-out. Does not wait.
  void StopLater(Duration timeout);

  ProducerStatus status() const;
  const ProducerOptions& options() const { return options_; }
  size_t pending() const { return pending_.load(std::memory_order_relaxed); }

  void LeaveLoop() noexcept override;

 private:
  enum class Kind { kCommand, kConnect, kBarrier };
  struct Member {
    Callback done;
    bool inline_done = false;
  };
  struct Operation {
    Kind kind = Kind::kCommand;
    bool inline_done = false;
    uint32_t messages = 0;
    size_t bytes = 0;
    SteadyTime deadline;
    SteadyTime queued;
    Callback done;                // empty: nobody waits (any more)
    std::vector<Member> members;  // of a batch, in place of `done`
    size_t slots = 1;             // of max_pending
    uint64_t written_to = 0;      // the connection, if the caller has written it already
    size_t unwritten = 0;         // of its bytes, which the loop has to send

    bool waits() const { return done != nullptr || !members.empty(); }
  };
  // Messages for one topic that shall go in one command.
  struct Batch {
    std::string bodies;  // each behind its size
    std::vector<Member> members;
    SteadyTime begun;
    SteadyTime due;
    SteadyTime deadline;  // the earliest of all
  };
  struct InboxLetter;
  struct OnLoop {
    OnLoop(EventLoop& loop, ProducerCore* core);
    std::unique_ptr<Link> link;
    Timer retry;
    Timer sweep;
    Timer linger;
    RetryDelay delay;
  };

  // Any thread; `lock` holds mutex_.
  bool Full(size_t more_bytes) const;
  bool Batches(const PublishCommand& command) const;
  void Push(Operation operation, const PublishCommand* command);
  bool AddToBatch(Operation operation, const PublishCommand& command);
  void CloseBatch(std::string_view topic, Batch* batch);
  std::optional<SteadyTime> CloseDueBatches(SteadyTime now);
  bool WriteDirectly(Operation* operation, const PublishCommand& command);
  void Wake();
  void Close();
  Expected<void> WaitFor(Kind kind, Duration timeout);

  // On the loop.
  void OpenInbox();
  void TakeInbox();
  void TakeWritten();
  void CloseDirect();
  void Take(std::vector<Operation>* operations, std::string_view bytes);
  void StartConnecting();
  void SendWaiting();
  void CompleteBarriers();
  void Complete(Operation* operation, Expected<void> result);
  void Tell(Operation* operation, const Expected<void>& result);
  void FailAll(std::deque<Operation>* operations, ErrorCode code, const Error& why);
  void FailWaiting(const Error& why);
  void FreeRoom(const Operation& operation);
  void GiveBackRoom();
  void ArmSweep(SteadyTime deadline);
  void Sweep();
  void BuryLink();
  void Log(Severity severity, Event event, std::string text) const;

  void OnReady(Link& link) override;
  void OnResponse(Link& link, std::string_view text) override;
  void OnServerError(Link& link, std::string_view text) override;
  void OnMessages(Link& link, std::span<const std::string_view> messages) override;
  void OnReadDone(Link& link) override;
  void OnLost(Link& link, const Error& why) override;
  void OnEnded(Link& link) override;
  void OnWarning(Link& link, const std::string& text) override;

  const std::shared_ptr<RuntimeCore> runtime_;
  const ProducerOptions options_;
  const std::shared_ptr<const TlsContext> tls_;
  const size_t loop_index_;
  const uint64_t instance_;

  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::atomic<int> waiting_for_room_{0};
  bool stopping_ = false;
  bool closing_ = false;  // asks the loop to leave
  bool woken_ = false;
  std::vector<Operation> inbox_;
  Buffer inbox_bytes_;
  std::map<std::string, Batch, std::less<>> batches_;  // by topic; none is empty
  UniqueFd direct_;                                    // the present connection's, if it is ready
  uint64_t direct_id_ = 0;                             // which one that is: connects_

  std::atomic<size_t> pending_{0};
  std::atomic<size_t> pending_bytes_{0};
  std::atomic<bool> connected_{false};
  std::atomic<uint64_t> published_{0};
  std::atomic<uint64_t> failed_{0};
  std::atomic<uint64_t> connects_{0};

  // On the loop.
  std::unique_ptr<OnLoop> here_;
  std::mutex ended_mutex_;  // in the loop's place once that has ended
  bool left_ = false;
  std::deque<Operation> waiting_;
  Buffer waiting_bytes_;
  std::deque<Operation> outstanding_;
  std::vector<CallbackPool::Task> callbacks_;
  bool freed_ = false;  // some room, since those who wait for it were told
  SteadyTime last_attempt_;
};

}  // namespace nsq::client
