#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace nsq::client {

// Where a thread waits for one value that another one gives.
//
// Home: any thread; lives on the waiter's stack.
template <typename T>
class Waiting {
 public:
  void Give(T value) {
    // Notified under the lock: once it is free the waiter may be gone, and this with it.
    const std::lock_guard<std::mutex> lock(mutex_);
    value_.emplace(std::move(value));
    given_.notify_one();
  }

  T Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    given_.wait(lock, [this] { return value_.has_value(); });
    return std::move(*value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<T> value_;
};

}  // namespace nsq::client
