#include "common/http/params.h"

#include <gtest/gtest.h>

namespace nsq::http {
namespace {

std::string Value(std::string_view query, std::string_view name) {
  const Params params(query);
  const std::string* const value = params.Find(name);
  return value == nullptr ? "(none)" : *value;
}

TEST(ParamsTest, TheFirstValueOfANameWins) { EXPECT_EQ(Value("a=1&b=2&a=3", "a"), "1"); }

TEST(ParamsTest, NamesAreCaseSensitive) { EXPECT_EQ(Value("Topic=x", "topic"), "(none)"); }

TEST(ParamsTest, PresentButEmptyIsPresent) {
  EXPECT_EQ(Value("topic=", "topic"), "");
  EXPECT_EQ(Value("topic", "topic"), "");
  EXPECT_EQ(Value("", "topic"), "(none)");
  EXPECT_EQ(Value("&&", ""), "(none)");
}

TEST(ParamsTest, EscapesAndPlusAreDecodedInNamesAndValues) {
  EXPECT_EQ(Value("t%6Fpic=a%23eph+x%00", "topic"), std::string("a#eph x\0", 8));
  EXPECT_EQ(Value("a=b=c", "a"), "b=c");
  EXPECT_EQ(Value("a=%ff", "a"), "\xff");
}

TEST(ParamsTest, ABadEscapeAnywhereSpoilsTheQuery) {
  for (const char* query : {"a=1&b=%zz", "%=1&a=1", "a=1&b=%4", "a=1&b=%"}) {
    const Params params(query);
    EXPECT_FALSE(params.valid()) << query;
    EXPECT_NE(params.Find("a"), nullptr) << query;
  }
  EXPECT_EQ(Params("a=%zzz").error(), "invalid URL escape \"%zz\"");
}

TEST(ParamsTest, ASemicolonSpoilsTheQuery) {
  EXPECT_EQ(Params("a=1;b=2").error(), "invalid semicolon separator in query");
  EXPECT_TRUE(Params("a=%3B").valid());
}

}  // namespace
}  // namespace nsq::http
