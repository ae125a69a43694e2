#include "nsqd/storage/journal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/event/home.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {
namespace {

class JournalTest : public testing::Test {
 protected:
  static constexpr Sequence kFirst{1737331200000000};

  JournalTest() { (void)files_.MakeDir("t"); }

  void Open() {
    journal_.reset();
    auto journal = Journal::Open(files_, "t/journal", home_, kFirst, &state_);
    ASSERT_TRUE(journal.ok()) << journal.status().ToString();
    journal_ = std::move(*journal);
  }
  void Finish(ChannelNumber number, std::vector<Sequence> sequences) {
    journal_->Finished(number, sequences);
  }

  MemoryFiles files_;
  Home home_;
  TopicState state_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, ANewOneIsEmptyAndMakesItsFile) {
  Open();
  TopicState expected;
  expected.first = expected.fanout = kFirst;
  EXPECT_EQ(state_, expected);
  EXPECT_TRUE(files_.Has("t/journal"));
  Open();
  EXPECT_EQ(state_, expected);
}

TEST_F(JournalTest, WhatIsUnfinishedComesBack) {
  Open();
  journal_->ChannelCreated(1, "ch", kFirst);
  journal_->Flowing();
  journal_->Delivered(1, kFirst + 10);
  Finish(1, {kFirst + 3, kFirst + 1, kFirst + 2, kFirst + 9});
  const WallTime due = WallFromUnixNanos(1737331200123456789);
  journal_->Requeued(1, kFirst + 5, 1, due);
  journal_->Redelivered(1, kFirst + 6, 2);
  ASSERT_TRUE(journal_->Write().ok());
  Open();
  ASSERT_EQ(state_.channels.size(), 1u);
  EXPECT_EQ(state_.channels[0].name, "ch");
  EXPECT_EQ(state_.channels[0].cursor, kFirst + 10);
  EXPECT_EQ(state_.channels[0].unfinished, (std::vector<Unfinished>{{kFirst, 1, {}},
                                                                    {kFirst + 4, 1, {}},
                                                                    {kFirst + 5, 1, due},
                                                                    {kFirst + 6, 2, {}},
                                                                    {kFirst + 7, 1, {}},
                                                                    {kFirst + 8, 1, {}}}));
  EXPECT_TRUE(state_.flowing);
}

}  // namespace
}  // namespace nsq::nsqd
