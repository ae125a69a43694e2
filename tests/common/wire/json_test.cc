#include "common/wire/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace nsq {
namespace {

std::string Encoded(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  return json;
}

std::string Encoded(double number) {
  std::string json;
  AppendJsonNumber(number, &json);
  return json;
}

TEST(JsonTest, OrdinaryTextStaysAsItIs) {
  EXPECT_EQ(Encoded(""), "\"\"");
  EXPECT_EQ(Encoded("orders.v1 caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \x7F"),
            "\"orders.v1 caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \x7F\"");
}

TEST(JsonTest, EscapesAsGoDoes) {
  EXPECT_EQ(Encoded("\"\\/"), R"("\"\\/")");
  EXPECT_EQ(Encoded("\t\n\r"), R"("\t\n\r")");
  EXPECT_EQ(Encoded(std::string("\0\x01\b\f\x1f", 5)), R"("\u0000\u0001\u0008\u000c\u001f")");
  EXPECT_EQ(Encoded("<a>&"), R"("\u003ca\u003e\u0026")");
  EXPECT_EQ(Encoded("\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA"), "\"\\u2028\\u2029\xE2\x80\xAA\"");
}

TEST(JsonTest, BytesThatAreNoUtf8AreReplacedOneByOne) {
  EXPECT_EQ(Encoded("a\xFFz"), R"("a\ufffdz")");
  EXPECT_EQ(Encoded("\xE2\x82"), R"("\ufffd\ufffd")") << "cut short";
  EXPECT_EQ(Encoded("\xC0\x80"), R"("\ufffd\ufffd")") << "overlong";
  EXPECT_EQ(Encoded("\xED\xA0\x80"), R"("\ufffd\ufffd\ufffd")") << "a surrogate";
}

TEST(JsonTest, NumbersAreTheShortestThatReadBack) {
  EXPECT_EQ(Encoded(0.0), "0");
  EXPECT_EQ(Encoded(1.0), "1");
  EXPECT_EQ(Encoded(-1.5), "-1.5");
  EXPECT_EQ(Encoded(0.99), "0.99");
  EXPECT_EQ(Encoded(3801229.0), "3801229");
  EXPECT_EQ(Encoded(1e20), "100000000000000000000");
  EXPECT_EQ(Encoded(1e21), "1e+21");
  EXPECT_EQ(Encoded(1e-6), "0.000001");
  EXPECT_EQ(Encoded(1e-7), "1e-7");
  EXPECT_EQ(Encoded(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
}

}  // namespace
}  // namespace nsq
