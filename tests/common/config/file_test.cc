#include "common/config/file.h"

#include <gtest/gtest.h>

#include "common/config/values.h"

namespace nsq {
namespace {

// What the flag of that kind becomes when the file says `key = <text>`, as GET /config shows it;
// "error" if the file is refused for it.
std::string Coerced(Kind kind, const std::string& text) {
  const auto file = ConfigFile::Parse("key = " + text + "\n");
  if (!file.ok()) return file.status().ToString();
  const Flag flag = {"flag", "key", kind, "", "", ""};
  FlagValue value;
  const auto found = file->Coerce(flag, &value);
  if (!found.ok()) return "error";
  return *found ? ShowFlagValue(flag, value) : "not found";
}

TEST(FileTest, Integers) {
  EXPECT_EQ(Coerced(Kind::kInt, "7"), "7");
  EXPECT_EQ(Coerced(Kind::kInt, "-7"), "-7");
  EXPECT_EQ(Coerced(Kind::kInt, "'7'"), "7");
  EXPECT_EQ(Coerced(Kind::kInt, "'+7'"), "7");
  EXPECT_EQ(Coerced(Kind::kInt, "'010'"), "10") << "base 10 in the file";
  for (const char* text : {"7.0", "true", "'x'", "''", "'1_0'", "'0x10'", "[7]", "1979-05-27"}) {
    EXPECT_EQ(Coerced(Kind::kInt, text), "error") << text;
  }
}

TEST(FileTest, Booleans) {
  EXPECT_EQ(Coerced(Kind::kBool, "true"), "true");
  EXPECT_EQ(Coerced(Kind::kBool, "'f'"), "false");
  EXPECT_EQ(Coerced(Kind::kBool, "0"), "false") << "not inverted, as the original has it";
  EXPECT_EQ(Coerced(Kind::kBool, "1"), "true");
  for (const char* text : {"1.0", "'yes'", "[true]"}) {
    EXPECT_EQ(Coerced(Kind::kBool, text), "error") << text;
  }
}

TEST(FileTest, AnIntegerForADurationIsMilliseconds) {
  EXPECT_EQ(Coerced(Kind::kDuration, "2000"), "2000000000");
  EXPECT_EQ(Coerced(Kind::kDuration, "'1m'"), "60000000000");
  for (const char* text : {"1.5", "true", "''", "'5'", "['1s']", "9223372036854775807"}) {
    EXPECT_EQ(Coerced(Kind::kDuration, text), "error") << text;
  }
}

TEST(FileTest, Strings) {
  EXPECT_EQ(Coerced(Kind::kString, "'a b'"), "a b");
  EXPECT_EQ(Coerced(Kind::kString, "5"), "5");
  EXPECT_EQ(Coerced(Kind::kString, "true"), "true");
  EXPECT_EQ(Coerced(Kind::kString, "['a']"), "error");
}

TEST(FileTest, StringLists) {
  EXPECT_EQ(Coerced(Kind::kStringList, "['a:1', 'b:2']"), "[\"a:1\",\"b:2\"]");
  EXPECT_EQ(Coerced(Kind::kStringList, "'a:1, b:2'"), "[\"a:1\",\" b:2\"]") << "not trimmed";
  EXPECT_EQ(Coerced(Kind::kStringList, "[]"), "null");
  for (const char* text : {"5", "true", "[1]", "['a', 1]"}) {
    EXPECT_EQ(Coerced(Kind::kStringList, text), "error") << text;
  }
}

TEST(FileTest, FloatLists) {
  EXPECT_EQ(Coerced(Kind::kFloatList, "[0.95, 1.0]"), "[0.95,1]") << "the file's order";
  EXPECT_EQ(Coerced(Kind::kFloatList, "[1, 0.99]"), "[1,0.99]");
  EXPECT_EQ(Coerced(Kind::kFloatList, "'1.0, 0.99'"), "[1,0.99]");
  EXPECT_EQ(Coerced(Kind::kFloatList, "0.99"), "[0.99]");
  for (const char* text : {"true", "['0.99']", "'0.99,'", "'x'"}) {
    EXPECT_EQ(Coerced(Kind::kFloatList, text), "error") << text;
  }
}

TEST(FileTest, NsqsOwnKinds) {
  EXPECT_EQ(Coerced(Kind::kLogLevel, "'WARN'"), "3");
  EXPECT_EQ(Coerced(Kind::kLogLevel, "'warning'"), "error");
  EXPECT_EQ(Coerced(Kind::kLogLevel, "3"), "error");
  EXPECT_EQ(Coerced(Kind::kTlsRequired, "true"), "2");
  EXPECT_EQ(Coerced(Kind::kTlsRequired, "1"), "2");
  EXPECT_EQ(Coerced(Kind::kTlsRequired, "2"), "error");
  EXPECT_EQ(Coerced(Kind::kTlsRequired, "'TCP-https'"), "1");
  EXPECT_EQ(Coerced(Kind::kTlsRequired, "'f'"), "0");
  EXPECT_EQ(Coerced(Kind::kTlsMinVersion, "''"), "769");
  EXPECT_EQ(Coerced(Kind::kTlsMinVersion, "'TLS1.3'"), "772");
  EXPECT_EQ(Coerced(Kind::kTlsMinVersion, "'ssl3.0'"), "error");
  EXPECT_EQ(Coerced(Kind::kTlsMinVersion, "true"), "error");
}

TEST(FileTest, ReasonsReadAsTheOriginals) {
  const auto reason = [](Kind kind, const std::string& text) {
    FlagValue value;
    return ConfigFile::Parse("key = " + text)
        ->Coerce({"flag", "key", kind, "", "", ""}, &value)
        .status()
        .detail();
  };
  EXPECT_EQ(reason(Kind::kInt, "true"), "invalid int64 value type bool");
  EXPECT_EQ(reason(Kind::kInt, "'x'"), "strconv.ParseInt: parsing \"x\": invalid syntax");
  EXPECT_EQ(reason(Kind::kDuration, "1.5"), "invalid time.Duration value type float64");
  EXPECT_EQ(reason(Kind::kBool, "'yes'"), "strconv.ParseBool: parsing \"yes\": invalid syntax");
  EXPECT_EQ(reason(Kind::kFloatList, "'x'"), "strconv.ParseFloat: parsing \"x\": invalid syntax");
}

TEST(FileTest, OtherKeysAndTablesAreIgnored) {
  const auto file = ConfigFile::Parse("KEY = 1\n[table]\nkey = 2\n");
  ASSERT_TRUE(file.ok());
  FlagValue value;
  const auto found = file->Coerce({"flag", "key", Kind::kInt, "", "", ""}, &value);
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(*found);
}

TEST(FileTest, AListOrATableForASingleValueIsShownAsTheOriginalShowsIt) {
  const auto file = ConfigFile::Parse("list = ['x', 1, 0.5]\n[table]\nkey = 2\n");
  ASSERT_TRUE(file.ok());
  FlagValue value;
  EXPECT_EQ(file->Shown("list"), "[x 1 0.5]");
  EXPECT_EQ(file->Coerce({"f", "list", Kind::kInt, "", "", ""}, &value).status().detail(),
            "invalid int64 value type []interface {}");
  EXPECT_EQ(file->Coerce({"f", "table", Kind::kInt, "", "", ""}, &value).status().detail(),
            "invalid int64 value type map[string]interface {}");
}

TEST(FileTest, SyntaxErrorsNameTheLine) {
  for (const char* text : {"a = 1\nb = = 2\n", "a = 1\na = 2\n"}) {
    const auto file = ConfigFile::Parse(text);
    ASSERT_FALSE(file.ok()) << text;
    EXPECT_TRUE(file.status().detail().starts_with("toml: line 2")) << file.status().detail();
  }
  EXPECT_EQ(ConfigFile::Read("does/not/exist.toml").status().detail(),
            "open does/not/exist.toml: no such file or directory");
}

}  // namespace
}  // namespace nsq
