#include "common/config/duration.h"

#include <gtest/gtest.h>

#include <limits>

namespace nsq {
namespace {

TEST(DurationTest, ParsesWhatGoParses) {
  const struct {
    const char* text;
    int64_t nanos;
  } kCases[] = {
      {"0", 0},
      {"-0", 0},
      {"0s", 0},
      {"5s", 5'000'000'000},
      {"+1s", 1'000'000'000},
      {"-5s", -5'000'000'000},
      {"1m30s", 90'000'000'000},
      {"1.5m", 90'000'000'000},
      {".5s", 500'000'000},
      {"1.s", 1'000'000'000},
      {"1h2m3.5s", 3'723'500'000'000},
      {"3ns", 3},
      {"3us", 3'000},
      {"3µs", 3'000},
      {"3μs", 3'000},
      {"250ms", 250'000'000},
      {"1s1h", 3'601'000'000'000},
      {"0.000000001s", 1},
      {"0.3333333333333333333h", 1'200'000'000'000},
      {"9223372036854775807ns", std::numeric_limits<int64_t>::max()},
      {"-9223372036854775808ns", std::numeric_limits<int64_t>::min()},
  };
  for (const auto& [text, nanos] : kCases) {
    const auto duration = ParseGoDuration(text);
    ASSERT_TRUE(duration.has_value()) << text;
    EXPECT_EQ(duration->count(), nanos) << text;
  }
}

TEST(DurationTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           "-",
                           "+",
                           "3",
                           "-3",
                           "1d",
                           "1w",
                           "s",
                           ".s",
                           ".",
                           "1 s",
                           " 1s",
                           "1s ",
                           "1m 30s",
                           "--1s",
                           "1e3s",
                           "0x1s",
                           "1,5s",
                           "00",
                           "1ss",
                           "1S",
                           "9223372036854775808ns",
                           "-9223372036854775809ns",
                           "2562048h",
                           "99999999999999999999s"}) {
    EXPECT_FALSE(ParseGoDuration(text).has_value()) << text;
  }
}

TEST(DurationTest, FormatsAsGoDoes) {
  const struct {
    int64_t nanos;
    const char* text;
  } kCases[] = {
      {0, "0s"},
      {1, "1ns"},
      {811, "811ns"},
      {1'000, "1µs"},
      {18'057, "18.057µs"},
      {1'100, "1.1µs"},
      {250'000'000, "250ms"},
      {732'389'315, "732.389315ms"},
      {1'000'000'000, "1s"},
      {1'500'000'000, "1.5s"},
      {60'000'000'000, "1m0s"},
      {183'539'434'814, "3m3.539434814s"},
      {3'600'000'000'000, "1h0m0s"},
      {3'600'500'000'000, "1h0m0.5s"},
      {-1'500'000'000, "-1.5s"},
      {std::numeric_limits<int64_t>::max(), "2562047h47m16.854775807s"},
      {std::numeric_limits<int64_t>::min(), "-2562047h47m16.854775808s"},
  };
  for (const auto& [nanos, text] : kCases) {
    EXPECT_EQ(FormatGoDuration(Duration(nanos)), text);
  }
}

TEST(DurationTest, WhatIsFormattedReadsBack) {
  for (int64_t nanos = 1; nanos < std::numeric_limits<int64_t>::max() / 7; nanos = nanos * 7 + 3) {
    const auto back = ParseGoDuration(FormatGoDuration(Duration(nanos)));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->count(), nanos);
  }
}

}  // namespace
}  // namespace nsq
