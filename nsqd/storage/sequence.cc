#include "nsqd/storage/sequence.h"

#include <array>

namespace nsq::nsqd {
namespace {

// Two digits at a time: an id is formatted for each delivery.
constexpr std::array<char, 512> MakePairs() {
  constexpr char digits[] = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (size_t i = 0; i < 256; ++i) {
    pairs[2 * i] = digits[i >> 4];
    pairs[2 * i + 1] = digits[i & 15];
  }
  return pairs;
}
constexpr std::array<char, 512> kPairs = MakePairs();

constexpr std::array<int8_t, 256> MakeValues() {
  std::array<int8_t, 256> values{};
  for (auto& v : values) v = -1;
  for (int i = 0; i < 10; ++i) values[static_cast<size_t>('0' + i)] = static_cast<int8_t>(i);
  for (int i = 0; i < 6; ++i) values[static_cast<size_t>('a' + i)] = static_cast<int8_t>(10 + i);
  return values;
}
constexpr std::array<int8_t, 256> kValues = MakeValues();

}  // namespace

void FormatMessageId(uint16_t node, Sequence sequence, char* to) {
  const uint64_t bits = (uint64_t{node} << kSequenceBits) | (sequence.value & kSequenceMask);
  for (int i = 0; i < 8; ++i) {
    const size_t byte = (bits >> (56 - 8 * i)) & 0xFF;
    to[2 * i] = kPairs[2 * byte];
    to[2 * i + 1] = kPairs[2 * byte + 1];
  }
}

std::optional<Sequence> ParseMessageId(uint16_t node, std::string_view id) {
  if (id.size() != kMessageIdBytes) return std::nullopt;
  uint64_t bits = 0;
  int bad = 0;
  for (const char c : id) {
    const int8_t value = kValues[static_cast<uint8_t>(c)];
    bad |= value;
    bits = (bits << 4) | (static_cast<uint64_t>(value) & 15);
  }
  if (bad < 0 || (bits >> kSequenceBits) != node) return std::nullopt;
  return Sequence{bits & kSequenceMask};
}

}  // namespace nsq::nsqd
