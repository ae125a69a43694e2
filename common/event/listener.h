#pragma once

#include <functional>

#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/event/unique_fd.h"

namespace nsq {

// Accepts connections and hands each, non-blocking, to a callback.
//
// Home: its loop. Owns the listening socket. When the process is out of descriptors it stops
// accepting for a moment and tries again, so that those who are connected go on.
class Listener {
 public:
  Listener(EventLoop& loop, UniqueFd fd, std::function<void(UniqueFd)> on_accept);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

 private:
  void OnReadable();

  EventLoop& loop_;
  const UniqueFd fd_;
  const std::function<void(UniqueFd)> on_accept_;
  event* const event_;
  Timer retry_;
};

}  // namespace nsq
