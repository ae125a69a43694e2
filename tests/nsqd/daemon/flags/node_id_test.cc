#include "nsqd/daemon/flags/node_id.h"

#include <gtest/gtest.h>

namespace nsq::nsqd {
namespace {

TEST(NodeIdTest, IsTheOriginals) {
  EXPECT_EQ(NodeIdOf("vm"), 617);
  EXPECT_EQ(NodeIdOf("localhost"), 16);
  EXPECT_EQ(NodeIdOf("nsqd-1"), 958);
  EXPECT_EQ(NodeIdOf("yourhost.local"), 144);
  EXPECT_LT(NodeIdOf(""), 1024);
}

}  // namespace
}  // namespace nsq::nsqd
