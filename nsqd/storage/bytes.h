#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

// Numbers in our files are little-endian, as the machines we run on are.

namespace nsq::nsqd {

static_assert(std::endian::native == std::endian::little);

template <typename T>
void StoreLittle(std::byte* to, T number) {
  std::memcpy(to, &number, sizeof number);
}

template <typename T>
T LoadLittle(const std::byte* from) {
  T number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

// Low half of XXH3-64, seeded: what records, headers and journal frames are checked with.
uint32_t Checksum(const std::byte* bytes, size_t size, uint64_t seed);

}  // namespace nsq::nsqd
