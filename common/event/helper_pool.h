#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/event/letter.h"

namespace nsq {

class EventLoop;

// What a loop must not wait for: fdatasync, cold reads, DNS, HTTP clients. Run is called on a
// thread of the pool, then Open on the loop that asked. It owns what Run works on; nothing it
// points to may be touched by the loop meanwhile.
struct Job : Letter {
  virtual void Run() noexcept = 0;
};

// A few threads that may block.
//
// Home: any thread. Destroying it runs what was submitted and joins; letters to a loop that no
// longer runs are destroyed with its mailbox, so the pool goes before the loops.
class HelperPool {
 public:
  explicit HelperPool(size_t threads);
  HelperPool(const HelperPool&) = delete;
  HelperPool& operator=(const HelperPool&) = delete;
  ~HelperPool();

  // `reply_to` outlives the pool.
  void Submit(std::unique_ptr<Job> job, EventLoop* reply_to);

 private:
  struct Task {
    std::unique_ptr<Job> job;
    EventLoop* reply_to;
  };

  void Work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace nsq
