#pragma once

#include <functional>

#include "common/event/event_loop.h"

namespace nsq {

// Calls back once, when a time has come; never before it.
//
// Home: its loop. Destroying it, or Cancel, means that it will not call any more. An armed timer
// costs nothing while it waits; arming again moves it.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> on_time);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  void ArmAt(SteadyTime when);
  void ArmAfter(Duration delay) { ArmAt(loop_.Now() + delay); }
  void Cancel();

  bool armed() const { return armed_; }
  SteadyTime when() const { return when_; }  // of the last arming

 private:
  static void OnTimeout(int fd, short what, void* self) noexcept;

  EventLoop& loop_;
  const std::function<void()> on_time_;
  event* const event_;
  bool armed_ = false;
  SteadyTime when_;
};

}  // namespace nsq
