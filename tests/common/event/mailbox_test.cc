#include "common/event/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>
#include <vector>

namespace nsq {
namespace {

struct Note : Letter {
  Note(int w, int n) : writer(w), number(n) {}
  void Open() noexcept override {}
  const int writer;
  const int number;
};

bool IsReadable(const Mailbox& box) {
  pollfd waiting = {box.wake_fd(), POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

TEST(MailboxTest, LettersOfOneWriterKeepTheirOrderAndNoneIsLost) {
  constexpr int kWriters = 4;
  constexpr int kLetters = 20'000;
  Mailbox box;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&box, w] {
      for (int n = 0; n < kLetters; ++n) box.Post(std::make_unique<Note>(w, n));
    });
  }
  std::vector<int> next(kWriters, 0);
  for (int taken = 0; taken < kWriters * kLetters;) {
    pollfd waiting = {box.wake_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1) << "a letter came without waking";
    for (const auto& letter : box.Take()) {
      const auto& note = static_cast<const Note&>(*letter);
      ASSERT_EQ(note.number, next[static_cast<size_t>(note.writer)]++);
      ++taken;
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(box.size(), 0u);
}

TEST(MailboxTest, WakesOnceForManyLettersAndIsQuietWhenEmpty) {
  Mailbox box;
  EXPECT_FALSE(IsReadable(box));
  box.Post(std::make_unique<Note>(0, 0));
  box.Post(std::make_unique<Note>(0, 1));
  EXPECT_TRUE(IsReadable(box));
  EXPECT_EQ(box.Take().size(), 2u);
  EXPECT_FALSE(IsReadable(box));
  EXPECT_TRUE(box.Take().empty());
}

}  // namespace
}  // namespace nsq
