#include "nsqd/http/publish_body.h"

#include <gtest/gtest.h>

#include <string>

#include "nsqd/options.h"

namespace nsq::nsqd {
namespace {

using Views = std::vector<std::string_view>;

Options SmallLimits() {
  Options options;
  options.max_msg_size = 4;
  options.max_body_size = 10;
  return options;
}

// The original reads line by line, so of two broken rules the one that is met first decides.
TEST(PublishBodyTest, TheFirstLineToBreakARuleDecides) {
  const Options options = SmallLimits();
  EXPECT_EQ(SplitText("abcde\nabc\nabc\n", options).error, "MSG_TOO_BIG");
  EXPECT_EQ(SplitText("abc\nabc\nabc\nabcde\n", options).error, "BODY_TOO_BIG");
  EXPECT_EQ(SplitText("abc\nabc\nabcde\n", options).error, "BODY_TOO_BIG");
}

TEST(PublishBodyTest, LimitsAreInclusive) {
  const Options options = SmallLimits();
  EXPECT_EQ(SplitText("abcd\nabcd\n", options).messages, (Views{"abcd", "abcd"}));
  EXPECT_EQ(SplitText("abcd\nabcd\n\n", options).error, "BODY_TOO_BIG");
}

TEST(PublishBodyTest, DeferComparesNanosecondsWithoutOverflow) {
  Options options;
  options.max_defer_timeout = microseconds(1500);
  EXPECT_EQ(ParseDefer("1", options), milliseconds(1));
  EXPECT_EQ(ParseDefer("2", options), std::nullopt);
  EXPECT_EQ(ParseDefer("9223372036854775807", options), std::nullopt);
}

}  // namespace
}  // namespace nsq::nsqd
