#include "tests/bench/poller.h"

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

namespace nsq::bench {

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  // The default slack of 50 us would show in every latency of an open-loop run.
  prctl(PR_SET_TIMERSLACK, 1UL);
}

Status Poller::Add(Handler* handler) { return Control(EPOLL_CTL_ADD, handler, EPOLLIN); }

void Poller::Remove(Handler* handler) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, handler->fd(), nullptr);
}

Status Poller::WantWritable(Handler* handler, bool wanted) {
  return Control(EPOLL_CTL_MOD, handler, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

Status Poller::Control(int operation, Handler* handler, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  if (epoll_ctl(epoll_.get(), operation, handler->fd(), &event) == 0) return Status();
  return ErrnoStatus(errno, "epoll_ctl");
}

Status Poller::Poll(int64_t wait_ns) {
  std::array<epoll_event, 64> events;
  timespec wait{};
  wait_ns = std::max<int64_t>(wait_ns, 0);
  wait.tv_sec = wait_ns / 1'000'000'000;
  wait.tv_nsec = wait_ns % 1'000'000'000;
  const int ready =
      epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &wait, nullptr);
  if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "epoll_pwait2");
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    auto* const handler = static_cast<Handler*>(event.data.ptr);
    if ((event.events & EPOLLOUT) != 0) {
      if (Status status = handler->OnWritable(); !status.ok()) return status;
    }
    if ((event.events & ~uint32_t{EPOLLOUT}) != 0) {
      if (Status status = handler->OnReadable(); !status.ok()) return status;
    }
  }
  return Status();
}

}  // namespace nsq::bench
