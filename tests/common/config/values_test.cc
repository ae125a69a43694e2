#include "common/config/values.h"

#include <gtest/gtest.h>

#include <limits>

namespace nsq {
namespace {

TEST(ValuesTest, IntegersFollowGosBasesAndUnderscores) {
  const struct {
    const char* text;
    int64_t value;
  } kCases[] = {
      {"10", 10},
      {"+10", 10},
      {"-10", -10},
      {"0", 0},
      {"-0", 0},
      {"010", 8},
      {"0o17", 15},
      {"0b101", 5},
      {"0x1F", 31},
      {"0X_1f", 31},
      {"1_000_000", 1'000'000},
      {"0_1", 1},
      {"9223372036854775807", std::numeric_limits<int64_t>::max()},
      {"-9223372036854775808", std::numeric_limits<int64_t>::min()},
      {"-0x8000000000000000", std::numeric_limits<int64_t>::min()},
  };
  for (const auto& [text, value] : kCases) {
    int64_t parsed = -77;
    EXPECT_EQ(ParseGoInt(text, &parsed), "") << text;
    EXPECT_EQ(parsed, value) << text;
  }
}

TEST(ValuesTest, IntegersThatAreNoneOrTooLarge) {
  int64_t parsed = 0;
  for (const char* text : {"", "-", "+", "abc", "1.5", "1e3", "1_", "_1", "1__0", "08", "0b2", "0x",
                           "0x_", "0xg", "10 ", " 10", "--1", "1-"}) {
    EXPECT_EQ(ParseGoInt(text, &parsed), "parse error") << text;
  }
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "0xffffffffffffffff",
                           "99999999999999999999999999"}) {
    EXPECT_EQ(ParseGoInt(text, &parsed), "value out of range") << text;
  }
}

TEST(ValuesTest, BooleansAreTwelveWords) {
  bool value = false;
  for (const char* text : {"1", "t", "T", "true", "TRUE", "True"}) {
    EXPECT_EQ(ParseGoBool(text, &value), "");
    EXPECT_TRUE(value) << text;
  }
  for (const char* text : {"0", "f", "F", "false", "FALSE", "False"}) {
    EXPECT_EQ(ParseGoBool(text, &value), "");
    EXPECT_FALSE(value) << text;
  }
  for (const char* text : {"", "yes", "tRUE", "2", " true"}) {
    EXPECT_EQ(ParseGoBool(text, &value), "parse error") << text;
  }
}

}  // namespace
}  // namespace nsq
