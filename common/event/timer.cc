#include "common/event/timer.h"

#include <utility>

namespace nsq {

Timer::Timer(EventLoop& loop, std::function<void()> on_time)
    : loop_(loop), on_time_(std::move(on_time)) {}

Timer::~Timer() { loop_.RemoveTimer(this); }

void Timer::ArmAt(SteadyTime when) {
  loop_.home().Assert();
  loop_.PutTimer(this, when);
}

void Timer::ArmAfter(Duration delay) {
  const SteadyTime now = loop_.Now();
  ArmAt(delay > SteadyTime::max() - now ? SteadyTime::max() : now + delay);
}

void Timer::Cancel() {
  loop_.home().Assert();
  loop_.RemoveTimer(this);
}

}  // namespace nsq
