#pragma once

#include <cstdint>

#include "common/event/unique_fd.h"
#include "common/status.h"

namespace nsq::bench {

// The load generator's only loop: epoll, level-triggered, one thread.
//
// Home: the thread that made it.
class Poller {
 public:
  // A connection. An error ends the whole run.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual int fd() const = 0;
    virtual Status OnReadable() = 0;
    virtual Status OnWritable() = 0;
  };

  Poller();

  // `handler` outlives the poller or is removed.
  Status Add(Handler* handler);
  void Remove(Handler* handler);
  // OnWritable is called only while it is wanted.
  Status WantWritable(Handler* handler, bool wanted);

  // Calls the handlers of all sockets that are ready, waiting at most `wait_ns` for the first.
  Status Poll(int64_t wait_ns);

 private:
  Status Control(int operation, Handler* handler, uint32_t events);

  UniqueFd epoll_;
};

}  // namespace nsq::bench
