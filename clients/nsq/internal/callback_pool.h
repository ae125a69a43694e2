#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nsq::client {

// Threads on which users' callbacks run, so that they may take their time.
//
// Home: any thread.
class CallbackPool {
 public:
  using Task = std::function<void()>;

  explicit CallbackPool(int threads);
  CallbackPool(const CallbackPool&) = delete;
  CallbackPool& operator=(const CallbackPool&) = delete;
  ~CallbackPool();

  // Empties `tasks` and runs them, in this order if there is one thread.
  void Run(std::vector<Task>* tasks);
  void Run(Task task);

  // Runs what is there, then ends the threads; what comes later runs on the caller's thread.
  void Stop();

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace nsq::client
