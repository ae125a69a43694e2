#include "admin/thread_pool.h"

#include <system_error>
#include <utility>

namespace nsq::admin {

ThreadPool::ThreadPool(size_t most_threads) : most_threads_(most_threads) {}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (idle_ < tasks_.size() && threads_.size() < most_threads_) AddThread();
  }
  wake_.notify_one();
}

void ThreadPool::AddThread() {
  try {
    threads_.emplace_back([this] { Work(); });
    ++idle_;
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;  // else the others do it, later
  }
}

void ThreadPool::ForEach(size_t count, const std::function<void(size_t)>& call) {
  std::mutex mutex;
  std::condition_variable done;
  size_t left = count;
  for (size_t i = 0; i < count; ++i) {
    Submit([&, i] {
      call(i);
      // Notified under the lock: all of this is gone once the caller has seen zero.
      const std::lock_guard lock(mutex);
      if (--left == 0) done.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  done.wait(lock, [&left] { return left == 0; });
}

void ThreadPool::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    --idle_;
    lock.unlock();
    task();
    lock.lock();
    ++idle_;
  }
}

}  // namespace nsq::admin
