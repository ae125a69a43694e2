#include "admin/go_json.h"

#include <gtest/gtest.h>

namespace nsq::admin {
namespace {

// Texts of Go's encoding/json.
TEST(GoJsonTest, SaysWhatGoSays) {
  struct Case {
    const char* text;
    const char* error;
  };
  for (const Case& c : {
           Case{"", "EOF"},
           Case{" \n", "EOF"},
           Case{"{", "unexpected EOF"},
           Case{"{\"a", "unexpected EOF"},
           Case{"nul", "unexpected EOF"},
           Case{"-", "unexpected EOF"},
           Case{"x", "invalid character 'x' looking for beginning of value"},
           Case{"'", "invalid character '\\'' looking for beginning of value"},
           Case{"[1,]", "invalid character ']' looking for beginning of value"},
           Case{"{x", "invalid character 'x' looking for beginning of object key string"},
           Case{"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
           Case{"{\"a\" \"b\"}", "invalid character '\"' after object key"},
           Case{"{\"a\":1 2", "invalid character '2' after object key:value pair"},
           Case{"[1 2]", "invalid character '2' after array element"},
           Case{"\"a\nb\"", "invalid character '\\n' in string literal"},
           Case{"\"\\x\"", "invalid character 'x' in string escape code"},
           Case{"\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"},
           Case{"nulx", "invalid character 'x' in literal null (expecting 'l')"},
           Case{"-x", "invalid character 'x' in numeric literal"},
           Case{"1.x", "invalid character 'x' after decimal point in numeric literal"},
           Case{"1ex", "invalid character 'x' in exponent of numeric literal"},
       }) {
    EXPECT_EQ(GoJsonError(c.text), c.error) << c.text;
  }
}

TEST(GoJsonTest, TheFirstValueCounts) {
  for (const char* text : {"{}", " null x", "[]]", "\"\\u00e9\\n\"}", "-0.5e+3 ", "{\"a\":[{}]} x",
                           " [ [ ] , { } , [1 , 2] ] "}) {
    EXPECT_EQ(GoJsonError(text), "") << text;
  }
  EXPECT_EQ(GoJsonLength(" {\"a\":1} x"), 8u);
}

TEST(GoJsonTest, DepthIsLimited) {
  EXPECT_EQ(GoJsonError(std::string(10'000, '[') + std::string(10'000, ']')), "");
  EXPECT_EQ(GoJsonError(std::string(10'001, '[')), "exceeded max depth");
  EXPECT_EQ(GoJsonError(std::string(1'000'000, '[')), "exceeded max depth");
}

}  // namespace
}  // namespace nsq::admin
