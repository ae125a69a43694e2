#pragma once

#include <nsq/consumer.h>

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
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "clients/nsq/internal/backoff.h"
#include "clients/nsq/internal/block.h"
#include "clients/nsq/internal/link.h"
#include "clients/nsq/internal/lookup.h"
#include "clients/nsq/internal/ready_book.h"
#include "clients/nsq/internal/retry_delay.h"
#include "clients/nsq/internal/runtime_core.h"
#include "clients/nsq/internal/waiting.h"
#include "common/event/timer.h"

namespace nsq::client {

enum class AnswerKind : uint8_t { kFinish, kRequeue, kTouch };

// What is behind a Consumer.
//
//   nsqd -> Link -> queue -> handler, or whoever calls Receive      (messages)
//   message -> inbox -> Link -> nsqd                                (answers)
//
// The loop never waits for handlers: what they have not taken lies in the queue, which is bounded
// by max_in_flight because nsqd sends no more than RDY allows.
//
// Home: what is under "any thread": any thread; the rest its loop.
class ConsumerCore final : public Resident, public std::enable_shared_from_this<ConsumerCore> {
 public:
  using Received = std::function<void(Expected<Message>)>;

  ConsumerCore(std::shared_ptr<RuntimeCore> runtime, ConsumerOptions options,
               std::vector<std::string> lookup_urls, std::shared_ptr<const TlsContext> tls);
  ~ConsumerCore() override;

  // Any thread.
  bool Register();
  Expected<void> Start(Consumer::Handler handler);
  Expected<Message> Receive(Duration timeout);
  Expected<std::vector<Message>> ReceiveBatch(size_t max, Duration linger, Duration timeout);
  void ReceiveLater(Received received);
  bool IsStarved() const;
  void SetMaxInFlight(int count);
  void Pause(bool paused);
  StopReport Stop(Duration timeout);
  ConsumerStatus status();

  // `frame` is the message's; it must not have been answered before.
  static Expected<void> Answer(Source& source, AnswerKind kind, const char* frame,
                               std::optional<Duration> delay, Penalty penalty);

  void LeaveLoop() noexcept override;

 private:
  // An nsqd, connected or to be.
  struct Node;
  struct OnLoop;
  struct InboxLetter;

  struct PendingAnswer {
    LinkId link;
    AnswerKind kind;
    Penalty penalty;
    uint16_t attempts;
    char id[kMessageIdBytes];
    std::optional<Duration> delay;
  };
  struct Slot {                      // what a handler has in hand, for touching it
    std::shared_ptr<Source> source;  // null: nothing
    std::string id;
    SteadyTime touched;
  };

  // Any thread.
  void Wake(std::unique_lock<std::mutex> lock);
  void Work(size_t slot);
  // Takes what is due to be handled; empty when nothing is left or the consumer stops.
  std::optional<Message> TakeQueued(std::unique_lock<std::mutex>* lock);
  bool GiveUp(Message* message);
  bool Starved() const;  // of connections: the queue not looked at
  void Handle(Message message);
  Expected<Message> NoMore() const;
  void Log(Severity severity, Event event, std::string text, const std::string& nsqd = "") const;

  // On the loop.
  void OpenInbox();
  void BeginOnLoop();
  void ConnectNode(Node* node);
  void OnNodeReady(Node* node);
  void OnSubscribed(Node* node);
  void OnNodeLost(Node* node, const Error& why);
  void OnNodeMessages(Node* node, std::span<const std::string_view> messages);
  void OnNodeError(Node* node, std::string_view text);
  void OnNodeEnded(Node* node);
  void NoteFirstAttempt(Node* node, Expected<void> result);
  bool WaitsForAll() const;
  void DeliverToQueue(std::vector<Message>* messages);
  void ApplyAnswers(const std::vector<PendingAnswer>& answers);
  void ApplySignal(Backoff::Signal signal);
  void SendReady(const std::vector<ReadyBook::Command>& commands);
  void OnPauseOver();
  void OnRound(Lookup::Round round);
  void OnTick();
  void TouchRunning();
  void BeginStop();
  void EndDrained();
  void RemoveNode(Node* node);
  void FillStatus(ConsumerStatus* status) const;

  const std::shared_ptr<RuntimeCore> runtime_;
  const ConsumerOptions options_;
  const std::vector<std::string> lookup_urls_;
  const std::shared_ptr<const TlsContext> tls_;
  const size_t loop_index_;
  const uint64_t instance_;

  // The inbox.
  std::mutex mutex_;
  bool woken_ = false;
  bool begin_ = false;
  bool stop_ = false;
  bool abort_ = false;
  std::optional<int> new_max_in_flight_;
  std::vector<PendingAnswer> answers_;
  std::vector<Waiting<ConsumerStatus>*> status_waiting_;
  Waiting<Expected<void>>* start_waiting_ = nullptr;
  int wanted_max_in_flight_;
  bool paused_ = false;

  // The queue between the loop and the handlers.
  mutable std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::deque<Message> queue_;
  std::deque<Received> receivers_;
  bool no_more_ = false;  // stopping: nothing is taken any more
  int working_ = 0;       // threads that run
  std::condition_variable worker_ended_;
  size_t given_back_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::thread> workers_;
  bool started_ = false;
  std::optional<StopReport> stopped_;  // once Stop is over
  bool gone_ = false;                  // the loop's part has ended
  std::condition_variable gone_changed_;
  Consumer::Handler handler_;
  std::stop_source stop_source_;

  mutable std::mutex sources_mutex_;
  std::vector<std::shared_ptr<Source>> sources_;  // of live connections

  std::atomic<uint64_t> received_{0};
  std::atomic<uint64_t> finished_{0};
  std::atomic<uint64_t> requeued_{0};

  // On the loop.
  std::unique_ptr<OnLoop> here_;
  bool left_ = false;
  uint64_t late_answers_ = 0;
  uint64_t connects_ = 0;
  uint64_t lookup_failures_ = 0;
};

}  // namespace nsq::client
