#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
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
    // Once there is a value the waiter may be gone, and this with it. Notified without the lock:
    // the waiter would wake up only to wait for it.
    const std::shared_ptr<Shared> shared = shared_;
    {
      const std::lock_guard<std::mutex> lock(shared->mutex);
      shared->value.emplace(std::move(value));
    }
    shared->given.notify_one();
  }

  T Take() {
    std::unique_lock<std::mutex> lock(shared_->mutex);
    shared_->given.wait(lock, [this] { return shared_->value.has_value(); });
    return std::move(*shared_->value);
  }

  // Whether Take would not wait, by then.
  bool AwaitUntil(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock<std::mutex> lock(shared_->mutex);
    return shared_->given.wait_until(lock, deadline, [this] { return shared_->value.has_value(); });
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable given;
    std::optional<T> value;
  };
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace nsq::client
