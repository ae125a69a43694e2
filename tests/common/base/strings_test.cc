#include "common/strings.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace nsq {
namespace {

TEST(StringsTest, StrCatJoinsTextAndNumbers) {
  const std::string name = "orders";
  EXPECT_EQ(StrCat("TOPIC(", name, "): ", 42, " ", std::string_view("msgs")),
            "TOPIC(orders): 42 msgs");
  EXPECT_EQ(StrCat(), "");
  EXPECT_EQ(StrCat(std::numeric_limits<int64_t>::min(), "/", std::numeric_limits<uint64_t>::max()),
            "-9223372036854775808/18446744073709551615");
}

TEST(StringsTest, SplitKeepsEmptyParts) {
  const auto split = [](std::string_view text) {
    std::string shown;
    for (const std::string_view part : Split(text, ',')) shown += "[" + std::string(part) + "]";
    return shown;
  };
  EXPECT_EQ(split("a,b,,c"), "[a][b][][c]");
  EXPECT_EQ(split(""), "[]");
  EXPECT_EQ(split(","), "[][]");
}

TEST(StringsTest, ParseIntTakesAllOfTheTextOrNothing) {
  int64_t number = 0;
  EXPECT_TRUE(ParseInt("-12", &number));
  EXPECT_EQ(number, -12);
  for (const char* text : {"", "-", "+1", " 1", "1 ", "0x1", "1.0", "9223372036854775808"}) {
    EXPECT_FALSE(ParseInt(text, &number)) << text;
  }
  uint16_t port = 0;
  EXPECT_TRUE(ParseInt("65535", &port));
  EXPECT_FALSE(ParseInt("65536", &port));
  EXPECT_FALSE(ParseInt("-1", &port));
}

TEST(StringsTest, GoQuotedShowsBytesAsGoDoes) {
  EXPECT_EQ(GoQuoted(""), R"("")");
  EXPECT_EQ(GoQuoted("t\"\\\x01\x7f\xff\xC3\xA9"), "\"t\\\"\\\\\\x01\\x7f\\xff\xC3\xA9\"");
  EXPECT_EQ(GoQuoted("\a\b\f\n\r\t\v"), R"("\a\b\f\n\r\t\v")");
  EXPECT_EQ(GoQuoted(std::string(1, '\0')), R"("\x00")");
  EXPECT_EQ(GoQuoted("\xC2\xA0\xE2\x80\x8B"), R"("\u00a0\u200b")") << "not printable";
  EXPECT_EQ(GoQuoted("\xF3\xA0\x80\x81"), R"("\U000e0001")");
}

TEST(StringsTest, DecodeUtf8TellsLengthAndRefusesWhatIsNone) {
  const auto decode = [](std::string_view text) {
    uint32_t rune = 0;
    const size_t length = DecodeUtf8(text, &rune);
    return std::pair(length, length == 0 ? 0 : rune);
  };
  using Pair = std::pair<size_t, uint32_t>;
  EXPECT_EQ(decode("ab"), Pair(1, 'a'));
  EXPECT_EQ(decode("\xC3\xA9x"), Pair(2, 0xE9));
  EXPECT_EQ(decode("\xE2\x82\xAC"), Pair(3, 0x20AC));
  EXPECT_EQ(decode("\xF0\x9F\x98\x80"), Pair(4, 0x1F600));
  EXPECT_EQ(decode("\xF4\x8F\xBF\xBF"), Pair(4, 0x10FFFF));
  for (const char* text : {"\x80", "\xC3", "\xC3(", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
                           "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(decode(text).first, 0u) << text;
  }
}

}  // namespace
}  // namespace nsq
