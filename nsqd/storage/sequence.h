#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/wire/frame.h"

namespace nsq::nsqd {

// A message's place in its topic's log. Counts by one; starts at the Unix time in microseconds at
// which the topic was created, so that a topic that is deleted and made again does not give a
// number twice. Uses 54 bits (until the year 2540).
struct Sequence {
  uint64_t value = 0;

  friend auto operator<=>(Sequence, Sequence) = default;
  friend Sequence operator+(Sequence s, uint64_t n) { return {s.value + n}; }
  friend uint64_t operator-(Sequence a, Sequence b) { return a.value - b.value; }
  Sequence& operator++() {
    ++value;
    return *this;
  }
};

inline constexpr int kSequenceBits = 54;
inline constexpr uint64_t kSequenceMask = (uint64_t{1} << kSequenceBits) - 1;

// [begin, end)
struct SequenceRange {
  Sequence begin;
  Sequence end;

  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

// Where in a log's files a message is, or will be.
struct LogPlace {
  Sequence segment;  // its first sequence
  Sequence sequence;
  uint64_t offset = 0;  // 0: no place

  friend bool operator==(const LogPlace&, const LogPlace&) = default;
};

// What clients see of a message: node id (10 bits, 0..1023) and sequence as 16 lower-case hex
// digits. Finding a message by its id is arithmetic, not a search.
void FormatMessageId(uint16_t node, Sequence sequence, char* to);  // writes kMessageIdBytes

// The sequence if `id` is one of this node's; nothing for any other 16 bytes.
std::optional<Sequence> ParseMessageId(uint16_t node, std::string_view id);

}  // namespace nsq::nsqd
