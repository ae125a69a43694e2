#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/event/event_loop.h"
#include "common/event/timer.h"

namespace nsq::nsqd {

// Asks all loops for a sign of life, for /livez. One round at a time, however many ask.
//
// Home: `here`.
class LoopCheck {
 public:
  // A loop that has not turned for so long is called dead: a turn is a thousand times shorter.
  static constexpr Duration kPatience = seconds(2);

  // The loops outlive this; this outlives its letters' being opened.
  LoopCheck(EventLoop& here, std::vector<EventLoop*> loops);
  LoopCheck(const LoopCheck&) = delete;
  LoopCheck& operator=(const LoopCheck&) = delete;

  // Called once, later, with the names of those that do not answer in time.
  using Done = std::function<void(const std::vector<std::string>& silent)>;
  void Check(Done done);

 private:
  struct Question;
  struct Answer;

  void OnAnswer(uint64_t round, size_t loop);
  void EndRound();

  EventLoop& here_;
  const Home& home_;
  const std::vector<EventLoop*> loops_;
  Timer deadline_ NSQ_GUARDED_BY(home_);
  uint64_t round_ NSQ_GUARDED_BY(home_) = 0;
  std::vector<bool> answered_ NSQ_GUARDED_BY(home_);  // by loop, in this round
  size_t missing_ NSQ_GUARDED_BY(home_) = 0;
  std::vector<Done> waiting_ NSQ_GUARDED_BY(home_);  // not empty: a round is under way
};

}  // namespace nsq::nsqd
