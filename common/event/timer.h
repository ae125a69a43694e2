#pragma once

#include <functional>

#include "common/event/event_loop.h"
#include "common/event/timer_queue.h"

namespace nsq {

// Calls back once, when a time has come; never before it.
//
// Home: its loop. Destroying it, or Cancel, means that it will not call any more. An armed timer
// costs nothing while it waits; arming again moves it, without a system call unless it is then the
// loop's first.
class Timer : private TimerNode {
 public:
  Timer(EventLoop& loop, std::function<void()> on_time);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  void ArmAt(SteadyTime when);
  // Never, if 64 bits of nanoseconds do not hold that time.
  void ArmAfter(Duration delay);
  void Cancel();

  bool armed() const { return queued(); }
  SteadyTime when() const { return TimerNode::when; }  // of the last arming

 private:
  friend class EventLoop;

  EventLoop& loop_;
  const std::function<void()> on_time_;
};

}  // namespace nsq
