#pragma once

#include <algorithm>
#include <cstdint>

#include "tests/bench/workload.h"

namespace nsq::bench {

// Decides when the next command goes out, for all connections together.
//
// Closed loop (no rate): always, until enough were sent or the time is over. Open loop: by a
// schedule that does not wait for the server, so that its pauses show in the latencies of every
// message that should have been sent meanwhile ("coordinated omission" otherwise hides them).
//
// Home: the thread that made it.
class MessageSource {
 public:
  explicit MessageSource(const Workload& workload)
      : per_command_(static_cast<uint64_t>(workload.batch)),
        limit_(static_cast<uint64_t>(workload.messages)),
        duration_ns_(static_cast<int64_t>(workload.seconds * 1e9)),
        interval_ns_(workload.rate > 0 ? 1e9 * static_cast<double>(workload.batch) /
                                             static_cast<double>(workload.rate)
                                       : 0) {}

  // Begins the schedule; nothing is taken before.
  void Start(int64_t now_ns) { start_ns_ = now_ns; }

  // False when no command is due at `now_ns`. Otherwise the caller sends one, with messages from
  // `*first_sequence` on.
  bool Take(int64_t now_ns, uint64_t* first_sequence, int64_t* intended_ns) {
    const int64_t due_ns = DueNs(now_ns);
    if (exhausted(now_ns) || due_ns > now_ns) return false;
    *first_sequence = taken_;
    *intended_ns = due_ns;
    taken_ += per_command_;
    return true;
  }

  // When to come back: now if a closed loop.
  int64_t NextDueNs(int64_t now_ns) const { return DueNs(now_ns); }
  // Nothing will ever be due again.
  bool exhausted(int64_t now_ns) const {
    if (limit_ > 0) return taken_ >= limit_;
    return std::min(now_ns, DueNs(now_ns)) >= start_ns_ + duration_ns_;
  }
  bool open_loop() const { return interval_ns_ != 0; }
  uint64_t taken() const { return taken_; }  // messages

 private:
  int64_t DueNs(int64_t now_ns) const {
    if (interval_ns_ == 0) return now_ns;
    return start_ns_ +
           static_cast<int64_t>(static_cast<double>(taken_ / per_command_) * interval_ns_);
  }

  const uint64_t per_command_;
  const uint64_t limit_;  // messages; 0: none
  const int64_t duration_ns_;
  const double interval_ns_;  // between commands; 0: closed loop
  int64_t start_ns_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace nsq::bench
