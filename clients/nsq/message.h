#pragma once

#include <nsq/error.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace nsq {
namespace client {
struct Block;
}

// Whether a requeued message counts as a failure, on which the consumer backs off.
enum class Penalty { kBackoff, kNone };

// A message that was received. Answered once: by its handler's Outcome, or by Finish or Requeue,
// or, when it is destroyed unanswered, by being requeued without penalty. Moves; may be answered on
// any thread, one at a time, and after its consumer is gone (kExpired then).
class Message {
 public:
  using Time = std::chrono::nanoseconds;

  Message(Message&& other) noexcept;
  Message& operator=(Message&& other) noexcept;
  ~Message();

  std::string_view body() const { return {frame_ + kHeaderBytes, size_ - kHeaderBytes}; }
  std::string_view id() const { return {frame_ + 10, 16}; }
  uint16_t attempts() const;  // this delivery included
  std::chrono::time_point<std::chrono::system_clock, Time> timestamp() const;
  std::string_view nsqd() const;  // the address it came from
  // When the server takes it back, unless touched; and when it does however often it is touched.
  std::chrono::steady_clock::time_point deadline() const;
  std::chrono::steady_clock::time_point last_deadline() const;

  // Whether an answer cannot reach the server any more: it comes, or came, again.
  bool expired() const;
  bool answered() const { return block_ == nullptr || answered_; }

  // Each hands the answer to the connection and does not wait. kExpired if the connection is gone.
  // A second answer is ignored.
  Expected<void> Finish();
  // Without a delay: default_requeue_delay times the attempts, at most max_requeue_delay.
  Expected<void> Requeue(std::optional<Time> delay = {}, Penalty penalty = Penalty::kBackoff);
  // Gives it msg_timeout from now on.
  Expected<void> Touch();

 private:
  friend struct client::Block;
  static constexpr size_t kHeaderBytes = 26;

  // `frame` is the message as it stands in `block`.
  Message(std::shared_ptr<client::Block> block, const char* frame, size_t size);

  std::shared_ptr<client::Block> block_;  // null once moved from
  const char* frame_ = nullptr;
  size_t size_ = 0;
  std::chrono::steady_clock::time_point given_;  // received or touched
  bool answered_ = false;
};

}  // namespace nsq
