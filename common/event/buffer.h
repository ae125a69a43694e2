#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace nsq {

// Flat bytes: written at the end, consumed at the front. Costs nothing while empty.
//
// Home: its owner's. No limit of its own: the owner bounds what it appends.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::span<const char> data() const { return {bytes_ + begin_, end_ - begin_}; }
  std::string_view view() const { return {bytes_ + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  size_t capacity() const { return capacity_; }

  void Consume(size_t n) {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Room for `n` more bytes at the end, to be filled and then committed. Valid until the next call.
  char* Reserve(size_t n) {
    if (capacity_ - end_ < n) MakeRoom(n);
    return bytes_ + end_;
  }
  void Commit(size_t n) { end_ += n; }

  void Append(std::string_view bytes) {
    if (bytes.empty()) return;  // of which there may be no address to copy from or to
    std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
    Commit(bytes.size());
  }
  // Takes the last `n` bytes back.
  void Uncommit(size_t n) { end_ -= n; }

  // Gives the memory back if there is nothing in it and it holds more than `keep_bytes`.
  void Shrink(size_t keep_bytes);

 private:
  void MakeRoom(size_t n);

  char* bytes_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

// Big-endian, as all numbers on NSQ's wire.
inline void StoreBig32(char* to, uint32_t value) {
  const uint32_t big = __builtin_bswap32(value);
  std::memcpy(to, &big, sizeof big);
}
inline void StoreBig64(char* to, uint64_t value) {
  const uint64_t big = __builtin_bswap64(value);
  std::memcpy(to, &big, sizeof big);
}
inline void StoreBig16(char* to, uint16_t value) {
  const uint16_t big = __builtin_bswap16(value);
  std::memcpy(to, &big, sizeof big);
}
inline uint32_t LoadBig32(const char* from) {
  uint32_t big;
  std::memcpy(&big, from, sizeof big);
  return __builtin_bswap32(big);
}
inline uint64_t LoadBig64(const char* from) {
  uint64_t big;
  std::memcpy(&big, from, sizeof big);
  return __builtin_bswap64(big);
}
inline uint16_t LoadBig16(const char* from) {
  uint16_t big;
  std::memcpy(&big, from, sizeof big);
  return __builtin_bswap16(big);
}

}  // namespace nsq
