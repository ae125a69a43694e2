#include "nsqd/daemon/lookup/channels_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nsq::nsqd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ChannelsQueryTest, NamesOfAnAnswer) {
  const auto channels = ParseChannels("{\"channels\":[\"a\",\"b#ephemeral\"],\"more\":1}");
  ASSERT_TRUE(channels.ok());
  EXPECT_THAT(*channels, ElementsAre("a", "b#ephemeral"));
}

TEST(ChannelsQueryTest, NoneIsSaidInThreeWays) {
  for (const char* body : {"{\"channels\":[]}", "{\"channels\":null}", "{}"}) {
    SCOPED_TRACE(body);
    const auto channels = ParseChannels(body);
    ASSERT_TRUE(channels.ok());
    EXPECT_THAT(*channels, IsEmpty());
  }
}

TEST(ChannelsQueryTest, RubbishIsAnError) {
  for (const char* body :
       {"", "null", "[]", "OK", "{\"channels\":", "{\"channels\":\"a\"}", "{\"channels\":[1]}",
        "{\"channels\":{\"a\":1}}", "{\"channels\":[\"a\"]} x"}) {
    SCOPED_TRACE(body);
    EXPECT_FALSE(ParseChannels(body).ok());
  }
}

}  // namespace
}  // namespace nsq::nsqd
