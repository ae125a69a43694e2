#include "clients/nsq/internal/callback_pool.h"

#include <algorithm>
#include <utility>

namespace nsq::client {

CallbackPool::CallbackPool(int threads) {
  for (int i = 0; i < std::max(threads, 1); ++i) threads_.emplace_back([this] { Work(); });
}

CallbackPool::~CallbackPool() { Stop(); }

void CallbackPool::Run(std::vector<Task>* tasks) {
  if (tasks->empty()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!stopping_) {
      for (Task& task : *tasks) tasks_.push_back(std::move(task));
      tasks->clear();
    }
  }
  wake_.notify_one();
  for (const Task& task : *tasks) task();
  tasks->clear();
}

void CallbackPool::Run(Task task) {
  std::vector<Task> tasks;
  tasks.push_back(std::move(task));
  Run(&tasks);
}

void CallbackPool::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void CallbackPool::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    const bool more = !tasks_.empty();
    lock.unlock();
    if (more && threads_.size() > 1) wake_.notify_one();
    task();
    lock.lock();
  }
}

}  // namespace nsq::client
