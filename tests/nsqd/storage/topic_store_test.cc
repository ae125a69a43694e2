#include "nsqd/storage/topic_store.h"

#include <gtest/gtest.h>

namespace nsq::nsqd {
namespace {

TEST(TopicStoreTest, DirectoryOfATopicHasASuffix) {
  EXPECT_EQ(TopicDir("data", ".."), "data/...topic");
  EXPECT_EQ(TopicDir("", "a"), "a.topic");
}

}  // namespace
}  // namespace nsq::nsqd
