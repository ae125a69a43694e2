#include "common/event/listener.h"

#include <event2/event.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "common/check.h"
#include "common/event/address.h"

namespace nsq {
namespace {
// Connections taken in one turn; the kernel's queue holds the others.
constexpr int kAcceptBatch = 64;
constexpr Duration kRetryDelay = milliseconds(50);
}  // namespace

Listener::Listener(EventLoop& loop, UniqueFd fd, std::function<void(UniqueFd)> on_accept)
    : loop_(loop),
      fd_(std::move(fd)),
      on_accept_(std::move(on_accept)),
      event_(event_new(
          loop.base(), fd_.get(), EV_READ | EV_PERSIST,
          [](int, short, void* self) { static_cast<Listener*>(self)->OnReadable(); }, this)),
      retry_(loop, [this] { event_add(event_, nullptr); }) {
  loop_.home().Assert();
  NSQ_CHECK(event_ != nullptr);
  event_add(event_, nullptr);
}

Listener::~Listener() { event_free(event_); }

void Listener::OnReadable() {
  loop_.Now();
  for (int i = 0; i < kAcceptBatch; ++i) {
    UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      SetTcpOptions(fd.get());
      on_accept_(std::move(fd));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      event_del(event_);
      retry_.ArmAfter(kRetryDelay);
    }
    return;
  }
}

}  // namespace nsq
