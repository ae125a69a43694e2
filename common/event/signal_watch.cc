#include "common/event/signal_watch.h"

#include <event2/event.h>

#include <csignal>
#include <utility>

#include "common/check.h"

namespace nsq {

SignalWatch::SignalWatch(EventLoop& loop, std::initializer_list<int> signals,
                         std::function<void(int)> on_signal)
    : loop_(loop), on_signal_(std::move(on_signal)) {
  loop_.home().Assert();
  for (const int signal : signals) {
    event* const watched = evsignal_new(
        loop_.base(), signal,
        [](int number, short, void* self) { static_cast<SignalWatch*>(self)->on_signal_(number); },
        this);
    NSQ_CHECK(watched != nullptr && event_add(watched, nullptr) == 0);
    events_.push_back(watched);
  }
}

SignalWatch::~SignalWatch() {
  loop_.home().Assert();
  for (event* const watched : events_) event_free(watched);
}

void IgnoreSignals(std::initializer_list<int> signals) {
  for (const int signal : signals) std::signal(signal, SIG_IGN);
}

}  // namespace nsq
