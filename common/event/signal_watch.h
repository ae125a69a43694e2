#pragma once

#include <functional>
#include <initializer_list>
#include <vector>

#include "common/event/event_loop.h"

namespace nsq {

// Calls back on a loop, in an ordinary turn, when the process gets one of some signals, instead of
// what they would do by themselves. At most one watch in a process.
//
// Home: its loop. Destroying it gives the signals their former meaning.
class SignalWatch {
 public:
  SignalWatch(EventLoop& loop, std::initializer_list<int> signals,
              std::function<void(int signal)> on_signal);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

 private:
  EventLoop& loop_;
  const std::function<void(int)> on_signal_;
  std::vector<event*> events_;
};

// For the rest of the process's life. SIGPIPE and SIGHUP end no daemon.
void IgnoreSignals(std::initializer_list<int> signals);

}  // namespace nsq
