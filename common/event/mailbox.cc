#include "common/event/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "common/check.h"

namespace nsq {

Mailbox::Mailbox() : wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  NSQ_CHECK(wake_fd_.valid());
}

void Mailbox::Post(std::unique_ptr<Letter> letter) {
  bool was_empty = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    was_empty = letters_.empty();
    letters_.push_back(std::move(letter));
  }
  if (was_empty) {
    const uint64_t one = 1;
    // Cannot fail but for a full counter, which is readable all the same.
    [[maybe_unused]] const ssize_t n = ::write(wake_fd_.get(), &one, sizeof one);
  }
}

std::vector<std::unique_ptr<Letter>> Mailbox::Take() {
  uint64_t count = 0;
  // Before the swap: a letter that comes in between wakes the loop once more, for nothing.
  [[maybe_unused]] const ssize_t n = ::read(wake_fd_.get(), &count, sizeof count);
  std::vector<std::unique_ptr<Letter>> taken;
  const std::lock_guard<std::mutex> lock(mutex_);
  taken.swap(letters_);
  return taken;
}

size_t Mailbox::size() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return letters_.size();
}

}  // namespace nsq
