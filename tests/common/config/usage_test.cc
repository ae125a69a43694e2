#include "common/config/usage.h"

#include <gtest/gtest.h>

#include <vector>

namespace nsq {
namespace {

std::string Usage(const std::vector<Flag>& flags) {
  std::vector<const Flag*> pointers;
  for (const Flag& flag : flags) pointers.push_back(&flag);
  return UsageText("prog", pointers);
}

TEST(UsageTest, TwoColumnsUnderGroupsInTheOrderGiven) {
  const std::string text = Usage({
      {"quick", "quick", Kind::kBool, "true", "First", "a switch"},
      {"port", "port", Kind::kInt, "4150", "Second", "a number"},
      {"wait", "wait", Kind::kDuration, "1m0s", "First", "a time"},
      {"prefix", "prefix", Kind::kString, "[x] ", "Second", "a text"},
      {"peer", "peers", Kind::kStringList, "", "Second", "an address"},
      {"off", "off", Kind::kBool, "false", "Second", "another switch"},
  });
  EXPECT_EQ(text,
            "Usage of prog:\n"
            "\nFirst\n"
            "  --quick                         a switch [true]\n"
            "  --wait TIME                     a time [1m0s]\n"
            "\nSecond\n"
            "  --port N                        a number [4150]\n"
            "  --prefix TEXT                   a text [\"[x] \"]\n"
            "  --peer TEXT ...                 an address\n"
            "  --off                           another switch\n"
            "\n[...] is the default. TIME is 250ms, 2s, 1m30s, 12h and the like. What ends in ... "
            "may be\ngiven more than once. A switch is turned off by --name=false.\n");
}

TEST(UsageTest, LongNamesAndLongHelpsAreWrapped) {
  const std::string help =
      "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen";
  const std::string text =
      Usage({{"a-name-that-is-longer-than-most", "k", Kind::kDuration, "", "", help}});
  EXPECT_EQ(text.substr(0, text.find("\n\n")),
            "Usage of prog:\n"
            "  --a-name-that-is-longer-than-most TIME\n"
            "                                  one two three four five six seven eight nine ten "
            "eleven twelve\n"
            "                                  thirteen fourteen fifteen");
}

TEST(UsageTest, BytesAreShownInLargerUnitsToo) {
  const auto shown = [](const std::string& fallback, const std::string& help) {
    const std::string text = Usage({{"n", "n", Kind::kInt, fallback, "", help}});
    return text.substr(text.find('[') + 1, text.find(']') - text.find('[') - 1);
  };
  EXPECT_EQ(shown("1048576", "bytes of something"), "1048576 = 1 MiB");
  EXPECT_EQ(shown("65536", "its size in bytes"), "65536 = 64 KiB");
  EXPECT_EQ(shown("104857600", "bytes"), "104857600 = 100 MiB");
  EXPECT_EQ(shown("1000000", "bytes"), "1000000");
  EXPECT_EQ(shown("508", "bytes of a datagram"), "508");
  EXPECT_EQ(shown("1048576", "messages"), "1048576");
}

}  // namespace
}  // namespace nsq
