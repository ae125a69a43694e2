#include "common/event/helper_pool.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "common/event/event_loop.h"

namespace nsq {
namespace {
constexpr size_t kAwaitedInARow = 8;  // while something of the background waits
}

struct HelperPool::Shared {
  struct Task {
    std::unique_ptr<Job> job;
    EventLoop* reply_to;
  };

  void Work();
  // What to run next: nothing if there is nothing, or if enough of the background runs already.
  std::deque<Task>* Next();
  std::deque<Task>& LaneOf(Lane lane) { return lane == Lane::kAwaited ? awaited : background; }

  std::mutex mutex;
  std::condition_variable wake;     // there is something to do, or to stop for
  std::condition_variable all_out;  // no thread works any more
  std::deque<Task> awaited;
  std::deque<Task> background;
  size_t background_running = 0;
  size_t max_background = 0;
  size_t since_background = 0;  // jobs begun
  size_t working = 0;           // threads
  bool stopping = false;
  bool abandoned = false;  // nobody may be written to any more
};

HelperPool::HelperPool(size_t threads, std::optional<Duration> patience)
    : patience_(patience), shared_(std::make_shared<Shared>()) {
  shared_->working = threads;
  shared_->max_background = std::max<size_t>(threads, 2) - 1;
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([shared = shared_] { shared->Work(); });
  }
}

HelperPool::~HelperPool() {
  bool done = true;
  std::deque<Shared::Task> dropped[2];
  {
    std::unique_lock<std::mutex> lock(shared_->mutex);
    shared_->stopping = true;
    shared_->wake.notify_all();
    if (patience_) {
      dropped[0].swap(shared_->awaited);
      dropped[1].swap(shared_->background);
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

void HelperPool::Submit(std::unique_ptr<Job> job, EventLoop* reply_to, Lane lane) {
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    shared_->LaneOf(lane).push_back({std::move(job), reply_to});
  }
  shared_->wake.notify_one();
}

std::deque<HelperPool::Shared::Task>* HelperPool::Shared::Next() {
  const bool may = !background.empty() && background_running < max_background;
  if (may && (awaited.empty() || since_background >= kAwaitedInARow)) return &background;
  return awaited.empty() ? nullptr : &awaited;
}

void HelperPool::Shared::Work() {
  // Signals belong to the main thread.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  pthread_setname_np(pthread_self(), "helper");
  while (true) {
    Task task;
    bool of_background = false;
    {
      std::unique_lock<std::mutex> lock(mutex);
      std::deque<Task>* from = nullptr;
      wake.wait(lock, [&] { return (from = Next()) != nullptr || stopping; });
      // What is left of the background is for those who run it.
      if (from == nullptr) {
        --working;
        all_out.notify_all();
        return;
      }
      of_background = from == &background;
      since_background = of_background ? 0 : since_background + 1;
      if (of_background) ++background_running;
      task = std::move(from->front());
      from->pop_front();
    }
    task.job->Run();
    // Under the lock: the loop must not go between the look and the letter.
    const std::lock_guard<std::mutex> lock(mutex);
    if (of_background) --background_running;
    if (!abandoned) task.reply_to->Post(std::move(task.job));
  }
}

}  // namespace nsq
