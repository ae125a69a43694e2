#include "clients/nsq/internal/backoff.h"

#include <algorithm>

namespace nsq::client {

Backoff::Backoff(const ClientOptions& options, uint64_t seed)
    : strategy_(options.backoff_strategy),
      multiplier_(options.backoff_multiplier),
      most_(options.max_backoff_duration),
      random_(seed) {}

Duration Backoff::Ceiling(int level) const {
  const int64_t factor = int64_t{1} << std::min(level, 40);
  if (multiplier_.count() > most_.count() / factor + 1) return Duration::max();
  return multiplier_ * factor;
}

Backoff::Action Backoff::On(Signal signal) {
  if (pausing_) return Action::kNone;
  const int before = level_;
  if (signal == Signal::kSuccess && level_ > 0) --level_;
  // The level at which the maximum is reached is the last one.
  if (signal == Signal::kFailure && most_ > Duration::zero() &&
      (level_ == 0 || Ceiling(level_) < most_)) {
    ++level_;
  }
  if (level_ == 0) return before == 0 ? Action::kNone : Action::kLeave;
  Duration ceiling = Ceiling(level_);
  if (strategy_ == BackoffStrategy::kFullJitter) {
    const int64_t limit = std::min(ceiling.count(), Duration(std::chrono::hours(24)).count());
    ceiling = Duration(std::uniform_int_distribution<int64_t>(0, limit)(random_));
  }
  pause_ = std::min(ceiling, most_);
  pausing_ = true;
  return Action::kPause;
}

}  // namespace nsq::client
