#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "common/event/letter.h"
#include "common/time.h"

namespace nsq {

class EventLoop;

// What a loop must not wait for: fdatasync, cold reads, DNS, HTTP clients. Run is called on a
// thread of the pool, then Open on the loop that asked. It owns what Run works on; nothing it
// points to may be touched by the loop meanwhile.
struct Job : Letter {
  virtual void Run() noexcept = 0;
};

// Who is held up while a job waits for its turn.
enum class Lane {
  kAwaited,     // a client or a reader
  kBackground,  // nobody
};

// A few threads that may block. One of them is always left for what is awaited, and that goes
// first; but every few jobs one of the background is taken, so that it gets on under any load.
//
// Home: any thread. Letters to a loop that no longer runs are destroyed with its mailbox, so the
// pool goes before the loops.
class HelperPool {
 public:
  // Destroying it runs what was submitted and joins, however long that takes. With a `patience` it
  // is for what may be given up, such as a name server that does not answer: then destroying drops
  // what has not begun and waits that long at most. A job that runs on must own all it works on; it
  // is destroyed on its thread, unopened.
  explicit HelperPool(size_t threads, std::optional<Duration> patience = std::nullopt);
  HelperPool(const HelperPool&) = delete;
  HelperPool& operator=(const HelperPool&) = delete;
  ~HelperPool();

  // `reply_to` outlives the pool.
  void Submit(std::unique_ptr<Job> job, EventLoop* reply_to, Lane lane = Lane::kAwaited);

 private:
  struct Shared;

  const std::optional<Duration> patience_;
  const std::shared_ptr<Shared> shared_;  // with the threads, which may outlive the pool
  std::vector<std::thread> threads_;
};

}  // namespace nsq
