#include "common/filters/snappy_filter.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/common/filters/pipe.h"

namespace nsq {
namespace {

const std::string kIdentifier = Bytes("ff060000734e61507059");

std::string Chunk(int type, std::string_view body) {
  std::string chunk(1, static_cast<char>(type));
  for (int shift = 0; shift < 24; shift += 8) chunk += static_cast<char>(body.size() >> shift);
  return chunk + std::string(body);
}

std::string Plain(std::string_view text) {
  SnappyFilter filter;
  return Encoded(filter, text).substr(kIdentifier.size());
}

// Of the original.
TEST(SnappyFilterTest, TheFirstOkToTheByte) {
  SnappyFilter filter;
  EXPECT_EQ(Encoded(filter, kOkFrame),
            kIdentifier + Bytes("010e0000 26982bcf 00000006000000004f4b"));
  EXPECT_EQ(Encoded(filter, kOkFrame), Bytes("010e0000 26982bcf 00000006000000004f4b"))
      << "the identifier is said once";
}

TEST(SnappyFilterTest, NothingIsSaidForNothing) {
  SnappyFilter filter;
  EXPECT_EQ(Encoded(filter, ""), "");
}

TEST(SnappyFilterTest, AChunkIsCompressedIfThatSavesAnEighth) {
  const std::string noise = Mixture(3000, 1).substr(0, 1000);
  SnappyFilter filter;
  EXPECT_EQ(Encoded(filter, std::string(1000, 'x'))[10], '\0');
  EXPECT_EQ(Encoded(filter, "0123456789abcdefghijklmnop")[0], '\1');
}

TEST(SnappyFilterTest, AnySizeComesBack) {
  for (const size_t size : {1, 16, 17, 100, 65535, 65536, 65537, 131072, 1'000'000}) {
    SnappyFilter from;
    SnappyFilter to;
    const std::string text = Mixture(size, 7);
    const Decoded decoded = DecodeAll(to, Encoded(from, text));
    ASSERT_TRUE(decoded.status.ok()) << decoded.status.ToString();
    ASSERT_EQ(decoded.inner, text);
  }
}

TEST(SnappyFilterTest, ItDoesNotMatterWhereTheBytesAreCut) {
  SnappyFilter from;
  const std::string text = "PUB topic\n" + std::string(40, 'x') + "0123456789";
  const std::string outer = Encoded(from, text.substr(0, 60)) + Chunk(0xFE, "padding") +
                            kIdentifier + Encoded(from, text.substr(60));
  for (size_t first = 0; first <= outer.size(); ++first) {
    for (size_t second = first; second <= outer.size(); ++second) {
      SnappyFilter to;
      std::string inner = DecodeAll(to, outer.substr(0, first)).inner;
      inner += DecodeAll(to, outer.substr(first, second - first)).inner;
      inner += DecodeAll(to, outer.substr(second)).inner;
      ASSERT_EQ(inner, text) << first << " " << second;
    }
  }
}

TEST(SnappyFilterTest, ByteByByteIsFineAndKeepsNothingAfterwards) {
  SnappyFilter from;
  SnappyFilter to;
  const std::string text = Mixture(5000, 3);
  std::string inner;
  for (const char c : Encoded(from, text)) inner += DecodeAll(to, {&c, 1}).inner;
  EXPECT_EQ(inner, text);
}

TEST(SnappyFilterTest, IdentifiersAndSkippableChunksMayStandAnywhere) {
  SnappyFilter to;
  const std::string outer = kIdentifier + Chunk(0x80, "") + kIdentifier + Plain("one") +
                            Chunk(0xFD, std::string(1000, 'x')) + kIdentifier + Plain("two") +
                            Chunk(0xFE, std::string(76494, 'x')) + Plain("three");
  const Decoded decoded = DecodeAll(to, outer);
  EXPECT_TRUE(decoded.status.ok());
  EXPECT_EQ(decoded.inner, "onetwothree");
}

TEST(SnappyFilterTest, WhatIsNotSnappyIsRefusedByItsHeader) {
  const struct {
    const char* what;
    std::string outer;
  } kCases[] = {
      {"no identifier", Plain("one")},
      {"a skippable chunk before the identifier", Chunk(0xFE, "")},
      {"a text", "GET / HTTP/1.0\r\n"},
      {"another identifier", Bytes("ff060000734e61507058")},
      {"a longer identifier", Chunk(0xFF, "sNaPpYy")},
      {"an unknown chunk", kIdentifier + Bytes("02040000")},
      {"the last unknown chunk", kIdentifier + Bytes("7f040000")},
      {"data without a checksum", kIdentifier + Bytes("01030000")},
      {"a long chunk", kIdentifier + Bytes("01cf2a01")},
      {"a long skippable chunk", kIdentifier + Bytes("80cf2a01")},
  };
  for (const auto& one : kCases) {
    SnappyFilter to;
    const Decoded decoded = DecodeAll(to, one.outer);
    EXPECT_EQ(decoded.status.code(), Code::kCorrupt) << one.what;
    EXPECT_EQ(decoded.inner, "");
    EXPECT_EQ(DecodeAll(to, kIdentifier + Plain("late")).status.code(), Code::kCorrupt);
  }
}

TEST(SnappyFilterTest, ADataChunkHolds64KiBAndNoMore) {
  SnappyFilter from;
  const std::string whole = Encoded(from, Mixture(65536, 5));
  SnappyFilter to;
  EXPECT_EQ(DecodeAll(to, whole).inner.size(), 65536u);
  // Plain ones that say they are a byte longer; a compressed one that claims it.
  EXPECT_EQ(DecodeAll(to, Chunk(1, std::string(4 + 65537, 'x'))).status.code(), Code::kCorrupt);
  SnappyFilter next;
  const std::string claim = Bytes("00000000 818004 00 78");
  EXPECT_EQ(DecodeAll(next, kIdentifier + Chunk(0, claim)).status.code(), Code::kCorrupt);
}

// A chunk is delivered as it was said or not at all, whatever happens to one of its bytes.
TEST(SnappyFilterTest, CorruptionOfAnyByteDeliversNothingThatWasNotSaid) {
  SnappyFilter from;
  const std::string one(100, 'a');
  const std::string two = "twotwotwo";
  const std::string outer = Encoded(from, one) + Encoded(from, two);
  size_t refused = 0;
  for (size_t at = 0; at < outer.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = outer;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      SnappyFilter to;
      const Decoded decoded = DecodeAll(to, damaged);
      const bool is_part = decoded.inner == one + two || decoded.inner == one ||
                           decoded.inner == two || decoded.inner.empty();
      ASSERT_TRUE(is_part) << at << " bit " << bit;
      ASSERT_NE(decoded.inner, one + two) << at << " bit " << bit;
      refused += decoded.status.ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, outer.size() * 7) << "others only wait for a longer chunk, or skip one";
}

TEST(SnappyFilterTest, WhatCameBeforeTheDamageIsDelivered) {
  SnappyFilter to;
  const Decoded decoded = DecodeAll(to, kIdentifier + Plain("good") + "\x02garbage");
  EXPECT_EQ(decoded.inner, "good");
  EXPECT_EQ(decoded.status.code(), Code::kCorrupt);
}

TEST(SnappyFilterTest, AStreamCutAnywhereWaits) {
  SnappyFilter from;
  const std::string outer = Encoded(from, Mixture(200, 9));
  for (size_t size = 0; size < outer.size(); ++size) {
    SnappyFilter to;
    const Decoded decoded = DecodeAll(to, outer.substr(0, size));
    ASSERT_TRUE(decoded.status.ok());
    ASSERT_EQ(decoded.inner, "");
  }
}

TEST(SnappyFilterTest, ABombComesInPieces) {
  SnappyFilter from;
  const std::string bomb = Encoded(from, std::string(5'000'000, 'x'));
  EXPECT_LT(bomb.size(), 300'000u);
  SnappyFilter to;
  const Decoded decoded = DecodeAll(to, bomb);
  EXPECT_EQ(decoded.inner.size(), 5'000'000u);
  EXPECT_GT(decoded.calls, 15u);
}

}  // namespace
}  // namespace nsq
