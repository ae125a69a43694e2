#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nsq::admin {

// Threads for calls that block, started when needed and kept.
//
// Home: any thread. Destroying it runs what was submitted and joins.
class ThreadPool {
 public:
  // At most `most_threads` tasks at once; the others wait for their turn.
  explicit ThreadPool(size_t most_threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  // `task` does not throw.
  void Submit(std::function<void()> task);

  // Calls `call(0)` ... `call(count - 1)` side by side and returns when all are done. Not from a
  // task of the same pool: all threads could be waiting for each other.
  void ForEach(size_t count, const std::function<void(size_t)>& call);

 private:
  void AddThread();
  void Work();

  const size_t most_threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace nsq::admin
