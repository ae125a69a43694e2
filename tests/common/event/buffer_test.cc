#include "common/event/buffer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace nsq {
namespace {

TEST(BufferTest, AnEmptyOneHoldsNoMemory) {
  const Buffer buffer;
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.view(), "");
}

TEST(BufferTest, BehavesLikeAStringWhateverTheSequence) {
  std::mt19937 random(17);
  Buffer buffer;
  std::string model;
  for (int step = 0; step < 5'000; ++step) {
    const size_t n = random() % 1000;
    switch (random() % 4) {
      case 0:
        buffer.Append(std::string(n, static_cast<char>('a' + step % 26)));
        model.append(n, static_cast<char>('a' + step % 26));
        break;
      case 1: {
        char* const room = buffer.Reserve(n);
        std::memset(room, 'R', n);
        buffer.Commit(n / 2);
        model.append(n / 2, 'R');
        break;
      }
      case 2: {
        const size_t used = std::min(n, model.size());
        buffer.Consume(used);
        model.erase(0, used);
        break;
      }
      default: {
        const size_t back = std::min(n / 8, model.size());
        buffer.Uncommit(back);
        model.resize(model.size() - back);
        break;
      }
    }
    ASSERT_EQ(buffer.view(), model) << "step " << step;
  }
}

TEST(BufferTest, ShrinkGivesMemoryBackOnlyWhenEmpty) {
  Buffer buffer;
  buffer.Append("text");
  buffer.Shrink(0);
  EXPECT_EQ(buffer.view(), "text");
  buffer.Consume(4);
  buffer.Shrink(1 << 20);
  EXPECT_GT(buffer.capacity(), 0u);
  buffer.Shrink(0);
  EXPECT_EQ(buffer.capacity(), 0u);
}

TEST(BufferTest, MovingLeavesAnEmptyOne) {
  Buffer from;
  from.Append("text");
  Buffer to = std::move(from);
  EXPECT_EQ(to.view(), "text");
  EXPECT_EQ(from.view(), "");  // NOLINT(bugprone-use-after-move)
  from.Append("again");
  to = std::move(from);
  EXPECT_EQ(to.view(), "again");
}

TEST(BufferTest, NumbersAreBigEndian) {
  char bytes[8];
  StoreBig16(bytes, 0x0102);
  EXPECT_EQ(std::string(bytes, 2), std::string("\1\2", 2));
  StoreBig32(bytes, 0x01020304);
  EXPECT_EQ(std::string(bytes, 4), std::string("\1\2\3\4", 4));
  EXPECT_EQ(LoadBig32(bytes), 0x01020304u);
  StoreBig64(bytes, 0x0102030405060708);
  EXPECT_EQ(std::string(bytes, 8), std::string("\1\2\3\4\5\6\7\10", 8));
  EXPECT_EQ(LoadBig64(bytes), 0x0102030405060708u);
  EXPECT_EQ(LoadBig16(bytes), 0x0102u);
}

}  // namespace
}  // namespace nsq
