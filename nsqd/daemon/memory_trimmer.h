#pragma once

#include <memory>

#include "common/event/home.h"
#include "common/event/timer.h"
#include "common/metrics/process.h"
#include "common/time.h"

namespace nsq {
class EventLoop;
class HelperPool;
}  // namespace nsq

namespace nsq::nsqd {

// Whether it is time to give memory back to the system. Pure: is told the figures.
//
// Home: its owner's.
class TrimPolicy {
 public:
  // What is worth the trouble: and a quarter of what is in use, which comes and goes anyway.
  static constexpr uint64_t kWorthBytes = uint64_t{4} << 20;
  // A process that used less than a quarter of a core in the time looked at is idle; one that never
  // is gives back after so long all the same.
  static constexpr Duration kPatience = seconds(60);
  // How often to look; where nothing happens, seldom.
  static constexpr Duration kOften = seconds(5);
  static constexpr Duration kSeldom = seconds(30);

  // True: trim now, then call Trimmed. `cpu` is what the process used in the last `elapsed`.
  bool Look(const metrics::HeapStats& heap, Duration cpu, Duration elapsed);
  // What is left after a trim: pieces of pages, which another trim would not give back either.
  void Trimmed(const metrics::HeapStats& heap) { left_ = heap.resident_idle_bytes(); }

  Duration next_look() const { return next_look_; }

 private:
  uint64_t left_ = 0;
  Duration waited_{0};
  Duration next_look_ = kOften;
};

// Gives memory that the allocator keeps back to the system, some seconds after a peak (a backlog
// that was consumed, clients that left). On the helper pool: a loop waits only if it asks the
// allocator for what is being trimmed.
//
// Home: its loop.
class MemoryTrimmer {
 public:
  // Both outlive it.
  MemoryTrimmer(EventLoop& loop, HelperPool& pool);
  MemoryTrimmer(const MemoryTrimmer&) = delete;
  MemoryTrimmer& operator=(const MemoryTrimmer&) = delete;
  ~MemoryTrimmer();

 private:
  struct State;
  struct LookJob;

  void OnTimer();

  EventLoop& loop_;
  const Home& home_;
  HelperPool& pool_;
  const std::shared_ptr<State> state_;
  Timer timer_ NSQ_GUARDED_BY(home_);
};

}  // namespace nsq::nsqd
