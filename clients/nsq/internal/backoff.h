#pragma once

#include <nsq/client_options.h>

#include <random>

#include "common/time.h"

namespace nsq::client {

// How long a consumer pauses after failures. Pure: told of each answer, says what is to be done.
//
// The level counts failures less successes. While a pause lasts, answers of what was received
// before it are ignored: one result for each pause. After it one message is tried.
//
//   level a lasts  exponential: multiplier * 2^a      full jitter: 0 to that, drawn once
//   at most max_backoff_duration, beyond which the level does not grow
//
// Home: its owner's.
class Backoff {
 public:
  enum class Signal { kSuccess, kFailure, kNeither };
  enum class Action { kNone, kPause, kLeave };

  Backoff(const ClientOptions& options, uint64_t seed);

  // kPause: for pause(), then PauseOver. kLeave: as before the first failure.
  Action On(Signal signal);
  void PauseOver() { pausing_ = false; }

  int level() const { return level_; }
  bool pausing() const { return pausing_; }
  Duration pause() const { return pause_; }

 private:
  Duration Ceiling(int level) const;  // not yet limited

  const BackoffStrategy strategy_;
  const Duration multiplier_;
  const Duration most_;
  std::mt19937_64 random_;
  int level_ = 0;
  bool pausing_ = false;
  Duration pause_{0};
};

}  // namespace nsq::client
