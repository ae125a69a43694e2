#include "common/event/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/check.h"

namespace nsq {
namespace {
constexpr size_t kLeastBytes = 512;
}

Buffer::Buffer(Buffer&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    std::free(bytes_);
    bytes_ = std::exchange(other.bytes_, nullptr);
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

Buffer::~Buffer() { std::free(bytes_); }

void Buffer::Shrink(size_t keep_bytes) {
  if (!empty() || capacity_ <= keep_bytes) return;
  std::free(std::exchange(bytes_, nullptr));
  begin_ = end_ = capacity_ = 0;
}

void Buffer::MakeRoom(size_t n) {
  const size_t used = size();
  // Moving to the front is cheaper than growing while it frees at least half.
  if (capacity_ - used >= n && begin_ >= used) {
    std::memmove(bytes_, bytes_ + begin_, used);
  } else {
    const size_t capacity = std::max({kLeastBytes, 2 * capacity_, used + n});
    char* const bytes = static_cast<char*>(std::malloc(capacity));
    NSQ_CHECK(bytes != nullptr);
    if (used > 0) std::memcpy(bytes, bytes_ + begin_, used);
    std::free(bytes_);
    bytes_ = bytes;
    capacity_ = capacity;
  }
  begin_ = 0;
  end_ = used;
}

}  // namespace nsq
