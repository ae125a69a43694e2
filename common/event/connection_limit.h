#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace nsq {

class ConnectionLimit;

// What a connection holds as long as it counts; may move to another thread with it.
class ConnectionPlace {
 public:
  ConnectionPlace() = default;  // counts nowhere
  ConnectionPlace(ConnectionPlace&& other) noexcept
      : limit_(std::exchange(other.limit_, nullptr)) {}
  ConnectionPlace& operator=(ConnectionPlace&& other) noexcept {
    std::swap(limit_, other.limit_);
    return *this;
  }
  ~ConnectionPlace();

 private:
  friend class ConnectionLimit;
  explicit ConnectionPlace(ConnectionLimit* limit) : limit_(limit) {}

  ConnectionLimit* limit_ = nullptr;
};

// How many connections of one kind there are over all loops, and how many there may be.
//
// Home: any thread; it outlives its places.
class ConnectionLimit {
 public:
  // `max` 0: no limit, they are only counted.
  explicit ConnectionLimit(size_t max) : max_(max) {}
  ConnectionLimit(const ConnectionLimit&) = delete;
  ConnectionLimit& operator=(const ConnectionLimit&) = delete;

  // Nothing: there are as many as there may be, and one more was refused.
  std::optional<ConnectionPlace> Take();

  size_t max() const { return max_; }
  size_t open() const { return open_; }
  uint64_t refused() const { return refused_; }

 private:
  friend class ConnectionPlace;

  const size_t max_;
  std::atomic<size_t> open_ = 0;
  std::atomic<uint64_t> refused_ = 0;
};

}  // namespace nsq
