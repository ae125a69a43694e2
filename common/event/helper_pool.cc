#include "common/event/helper_pool.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

#include "common/event/event_loop.h"

namespace nsq {

HelperPool::HelperPool(size_t threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

HelperPool::~HelperPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void HelperPool::Submit(std::unique_ptr<Job> job, EventLoop* reply_to) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back({std::move(job), reply_to});
  }
  wake_.notify_one();
}

void HelperPool::Work() {
  // Signals belong to the main thread.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "helper");
  while (true) {
    Task task;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task.job->Run();
    task.reply_to->Post(std::move(task.job));
  }
}

}  // namespace nsq
