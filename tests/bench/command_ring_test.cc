#include "tests/bench/command_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace nsq::bench {
namespace {

constexpr size_t kCommandBytes = 4 + sizeof(Stamp);

CommandRing MakeRing(size_t slots) {
  std::vector<std::string> commands;
  for (size_t i = 0; i < slots; ++i) {
    commands.push_back("PUB" + std::string(1, static_cast<char>('0' + i)) +
                       std::string(sizeof(Stamp), '.'));
  }
  return CommandRing(commands, {4}, slots, 1);
}

// Takes at most `limit` of what is unsent, as a socket does.
std::string Send(CommandRing* ring, size_t limit) {
  std::array<iovec, 2> pieces;
  const int count = ring->Unsent(&pieces);
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    const iovec& piece = pieces[static_cast<size_t>(i)];
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  bytes.resize(std::min(bytes.size(), limit));
  ring->Sent(bytes.size());
  return bytes;
}

TEST(CommandRingTest, WhateverTheSocketTakesTheStreamIsWhole) {
  for (size_t limit = 1; limit <= 3 * kCommandBytes; ++limit) {
    SCOPED_TRACE(testing::Message() << "limit " << limit);
    CommandRing ring = MakeRing(3);
    std::string stream;
    uint64_t pushed = 0;
    uint64_t answered = 0;
    while (answered < 10) {
      while (!ring.full() && pushed < 10) {
        ring.Push(pushed, static_cast<int64_t>(pushed) * 7);
        ++pushed;
      }
      stream += Send(&ring, limit);
      while (answered < stream.size() / kCommandBytes) {
        ASSERT_TRUE(ring.MayAnswer());
        EXPECT_EQ(ring.Answered(), static_cast<int64_t>(answered) * 7);
        ++answered;
      }
      ASSERT_FALSE(ring.MayAnswer());
    }
    ASSERT_EQ(stream.size(), 10 * kCommandBytes);
    for (size_t i = 0; i < 10; ++i) {
      const std::string command = stream.substr(i * kCommandBytes, kCommandBytes);
      EXPECT_EQ(command[3], static_cast<char>('0' + i % 3));
      Stamp stamp;
      std::memcpy(&stamp, command.data() + 4, sizeof stamp);
      EXPECT_EQ(stamp.sequence, i);
    }
  }
}

}  // namespace
}  // namespace nsq::bench
