#include "admin/json_writer.h"

#include <gtest/gtest.h>

#include <limits>

namespace nsq::admin {
namespace {

std::string Written(std::string_view text) {
  JsonWriter json;
  json.String(text);
  return json.Take();
}

std::string Written(double number) {
  JsonWriter json;
  json.Double(number);
  return json.Take();
}

TEST(JsonWriterTest, CommasComeByThemselves) {
  JsonWriter json;
  json.BeginObject();
  json.Int("a", 1);
  json.Key("b");
  json.BeginArray();
  json.BeginObject();
  json.EndObject();
  json.Null();
  json.Bool(true);
  json.EndArray();
  json.String("c", "x");
  json.EndObject();
  EXPECT_EQ(json.Take(), R"({"a":1,"b":[{},null,true],"c":"x"})");
}

TEST(JsonWriterTest, TextCannotLeaveItsStringNorAnHtmlScript) {
  EXPECT_EQ(Written("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Written("</script>&"), R"("\u003c/script\u003e\u0026")");
  EXPECT_EQ(Written("\n\r\t\x01\x1f"), R"("\n\r\t\u0001\u001f")");
  EXPECT_EQ(Written("\u2028\u2029\u2027"), "\"\\u2028\\u2029\u2027\"");
  EXPECT_EQ(Written("gr\u00fcn \U0001F600"), "\"gr\u00fcn \U0001F600\"");
}

TEST(JsonWriterTest, EachByteThatIsNoUtf8IsReplaced) {
  EXPECT_EQ(Written("a\xff z"), R"("a\ufffd z")");
  EXPECT_EQ(Written("\xc3"), R"("\ufffd")");
  EXPECT_EQ(Written("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");  // a surrogate
  EXPECT_EQ(Written("\xf0\x9f\x98"), R"("\ufffd\ufffd\ufffd")");  // cut short
  EXPECT_EQ(Written("\xc0\x80"), R"("\ufffd\ufffd")");            // overlong
}

TEST(JsonWriterTest, FloatsAreShortestAndPlain) {
  EXPECT_EQ(Written(1.0), "1");
  EXPECT_EQ(Written(0.99), "0.99");
  EXPECT_EQ(Written(64489566088.03609), "64489566088.03609");
  EXPECT_EQ(Written(66941776984.0), "66941776984");
  EXPECT_EQ(Written(1e21), "1e+21");
  EXPECT_EQ(Written(std::numeric_limits<double>::quiet_NaN()), "0");
  EXPECT_EQ(Written(std::numeric_limits<double>::infinity()), "0");
}

}  // namespace
}  // namespace nsq::admin
