#include "common/event/helper_pool.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "common/event/event_loop.h"

namespace nsq {

struct HelperPool::Shared {
  struct Task {
    std::unique_ptr<Job> job;
    EventLoop* reply_to;
  };

  void Work();

  std::mutex mutex;
  std::condition_variable wake;     // there is something to do, or to stop for
  std::condition_variable all_out;  // no thread works any more
  std::deque<Task> tasks;
  size_t working = 0;  // threads
  bool stopping = false;
  bool abandoned = false;  // nobody may be written to any more
};

HelperPool::HelperPool(size_t threads, std::optional<Duration> patience)
    : patience_(patience), shared_(std::make_shared<Shared>()) {
  shared_->working = threads;
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([shared = shared_] { shared->Work(); });
  }
}

HelperPool::~HelperPool() {
  bool done = true;
  std::deque<Shared::Task> dropped;
  {
    std::unique_lock<std::mutex> lock(shared_->mutex);
    shared_->stopping = true;
    shared_->wake.notify_all();
    if (patience_) {
      dropped = std::move(shared_->tasks);
      shared_->tasks.clear();
      done = shared_->all_out.wait_for(lock, *patience_, [this] { return shared_->working == 0; });
      shared_->abandoned = !done;
    }
  }
  for (std::thread& thread : threads_) {
    if (done) {
      thread.join();
    } else {
      thread.detach();
    }
  }
}

void HelperPool::Submit(std::unique_ptr<Job> job, EventLoop* reply_to) {
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->tasks.push_back({std::move(job), reply_to});
  }
  shared_->wake.notify_one();
}

void HelperPool::Shared::Work() {
  // Signals belong to the main thread.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "helper");
  while (true) {
    Task task;
    {
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, [this] { return stopping || !tasks.empty(); });
      if (tasks.empty()) {
        --working;
        all_out.notify_all();
        return;
      }
      task = std::move(tasks.front());
      tasks.pop_front();
    }
    task.job->Run();
    // Under the lock: the loop must not go between the look and the letter.
    const std::lock_guard<std::mutex> lock(mutex);
    if (!abandoned) task.reply_to->Post(std::move(task.job));
  }
}

}  // namespace nsq
