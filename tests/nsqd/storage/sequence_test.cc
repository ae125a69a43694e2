#include "nsqd/storage/sequence.h"

#include <gtest/gtest.h>

#include <string>

namespace nsq::nsqd {
namespace {

std::string Id(uint16_t node, Sequence sequence) {
  std::string id(kMessageIdBytes, '\0');
  FormatMessageId(node, sequence, id.data());
  return id;
}

TEST(MessageIdTest, IsNodeAndSequenceInHex) {
  EXPECT_EQ(Id(0, {1}), "0000000000000001");
  EXPECT_EQ(Id(1023, {kSequenceMask}), "ffffffffffffffff");
  EXPECT_EQ(Id(1, {0}), "0040000000000000");
}

TEST(MessageIdTest, FindsItsSequenceAgain) {
  for (const uint16_t node : std::initializer_list<uint16_t>{0, 1, 512, 1023}) {
    for (const uint64_t value : {uint64_t{0}, uint64_t{1737331200000000}, kSequenceMask}) {
      EXPECT_EQ(ParseMessageId(node, Id(node, {value})), Sequence{value});
    }
  }
}

TEST(MessageIdTest, AnythingElseIsNoIdOfThisNode) {
  EXPECT_FALSE(ParseMessageId(2, Id(1, {5})));
  EXPECT_FALSE(ParseMessageId(0, ""));
  EXPECT_FALSE(ParseMessageId(0, "000000000000001"));
  EXPECT_FALSE(ParseMessageId(0, "00000000000000001"));
  EXPECT_FALSE(ParseMessageId(0, "000000000000000g"));
  EXPECT_FALSE(ParseMessageId(0, "000000000000000A"));
  EXPECT_FALSE(ParseMessageId(0, std::string(16, '\xFF')));
}

// Against what a person would do, digit by digit.
TEST(MessageIdTest, EveryByteInEveryPlaceIsADigitOrNone) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  // The first two digits, and half of the third, are the node's.
  for (size_t place = 3; place < kMessageIdBytes; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string id = "0000123456789abc";
      id[place] = static_cast<char>(byte);
      const bool is_id = kDigits.find(id[place]) != std::string_view::npos;
      const std::optional<Sequence> parsed = ParseMessageId(0, id);
      ASSERT_EQ(parsed.has_value(), is_id) << place << " " << byte;
      if (is_id) {
        EXPECT_EQ(parsed->value, std::stoull(id, nullptr, 16));
      }
    }
  }
}

}  // namespace
}  // namespace nsq::nsqd
