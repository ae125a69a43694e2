#pragma once

#include <nsq/client_options.h>
#include <nsq/error.h>
#include <nsq/message.h>
#include <nsq/runtime.h>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace nsq {
namespace client {
class ConsumerCore;
}

// What a handler made of a message.
class Outcome {
 public:
  using Time = std::chrono::nanoseconds;

  static Outcome Finish() { return Outcome(Kind::kFinish); }
  // Comes again after default_requeue_delay times its attempts, and the consumer backs off.
  static Outcome Requeue() { return Outcome(Kind::kRequeue); }
  static Outcome Requeue(Time delay, Penalty penalty = Penalty::kBackoff) {
    Outcome outcome(Kind::kRequeue);
    outcome.delay = delay;
    outcome.penalty = penalty;
    return outcome;
  }
  // The handler moved the message away, or has answered it, or will.
  static Outcome Taken() { return Outcome(Kind::kTaken); }

  enum class Kind { kFinish, kRequeue, kTaken };
  Kind kind;
  std::optional<Time> delay;
  Penalty penalty = Penalty::kBackoff;

 private:
  explicit Outcome(Kind k) : kind(k) {}
};

struct ConsumerOptions {
  std::string topic = {};
  std::string channel = {};
  // Where messages come from: these nsqd, and those that any of these nsqlookupd knows. One kind is
  // enough. A nsqlookupd is "host:port" or a URL.
  std::vector<std::string> nsqds = {};
  std::vector<std::string> lookupds = {};
  ClientOptions client = {};
  // Handlers that run at the same time, each on a thread of its own. 0: the handler runs on the I/O
  // thread and must not block (it may take the message and answer later).
  int concurrency = 1;
  // While a handler runs, its message is touched in time by itself.
  bool auto_touch = false;
  // Start fails, instead of going on trying, if one of `nsqds` cannot be reached. Nothing is
  // delivered before all of them are; a consumer that could not start has ended.
  bool fail_fast = false;
  // An nsqd that no nsqlookupd lists for so long is left; 0: stay as long as it answers.
  std::chrono::nanoseconds drop_delisted_after{0};
  // Chooses among the "host:port" that nsqlookupd names.
  std::function<std::vector<std::string>(std::vector<std::string>)> filter = {};
  // Called, before it is finished, with a message that was delivered more than max_attempts times.
  std::function<void(const Message&)> on_giving_up = {};
};

struct StopReport {
  bool drained = true;   // every message was answered, and every answer sent, in time
  size_t requeued = 0;   // received, not begun, and given back at once
  size_t abandoned = 0;  // unanswered at the deadline: they come again after their timeout
};

struct ConsumerStatus {
  struct Nsqd {
    std::string address;
    int rdy = 0;
    int in_flight = 0;
    std::chrono::nanoseconds since_last_message{0};
  };
  std::vector<Nsqd> nsqds;  // the connected ones
  uint64_t received = 0;
  uint64_t finished = 0;
  uint64_t requeued = 0;
  uint64_t late_answers = 0;  // E_FIN_FAILED and the like: the server had taken them back
  uint64_t connects = 0;
  uint64_t lookup_failures = 0;
  int backoff_level = 0;                     // 0: not backing off
  std::chrono::nanoseconds backoff_left{0};  // until the next message is tried
  bool paused = false;
};

// Receives one channel's messages from all nsqd that have the topic. Thread-safe.
//
// Messages come either to a handler or by Receive, not both.
class Consumer {
 public:
  using Time = std::chrono::nanoseconds;
  // May throw: that is a Requeue. The token asks it to end soon.
  using Handler = std::function<Outcome(Message&, std::stop_token)>;
  class Receiving;  // what co_await takes

  // kInvalidTopic, kInvalidChannel, kInvalidArgument.
  static Expected<Consumer> Open(Runtime& runtime, ConsumerOptions options);
  Consumer(Consumer&& other) noexcept;
  Consumer& operator=(Consumer&& other) noexcept;
  ~Consumer();  // stops, with 30 s; not on a handler's thread

  // Connects. With fail_fast it waits for every one of `nsqds` and gives the first error.
  Expected<void> Start(Handler handler);
  Expected<void> Start();  // for Receive

  // The next message. kTimedOut if none came; kStopped once Stop was called.
  Expected<Message> Receive(Time timeout);
  // Up to `max` messages: returns when it has them, `linger` after the first one, or, since no more
  // will come until some are answered, when the consumer is starved. Empty at `timeout`.
  Expected<std::vector<Message>> ReceiveBatch(size_t max, Time linger, Time timeout);
  // Expected<Message> m = co_await consumer.AwaitReceive();
  Receiving AwaitReceive();

  // Whether nothing more may come until something is answered: all that was received has been
  // taken, and some connection has 85 % or more of what it may have in flight.
  bool IsStarved() const;

  // The number to have in flight at most; 0 pauses.
  void SetMaxInFlight(int count);
  void Pause();
  void Resume();

  // Ends gracefully: no new messages, waits for the handlers and for what was received and taken,
  // sends the answers, closes. Messages nobody has begun with are given back at once.
  StopReport Stop(Time timeout);

  ConsumerStatus status() const;

 private:
  explicit Consumer(std::shared_ptr<client::ConsumerCore> core);

  std::shared_ptr<client::ConsumerCore> core_;
};

class Consumer::Receiving {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting);
  Expected<Message> await_resume() { return std::move(*received_); }

 private:
  friend class Consumer;
  explicit Receiving(Consumer* consumer) : consumer_(consumer) {}

  Consumer* consumer_;
  std::optional<Expected<Message>> received_;
};

}  // namespace nsq
