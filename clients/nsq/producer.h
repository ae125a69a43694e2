#pragma once

#include <nsq/client_options.h>
#include <nsq/error.h>
#include <nsq/runtime.h>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nsq {
namespace client {
class ProducerCore;
}

struct ProducerOptions {
  std::string nsqd = {};  // "host:port", or the path of a Unix socket
  ClientOptions client = {};
  std::chrono::nanoseconds publish_timeout = std::chrono::seconds(5);
  // What may wait for its answer. A call that blocks waits for room, one with a callback gets
  // kQueueFull.
  size_t max_pending = 10'000;
  size_t max_pending_bytes = size_t{256} << 20;
  // While nobody answers: false, a publish fails with kNotSent as soon as an attempt to connect has
  // failed; true, it waits for a connection until its deadline.
  bool wait_while_down = false;
  // More than 1: single publishes to the same topic go together, in one command of up to so many
  // messages or about so many bytes. The first of them waits `batch_linger` for others; with 0 only
  // those go together that come while the connection is busy. Each completes on its own, but a
  // server accepts or refuses all of a command.
  size_t batch_messages = 0;
  size_t batch_bytes = size_t{256} << 10;
  std::chrono::nanoseconds batch_linger{0};
  // Callbacks and coroutines run on the I/O thread: less work for each, but they must not block.
  bool callbacks_on_io_thread = false;
};

struct ProducerStatus {
  bool connected = false;
  size_t pending = 0;
  uint64_t published = 0;  // messages the server said OK for
  uint64_t failed = 0;
  uint64_t connects = 0;
};

// Publishes to one nsqd. Connects at the first publish and whenever the connection was lost.
// Thread-safe. Each publish completes exactly once:
//   kNotSent          it never left; kOutcomeUnknown, kTimedOut: it may have arrived
//   kServerError      the server refused it, and why
//   kInvalidTopic, kEmptyBody, kMessageTooBig, kInvalidArgument: refused here, nothing was sent
class Producer {
 public:
  using Time = std::chrono::nanoseconds;
  using Callback = std::function<void(Expected<void>)>;  // must not throw
  class Publishing;                                      // what co_await takes

  static Expected<Producer> Open(Runtime& runtime, ProducerOptions options);
  Producer(Producer&& other) noexcept;
  Producer& operator=(Producer&& other) noexcept;
  ~Producer();  // what is pending fails, soon: call Stop first

  // Each blocks until the answer or the deadline (publish_timeout if none is given). Bodies are
  // borrowed for the call.
  Expected<void> Publish(std::string_view topic, std::string_view body,
                         std::optional<Time> timeout = {});
  Expected<void> PublishBatch(std::string_view topic, std::span<const std::string_view> bodies,
                              std::optional<Time> timeout = {});
  Expected<void> PublishDeferred(std::string_view topic, Time delay, std::string_view body,
                                 std::optional<Time> timeout = {});

  // Each copies the body and returns; `done` is called once, possibly before this returns if the
  // arguments are wrong or the queue is full. An empty `done`: nobody wants to know.
  void Publish(std::string_view topic, std::string_view body, Callback done);
  void PublishBatch(std::string_view topic, std::span<const std::string_view> bodies,
                    Callback done);
  void PublishDeferred(std::string_view topic, Time delay, std::string_view body, Callback done);

  // Expected<void> r = co_await producer.AwaitPublish("topic", body);
  //
  // Topic and bodies are borrowed until it is awaited, and copied then.
  Publishing AwaitPublish(std::string_view topic, std::string_view body);
  Publishing AwaitPublishBatch(std::string_view topic, std::span<const std::string_view> bodies);
  Publishing AwaitPublishDeferred(std::string_view topic, Time delay, std::string_view body);

  // Connects, if it is not connected: for those who want to know before they publish.
  Expected<void> Connect(std::optional<Time> timeout = {});
  // Waits until everything published before has been answered; kTimedOut if it is not in time.
  Expected<void> Flush(Time timeout);
  // Flushes, then closes; what is unanswered by then fails. Later calls get kStopped.
  Expected<void> Stop(Time timeout);

  ProducerStatus status() const;
  const std::string& nsqd() const;

 private:
  explicit Producer(std::shared_ptr<client::ProducerCore> core);

  std::shared_ptr<client::ProducerCore> core_;
};

class Producer::Publishing {
 public:
  // `begin` calls back once, with what co_await gives.
  explicit Publishing(std::function<void(Callback)> begin) : begin_(std::move(begin)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting);
  Expected<void> await_resume() { return std::move(*outcome_); }

 private:
  std::function<void(Callback)> begin_;
  std::optional<Expected<void>> outcome_;
};

}  // namespace nsq
