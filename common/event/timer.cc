#include "common/event/timer.h"

#include <event2/event.h>

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace nsq {

Timer::Timer(EventLoop& loop, std::function<void()> on_time)
    : loop_(loop),
      on_time_(std::move(on_time)),
      event_(event_new(
          loop.base(), -1, 0, [](int fd, short what, void* self) { OnTimeout(fd, what, self); },
          this)) {
  NSQ_CHECK(event_ != nullptr);
}

Timer::~Timer() { event_free(event_); }

void Timer::ArmAt(SteadyTime when) {
  loop_.home().Assert();
  when_ = when;
  armed_ = true;
  // libevent counts in microseconds: rounding up keeps "never before". Its own clock, not the
  // turn's, is what the delay is counted from.
  const Duration delay = std::max(when - std::chrono::steady_clock::now(), Duration::zero());
  const int64_t us = (delay.count() + 999) / 1000;
  const timeval tv = {.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
  NSQ_CHECK(event_add(event_, &tv) == 0);
}

void Timer::Cancel() {
  loop_.home().Assert();
  armed_ = false;
  event_del(event_);
}

void Timer::OnTimeout(int /*fd*/, short /*what*/, void* self) noexcept {
  auto* const timer = static_cast<Timer*>(self);
  timer->loop_.Now();
  // libevent's cached clock may be a little ahead of the deadline's.
  if (std::chrono::steady_clock::now() < timer->when_) {
    timer->ArmAt(timer->when_);
    return;
  }
  timer->armed_ = false;
  timer->on_time_();
}

}  // namespace nsq
