#include "common/filters/crc32c.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace nsq {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint32_t kPolynomial = 0x82F63B78;  // reflected

// tables[n][b]: what byte b does to the sum, n bytes further on.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = sum;
  }
  for (size_t n = 1; n < tables.size(); ++n) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[n - 1][byte];
      tables[n][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

uint64_t Load64(const char* from) {
  uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

uint32_t ByTable(uint32_t sum, std::string_view bytes) {
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    const uint64_t word = Load64(bytes.data()) ^ sum;
    sum = 0;
    for (size_t n = 0; n < 8; ++n) sum ^= kTables[7 - n][(word >> (8 * n)) & 0xFF];
  }
  for (const char c : bytes) sum = (sum >> 8) ^ kTables[0][(sum ^ static_cast<uint8_t>(c)) & 0xFF];
  return sum;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t ByInstruction(uint32_t sum, std::string_view bytes) {
  uint64_t wide = sum;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    wide = __builtin_ia32_crc32di(wide, Load64(bytes.data()));
  }
  auto narrow = static_cast<uint32_t>(wide);
  for (const char c : bytes) narrow = __builtin_ia32_crc32qi(narrow, static_cast<uint8_t>(c));
  return narrow;
}

uint32_t Extend(uint32_t sum, std::string_view bytes) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  return has_instruction ? ByInstruction(sum, bytes) : ByTable(sum, bytes);
}
#else
uint32_t Extend(uint32_t sum, std::string_view bytes) { return ByTable(sum, bytes); }
#endif

}  // namespace

uint32_t Crc32c(std::string_view bytes) { return ~Extend(~uint32_t{0}, bytes); }

}  // namespace nsq
