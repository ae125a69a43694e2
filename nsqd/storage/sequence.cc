#include "nsqd/storage/sequence.h"

#include "common/event/buffer.h"

namespace nsq::nsqd {
namespace {

// An id is formatted for each delivery and parsed for each FIN: eight digits at a time, as the
// bytes of one number, the first digit in the highest byte.

constexpr uint64_t kEach = 0x0101010101010101;  // times n: n in every byte

uint64_t DigitsOf(uint32_t bits) {
  uint64_t x = bits;
  x = (x << 16 | x) & 0x0000FFFF0000FFFF;
  x = (x << 8 | x) & 0x00FF00FF00FF00FF;
  x = (x << 4 | x) & 0x0F0F0F0F0F0F0F0F;
  const uint64_t is_letter = (x + 6 * kEach) >> 4 & kEach;
  return x + '0' * kEach + is_letter * ('a' - '0' - 10);
}

// Of what are no digits, something.
uint32_t BitsOf(uint64_t digits) {
  const uint64_t is_letter = digits >> 6 & kEach;
  uint64_t x = ((digits & 0x0F * kEach) + is_letter * 9) & 0x0F * kEach;
  x = (x >> 4 | x) & 0x00FF00FF00FF00FF;
  x = (x >> 8 | x) & 0x0000FFFF0000FFFF;
  return static_cast<uint32_t>(x >> 16 | x);
}

}  // namespace

void FormatMessageId(uint16_t node, Sequence sequence, char* to) {
  const uint64_t bits = (uint64_t{node} << kSequenceBits) | (sequence.value & kSequenceMask);
  StoreBig64(to, DigitsOf(static_cast<uint32_t>(bits >> 32)));
  StoreBig64(to + 8, DigitsOf(static_cast<uint32_t>(bits)));
}

std::optional<Sequence> ParseMessageId(uint16_t node, std::string_view id) {
  if (id.size() != kMessageIdBytes) return std::nullopt;
  const uint64_t high = LoadBig64(id.data());
  const uint64_t low = LoadBig64(id.data() + 8);
  const uint64_t bits = uint64_t{BitsOf(high)} << 32 | BitsOf(low);
  // Whatever does not come out again was not written by us.
  const bool is_ours = DigitsOf(static_cast<uint32_t>(bits >> 32)) == high &&
                       DigitsOf(static_cast<uint32_t>(bits)) == low;
  if (!is_ours || (bits >> kSequenceBits) != node) return std::nullopt;
  return Sequence{bits & kSequenceMask};
}

}  // namespace nsq::nsqd
