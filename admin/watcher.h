#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/time.h"

namespace nsq::admin {

class Sampler;

// Looks at the cluster while nobody else does, so that a page that is opened has a past and knows
// what has been growing.
//
// Home: any thread.
class Watcher {
 public:
  // A cluster that takes long to answer is asked more seldom: it is left in peace this many times
  // as long as it took.
  static constexpr int kRest = 20;
  // But no longer than so many intervals: one daemon that hangs must not cost the others their
  // past.
  static constexpr int kLongest = 4;

  // An `interval` of 0: never. `sampler` outlives the watcher.
  Watcher(Sampler* sampler, Duration interval);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();  // a look under way is waited for

 private:
  void Run();

  Sampler* const sampler_;
  const Duration interval_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace nsq::admin
