#include "nsqd/storage/journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/event/home.h"
#include "common/log.h"
#include "nsqd/storage/journal_format.h"
#include "nsqd/storage/synced_file.h"
#include "tests/nsqd/storage/memory_files.h"
#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

constexpr Sequence kFirst{1737331200000000};
constexpr ChannelNumber kChannel = 1;

WallTime Due(int64_t n) { return WallFromUnixNanos(1737331200123456789 + n); }

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    SetLogLevel(LogLevel::kFatal);  // thousands of faults
    MakeDisk();
  }

  void MakeDisk() {
    journal_.reset();
    files_.Clear();
    files_.AddDir("t");
  }
  void Open() {
    journal_.reset();
    auto journal = Journal::Open(files_, "t/journal", home_, kFirst, &state_);
    ASSERT_TRUE(journal.ok()) << journal.status().ToString();
    journal_ = std::move(*journal);
  }
  void OpenWithChannel() {
    Open();
    journal_->ChannelCreated(kChannel, "ch", kFirst);
    journal_->Flowing();
    ASSERT_TRUE(journal_->Write().ok());
  }
  bool HasRewrite() const {
    for (const std::string& path : files_.Paths()) {
      if (path.starts_with("t/journal.next")) return true;
    }
    return false;
  }
  // What a new process reads.
  void Reopen() {
    journal_.reset();
    files_.Revive();
    Open();
  }
  void Finish(std::vector<Sequence> sequences) { journal_->Finished(kChannel, sequences); }
  void Finish(Sequence s) { Finish(std::vector<Sequence>{s}); }
  const ChannelState& Channel() { return state_.channels.at(0); }

  // The state after Write and a new start.
  void WriteAndReopen() {
    ASSERT_TRUE(journal_->Write().ok());
    Reopen();
  }

  MemoryFiles files_;
  Home home_;
  TopicState state_;
  std::unique_ptr<Journal> journal_;
};

// --- what each entry means

TEST_F(JournalTest, ANewOneIsEmptyAndMakesItsFile) {
  Open();
  TopicState expected;
  expected.first = expected.fanout = kFirst;
  EXPECT_EQ(state_, expected);
  EXPECT_TRUE(files_.Has("t/journal"));
  Reopen();
  EXPECT_EQ(state_, expected);
}

TEST_F(JournalTest, WhatIsUnfinishedComesBack) {
  OpenWithChannel();
  journal_->Delivered(kChannel, kFirst + 10);
  Finish({kFirst + 3, kFirst + 1, kFirst + 2, kFirst + 9});
  journal_->Requeued(kChannel, kFirst + 5, 1, Due(0));
  journal_->Redelivered(kChannel, kFirst + 6, 2);
  WriteAndReopen();
  EXPECT_EQ(Channel().name, "ch");
  EXPECT_EQ(Channel().cursor, kFirst + 10);
  EXPECT_EQ(Channel().unfinished, (std::vector<Unfinished>{{kFirst, 1, {}},
                                                           {kFirst + 4, 1, {}},
                                                           {kFirst + 5, 1, Due(0)},
                                                           {kFirst + 6, 2, {}},
                                                           {kFirst + 7, 1, {}},
                                                           {kFirst + 8, 1, {}}}));
  EXPECT_TRUE(state_.flowing);
}

TEST_F(JournalTest, ARequeuedMessageThatGoesOutAgainIsNotDueAnyMore) {
  OpenWithChannel();
  journal_->Delivered(kChannel, kFirst + 1);
  journal_->Requeued(kChannel, kFirst, 1, Due(0));
  journal_->Redelivered(kChannel, kFirst, 2);
  WriteAndReopen();
  EXPECT_EQ(Channel().unfinished, (std::vector<Unfinished>{{kFirst, 2, {}}}));
}

TEST_F(JournalTest, ADeferredPublishWaitsInEachChannelAheadOfTheCursor) {
  OpenWithChannel();
  journal_->ChannelCreated(2, "other", kFirst);
  journal_->Deferred(kFirst + 5, Due(1));
  journal_->Delivered(kChannel, kFirst + 2);
  WriteAndReopen();
  EXPECT_EQ(
      Channel().unfinished,
      (std::vector<Unfinished>{{kFirst, 1, {}}, {kFirst + 1, 1, {}}, {kFirst + 5, 0, Due(1)}}));
  EXPECT_EQ(state_.channels[1].unfinished, (std::vector<Unfinished>{{kFirst + 5, 0, Due(1)}}));
}

TEST_F(JournalTest, ADeferredPublishStaysDeferredWhenTheCursorPasses) {
  OpenWithChannel();
  journal_->Deferred(kFirst + 1, Due(1));
  journal_->Delivered(kChannel, kFirst + 3);
  WriteAndReopen();
  EXPECT_EQ(
      Channel().unfinished,
      (std::vector<Unfinished>{{kFirst, 1, {}}, {kFirst + 1, 0, Due(1)}, {kFirst + 2, 1, {}}}));
}

TEST_F(JournalTest, ADeferredPublishFinishedAheadOfTheCursorStaysFinished) {
  OpenWithChannel();
  journal_->Deferred(kFirst + 1, Due(1));
  journal_->Redelivered(kChannel, kFirst + 1, 1);
  Finish(kFirst + 1);
  journal_->Delivered(kChannel, kFirst + 3);
  WriteAndReopen();
  EXPECT_EQ(Channel().unfinished, (std::vector<Unfinished>{{kFirst, 1, {}}, {kFirst + 2, 1, {}}}));
}

TEST_F(JournalTest, WhatIsDeferredWhileTheTopicIsStoppedIsHeldForItsChannels) {
  Open();
  journal_->Deferred(kFirst + 1, Due(1));
  journal_->Deferred(kFirst + 2, Due(2));
  WriteAndReopen();
  EXPECT_EQ(state_.held,
            (std::vector<Unfinished>{{kFirst + 1, 0, Due(1)}, {kFirst + 2, 0, Due(2)}}));
  journal_->ChannelCreated(kChannel, "ch", kFirst);
  journal_->Flowing();
  WriteAndReopen();
  EXPECT_TRUE(state_.held.empty());
  EXPECT_EQ(Channel().unfinished,
            (std::vector<Unfinished>{{kFirst + 1, 0, Due(1)}, {kFirst + 2, 0, Due(2)}}));
}

TEST_F(JournalTest, StoppingKeepsTheFanout) {
  OpenWithChannel();
  journal_->Stopped(kFirst + 7);
  WriteAndReopen();
  EXPECT_FALSE(state_.flowing);
  EXPECT_EQ(state_.fanout, kFirst + 7);
}

TEST_F(JournalTest, EmptyingFinishesEverythingBelow) {
  OpenWithChannel();
  journal_->Delivered(kChannel, kFirst + 5);
  journal_->Requeued(kChannel, kFirst + 2, 1, Due(0));
  journal_->Deferred(kFirst + 8, Due(1));
  journal_->Deferred(kFirst + 20, Due(1));
  journal_->Emptied(kChannel, kFirst + 10);
  WriteAndReopen();
  EXPECT_EQ(Channel().cursor, kFirst + 10);
  EXPECT_EQ(Channel().unfinished, (std::vector<Unfinished>{{kFirst + 20, 0, Due(1)}}));
}

TEST_F(JournalTest, NothingInAGapIsUnfinished) {
  OpenWithChannel();
  journal_->Delivered(kChannel, kFirst + 5);
  journal_->Deferred(kFirst + 8, Due(1));
  journal_->Gap({kFirst + 3, kFirst + (uint64_t{1} << 40)});
  journal_->Delivered(kChannel, kFirst + (uint64_t{1} << 40) + 1);
  WriteAndReopen();
  EXPECT_EQ(state_.gaps, (std::vector<SequenceRange>{{kFirst + 3, kFirst + (uint64_t{1} << 40)}}));
  EXPECT_EQ(Channel().unfinished.size(), 4u);
}

TEST_F(JournalTest, PausesAndDeletionsLast) {
  OpenWithChannel();
  journal_->ChannelCreated(2, "two", kFirst);
  journal_->ChannelCreated(3, "three", kFirst);
  journal_->ChannelDeleted(2);
  journal_->ChannelPaused(3, true);
  journal_->TopicPaused(true);
  journal_->Delivered(2, kFirst + 5);  // of a channel that is gone
  WriteAndReopen();
  ASSERT_EQ(state_.channels.size(), 2u);
  EXPECT_FALSE(state_.channels[0].paused);
  EXPECT_TRUE(state_.channels[1].paused);
  EXPECT_TRUE(state_.paused);
  journal_->ChannelPaused(3, false);
  journal_->TopicPaused(false);
  WriteAndReopen();
  EXPECT_FALSE(state_.channels[1].paused);
  EXPECT_FALSE(state_.paused);
}

TEST_F(JournalTest, ACleanStopHoldsUntilTheNextEntry) {
  OpenWithChannel();
  journal_->CleanStop(kFirst + 100);
  WriteAndReopen();
  EXPECT_TRUE(state_.clean);
  EXPECT_EQ(state_.next, kFirst + 100);
  journal_->Delivered(kChannel, kFirst + 1);
  WriteAndReopen();
  EXPECT_FALSE(state_.clean);
}

TEST_F(JournalTest, ManyScatteredFinishesTakeSeveralEntriesAndFrames) {
  OpenWithChannel();
  constexpr uint64_t kMessages = 200000;
  journal_->Delivered(kChannel, kFirst + kMessages);
  std::vector<Sequence> odd;
  for (uint64_t i = 1; i < kMessages; i += 2) odd.push_back(kFirst + i);
  std::mt19937_64 random(TestSeed());
  std::shuffle(odd.begin(), odd.end(), random);
  Finish(odd);
  WriteAndReopen();
  ASSERT_EQ(Channel().unfinished.size(), kMessages / 2);
  for (uint64_t i = 0; i < kMessages / 2; ++i) {
    ASSERT_EQ(Channel().unfinished[i].sequence, kFirst + 2 * i);
  }
}

TEST_F(JournalTest, ASteadyTurnTakesFewBytes) {
  OpenWithChannel();
  const uint64_t before = journal_->size_bytes();
  Sequence done = kFirst;
  for (int turn = 0; turn < 100; ++turn) {
    journal_->Delivered(kChannel, done + 250);
    std::vector<Sequence> finished;
    for (int i = 0; i < 200; ++i, ++done) finished.push_back(done);
    Finish(finished);
    ASSERT_TRUE(journal_->Write().ok());
  }
  EXPECT_LE((journal_->size_bytes() - before) / 100, 26u);
}

// --- compaction

TEST_F(JournalTest, CompactedItSaysTheSame) {
  OpenWithChannel();
  journal_->ChannelCreated(2, "two#ephemeral", kFirst + 3);
  journal_->ChannelPaused(2, true);
  journal_->TopicPaused(true);
  journal_->Delivered(kChannel, kFirst + 100);
  Finish({kFirst + 3, kFirst + 50, kFirst + 51});
  journal_->Requeued(kChannel, kFirst + 7, 3, Due(5));
  journal_->Redelivered(kChannel, kFirst + 8, 65535);
  journal_->Deferred(kFirst + 500, Due(9));
  journal_->Gap({kFirst + 200, kFirst + 300});
  journal_->Stopped(kFirst + 600);
  journal_->Deferred(kFirst + 700, Due(10));
  WriteAndReopen();
  const TopicState before = state_;
  ASSERT_TRUE(journal_->Compact(state_).ok());
  Reopen();
  EXPECT_EQ(state_, before);
  journal_->CleanStop(kFirst + 701);
  ASSERT_TRUE(journal_->Write().ok());
  Reopen();
  const TopicState clean = state_;
  ASSERT_TRUE(journal_->Compact(state_).ok());
  Reopen();
  EXPECT_EQ(state_, clean);
  EXPECT_TRUE(state_.clean);
}

TEST_F(JournalTest, CompactionIsWantedWhenMostOfTheFileIsHistory) {
  OpenWithChannel();
  EXPECT_FALSE(journal_->WantsCompaction());
  Sequence done = kFirst;
  int turns = 0;
  while (!journal_->WantsCompaction()) {
    journal_->Delivered(kChannel, done + 1);
    Finish(done);
    ++done;
    ++turns;
    ASSERT_TRUE(journal_->Write().ok());
  }
  EXPECT_GT(turns, 5000);
  Reopen();
  ASSERT_TRUE(journal_->Compact(state_).ok());
  EXPECT_FALSE(journal_->WantsCompaction());
  EXPECT_LT(journal_->size_bytes(), 200u);
}

TEST_F(JournalTest, AStateOfMillionsOfRunsIsRead) {
  OpenWithChannel();
  TopicState state = state_;
  ChannelState& channel = state.channels.emplace_back();
  channel.number = kChannel;
  channel.name = "ch";
  channel.cursor = kFirst + 4000000;
  for (uint64_t i = 0; i < 1000000; ++i) {
    channel.unfinished.push_back({kFirst + 4 * i, static_cast<uint16_t>(1 + i % 3), {}});
  }
  state.flowing = true;
  ASSERT_TRUE(journal_->Compact(state).ok());
  Reopen();
  EXPECT_EQ(state_, state);
}

// Power is cut at the worst moment: the new file is in place, but its bytes are not on the disk.
TEST_F(JournalTest, AfterAPowerCutTheOneBeforeACompactionServes) {
  OpenWithChannel();
  journal_->Delivered(kChannel, kFirst + 10);
  ASSERT_TRUE(journal_->Write().ok());
  ASSERT_TRUE(journal_->Sync().ok());
  Reopen();
  const TopicState synced = state_;
  for (int times = 0; times < 3; ++times) {
    ASSERT_TRUE(journal_->Compact(state_).ok());
    journal_->Delivered(kChannel, kFirst + 20);
    ASSERT_TRUE(journal_->Write().ok());
    (void)files_.SyncDir("t");  // the names are there, the bytes are not
    journal_.reset();
    files_.CutPower();
    Open();
    EXPECT_EQ(state_, synced);
  }
}

// The front is damaged on a living disk: what came after it counts all the same.
TEST_F(JournalTest, WhatFollowsADamagedFrontIsAppliedToTheOneBefore) {
  OpenWithChannel();
  journal_->Delivered(kChannel, kFirst + 10);
  ASSERT_TRUE(journal_->Write().ok());
  ASSERT_TRUE(journal_->Sync().ok());
  Reopen();
  ASSERT_TRUE(journal_->Compact(state_).ok());
  ASSERT_TRUE(journal_->Sync().ok());
  Finish(kFirst);
  WriteAndReopen();
  const TopicState expected = state_;
  journal_.reset();
  std::vector<std::byte> bytes = files_.Contents("t/journal");
  bytes[kJournalHeaderBytes + kFrameHeaderBytes + 3] ^= std::byte{1};
  files_.SetContents("t/journal", bytes);
  Open();
  EXPECT_EQ(state_, expected);
  EXPECT_GT(journal_->damaged_entries(), 0u);
  Reopen();
  EXPECT_EQ(state_, expected) << "it was written anew";
  EXPECT_EQ(journal_->damaged_entries(), 0u);
}

TEST_F(JournalTest, AFailedSyncAsksForANewFile) {
  OpenWithChannel();
  files_.set_fail_sync(true);
  EXPECT_FALSE(journal_->Sync().ok());
  EXPECT_TRUE(journal_->WantsCompaction());
  files_.set_fail_sync(false);
  Reopen();
  ASSERT_TRUE(journal_->Compact(state_).ok());
  EXPECT_FALSE(journal_->WantsCompaction());
}

// --- faults

TEST_F(JournalTest, DroppedEntriesAreThoseOfThisTurn) {
  OpenWithChannel();
  journal_->Delivered(kChannel, kFirst + 1);
  files_.set_capacity(0);
  EXPECT_EQ(journal_->Write().code(), Code::kExhausted);
  journal_->Deferred(kFirst + 5, Due(0));
  journal_->DropBatch();
  EXPECT_TRUE(journal_->has_batch()) << "what an earlier turn could not write";
  files_.set_capacity(MemoryFiles::kUnlimited);
  WriteAndReopen();
  EXPECT_EQ(Channel().cursor, kFirst + 1);
  EXPECT_EQ(Channel().unfinished.size(), 1u);
}

// Wherever the disk fills up, a batch is in the file whole or kept for later, and nothing is lost.
TEST_F(JournalTest, DiskFullAtEveryByte) {
  int refused = 0;
  for (uint64_t room = 0; room < 200; ++room) {
    SCOPED_TRACE(testing::Message() << "room " << room);
    MakeDisk();
    OpenWithChannel();
    files_.set_capacity(files_.total_bytes() + room);
    for (uint64_t turn = 0; turn < 5; ++turn) {
      journal_->Delivered(kChannel, kFirst + 10 * (turn + 1));
      Finish(kFirst + 10 * turn);
      const uint64_t before = journal_->size_bytes();
      if (!journal_->Write().ok()) {
        ++refused;
        ASSERT_EQ(journal_->size_bytes(), before);
      }
      ASSERT_EQ(files_.Contents("t/journal").size(), journal_->size_bytes());
    }
    files_.set_capacity(MemoryFiles::kUnlimited);
    journal_->Requeued(kChannel, kFirst + 1, 1, Due(0));
    WriteAndReopen();
    if (HasFatalFailure()) return;
    ASSERT_EQ(Channel().cursor, kFirst + 50);
    ASSERT_EQ(Channel().unfinished.size(), 45u);
    ASSERT_EQ(Channel().unfinished[0], (Unfinished{kFirst + 1, 1, Due(0)}));
  }
  EXPECT_GT(refused, 200);
}

TEST_F(JournalTest, ADiskFullForLongEndsInACompaction) {
  OpenWithChannel();
  files_.set_capacity(0);
  uint64_t turns = 0;
  for (; !journal_->WantsCompaction(); ++turns) {
    std::vector<Sequence> scattered;
    for (uint64_t i = 0; i < 10000; ++i) scattered.push_back(kFirst + turns * 30000 + 2 * i);
    Finish(scattered);
    EXPECT_FALSE(journal_->Write().ok());
  }
  EXPECT_LE(turns * 10000 * 2, 2 * Journal::kMaxBatchBytes);
  journal_->Delivered(kChannel, kFirst + 1);
  EXPECT_FALSE(journal_->Write().ok());
  EXPECT_FALSE(journal_->has_batch()) << "nothing piles up";
  TopicState now;
  now.first = now.fanout = kFirst;
  now.paused = true;
  EXPECT_FALSE(journal_->Compact(now).ok());
  EXPECT_TRUE(journal_->WantsCompaction());
  files_.set_capacity(MemoryFiles::kUnlimited);
  ASSERT_TRUE(journal_->Compact(now).ok());
  EXPECT_FALSE(journal_->WantsCompaction());
  Reopen();
  EXPECT_EQ(state_, now);
}

// Dies after every change to the disk, torn or not, compactions included: what comes back is the
// state after the last Write that was answered, or after the one under way.
TEST_F(JournalTest, DiedAfterEveryWrite) {
  for (const bool torn : {false, true}) {
    for (uint64_t n = 0;; ++n) {
      SCOPED_TRACE(testing::Message() << "dies after " << n << (torn ? ", torn" : ""));
      MakeDisk();
      OpenWithChannel();
      files_.DieAfter(files_.changes() + n, torn);
      uint64_t answered = 0;
      bool died = false;
      for (uint64_t turn = 1; turn <= 12 && !died; ++turn) {
        journal_->Delivered(kChannel, kFirst + turn);
        if (turn > 3) Finish(kFirst + (turn - 4));
        died = !journal_->Write().ok();
        if (died) break;
        answered = turn;
        if (turn % 4 == 0) {
          TopicState now;
          now.first = now.fanout = kFirst;
          now.flowing = true;
          ChannelState& channel = now.channels.emplace_back();
          channel.number = kChannel;
          channel.name = "ch";
          channel.cursor = kFirst + turn;
          for (uint64_t i = turn - 3; i < turn; ++i) {
            channel.unfinished.push_back({kFirst + i, 1, {}});
          }
          if (turn == 8) (void)journal_->Sync();
          died = !journal_->Compact(now).ok();
        }
      }
      Reopen();
      if (HasFatalFailure()) return;
      ASSERT_EQ(state_.channels.size(), 1u);
      const uint64_t turn = Channel().cursor - kFirst;
      ASSERT_TRUE(turn == answered || (died && turn == answered + 1)) << turn << " " << answered;
      ASSERT_EQ(Channel().unfinished.size(), std::min<uint64_t>(turn, 3));
      journal_->ChannelPaused(kChannel, true);
      WriteAndReopen();
      ASSERT_TRUE(Channel().paused);
      if (!died) break;
    }
  }
}

// A journal with a good front and one frame for each state that `states` lists.
class DamagedJournalTest : public JournalTest {
 protected:
  void SetUp() override {
    OpenWithChannel();
    TopicState start = state_;
    start.flowing = true;
    start.channels.push_back({kChannel, "ch", false, kFirst, {}});
    ASSERT_TRUE(journal_->Compact(start).ok());
    front_ = journal_->size_bytes();
    for (uint64_t turn = 1; turn <= 6; ++turn) {
      journal_->Delivered(kChannel, kFirst + 5 * turn);
      Finish(kFirst + (5 * turn - 3));
      journal_->Requeued(kChannel, kFirst + (5 * turn - 1), 1, Due(static_cast<int64_t>(turn)));
      ASSERT_TRUE(journal_->Write().ok());
      ends_.push_back(journal_->size_bytes());
    }
    journal_.reset();
    good_ = files_.Contents("t/journal");
  }

  void Put(const std::vector<std::byte>& bytes) {
    files_.Clear();
    files_.AddDir("t");
    files_.SetContents("t/journal", bytes);
  }

  uint64_t front_ = 0;
  std::vector<uint64_t> ends_;
  std::vector<std::byte> good_;
};

TEST_F(DamagedJournalTest, CutAtEveryByte) {
  for (size_t size = 0; size < good_.size(); ++size) {
    SCOPED_TRACE(testing::Message() << "cut to " << size);
    Put({good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size)});
    Open();
    if (HasFatalFailure()) return;
    if (size < front_) continue;  // nothing to go back to: it starts, that is all
    const auto whole = static_cast<uint64_t>(
        std::count_if(ends_.begin(), ends_.end(), [size](uint64_t end) { return end <= size; }));
    ASSERT_EQ(Channel().cursor, kFirst + 5 * whole);
    ASSERT_EQ(Channel().unfinished.size(), 4 * whole);
    ASSERT_EQ(journal_->damaged_entries(), 0u);
    ASSERT_FALSE(journal_->incomplete()) << "nobody was told that the rest was written";
    journal_->Delivered(kChannel, kFirst + 1000);
    WriteAndReopen();
    ASSERT_EQ(Channel().cursor, kFirst + 1000);
  }
}

TEST_F(DamagedJournalTest, BitFlippedAtEveryByte) {
  for (size_t at = 0; at < good_.size(); ++at) {
    SCOPED_TRACE(testing::Message() << "byte " << at);
    std::vector<std::byte> bytes = good_;
    bytes[at] ^= static_cast<std::byte>(1 << (at % 8));
    Put(bytes);
    Open();
    if (HasFatalFailure()) return;
    if (at < front_ && at >= kJournalHeaderBytes) continue;
    // The state without the turn that is damaged.
    std::set<Sequence> unfinished;
    uint64_t cursor = 0;
    for (uint64_t turn = 1; turn <= 6; ++turn) {
      const bool lost =
          at >= front_ && at < ends_[turn - 1] && (turn == 1 || at >= ends_[turn - 2]);
      if (lost) continue;
      for (; cursor < 5 * turn; ++cursor) unfinished.insert(kFirst + cursor);
      unfinished.erase(kFirst + (5 * turn - 3));
    }
    ASSERT_EQ(Channel().cursor, kFirst + cursor);
    ASSERT_EQ(Channel().unfinished.size(), unfinished.size());
    ASSERT_EQ(journal_->damaged_entries(), 1u);
    ASSERT_TRUE(journal_->incomplete());
    journal_->Delivered(kChannel, kFirst + 1000);
    WriteAndReopen();
    ASSERT_EQ(Channel().cursor, kFirst + 1000);
  }
}

// --- against a naive model

// Holds every message of every channel.
struct NaiveTopic {
  struct Message {
    uint16_t attempts = 0;
    WallTime due;
    bool finished = false;
  };
  struct NaiveChannel {
    std::string name;
    bool paused = false;
    uint64_t cursor = 0;
    std::map<uint64_t, Message> messages;  // delivered or deferred
  };

  TopicState State() const {
    TopicState state;
    state.first = kFirst;
    state.fanout = kFirst + fanout;
    state.flowing = flowing;
    for (const auto& [n, due] : held) state.held.push_back({kFirst + n, 0, due});
    for (const auto& [number, channel] : channels) {
      ChannelState to{number, channel.name, channel.paused, kFirst + channel.cursor, {}};
      for (const auto& [n, message] : channel.messages) {
        if (message.finished || InGap(n)) continue;
        to.unfinished.push_back({kFirst + n, message.attempts, message.due});
      }
      state.channels.push_back(to);
    }
    std::vector<uint64_t> sorted(gaps.begin(), gaps.end());
    for (const uint64_t n : sorted) {
      if (!state.gaps.empty() && state.gaps.back().end == kFirst + n) {
        ++state.gaps.back().end;
      } else {
        state.gaps.push_back({kFirst + n, kFirst + n + 1});
      }
    }
    return state;
  }
  bool InGap(uint64_t n) const { return gaps.contains(n); }

  bool flowing = false;
  uint64_t fanout = 0;
  std::map<uint64_t, WallTime> held;
  std::map<ChannelNumber, NaiveChannel> channels;
  std::set<uint64_t> gaps;
};

TEST_F(JournalTest, RandomStoriesAgreeWithTheModel) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 40; ++round) {
    MakeDisk();
    Open();
    NaiveTopic model;
    ChannelNumber next_number = 1;
    uint64_t published = 0;
    for (int step = 0; step < 400; ++step) {
      SCOPED_TRACE(testing::Message() << "round " << round << " step " << step);
      const auto any = [&]() -> NaiveTopic::NaiveChannel* {
        if (model.channels.empty()) return nullptr;
        auto at = model.channels.begin();
        std::advance(at, random() % model.channels.size());
        next_number = std::max(next_number, at->first + 1);
        return &at->second;
      };
      NaiveTopic::NaiveChannel* const channel = any();
      ChannelNumber number = 0;
      for (const auto& [n, c] : model.channels) {
        if (&c == channel) number = n;
      }
      switch (random() % 16) {
        case 0:
          if (model.channels.size() < 3) {
            const ChannelNumber fresh = next_number++;
            model.channels[fresh].name = "ch" + std::to_string(fresh);
            model.channels[fresh].cursor = published;
            journal_->ChannelCreated(fresh, model.channels[fresh].name, kFirst + published);
          }
          break;
        case 1:
          if (channel && random() % 5 == 0) {
            journal_->ChannelDeleted(number);
            model.channels.erase(number);
          }
          break;
        case 2:
          if (channel) {
            channel->paused = !channel->paused;
            journal_->ChannelPaused(number, channel->paused);
          }
          break;
        case 3:
          if (model.flowing && random() % 4 == 0) {
            model.flowing = false;
            model.fanout = published;
            journal_->Stopped(kFirst + published);
          } else if (!model.flowing) {
            model.flowing = true;
            journal_->Flowing();
            for (auto& [n, c] : model.channels) {
              for (const auto& [m, due] : model.held) c.messages[m] = {0, due, false};
            }
            model.held.clear();
          }
          break;
        case 4:
        case 5: {
          const WallTime due = Due(static_cast<int64_t>(random() % 1000000));
          journal_->Deferred(kFirst + published, due);
          if (model.flowing) {
            for (auto& [n, c] : model.channels) c.messages[published] = {0, due, false};
          } else {
            model.held[published] = due;
          }
          ++published;
          break;
        }
        case 6:
        case 7:
          published += random() % 10;
          break;
        case 8:
        case 9:
          if (channel && channel->cursor < published) {
            const uint64_t to = channel->cursor + 1 + random() % (published - channel->cursor);
            for (; channel->cursor < to; ++channel->cursor) {
              channel->messages.try_emplace(channel->cursor, NaiveTopic::Message{1, {}, false});
            }
            journal_->Delivered(number, kFirst + to);
          }
          break;
        case 10:
          if (channel && random() % 10 == 0) {
            std::erase_if(channel->messages, [&](const auto& m) { return m.first < published; });
            channel->cursor = std::max(channel->cursor, published);
            journal_->Emptied(number, kFirst + published);
          }
          break;
        case 11:
          if (random() % 10 == 0) {
            const uint64_t size = 1 + random() % 5;
            journal_->Gap({kFirst + published, kFirst + published + size});
            for (uint64_t i = 0; i < size; ++i) model.gaps.insert(published++);
          }
          break;
        default:
          if (channel) {
            std::vector<Sequence> finished;
            for (auto& [n, message] : channel->messages) {
              if (message.finished || model.InGap(n) || random() % 3 != 0) continue;
              switch (random() % 4) {
                case 0:
                  message.attempts = static_cast<uint16_t>(message.attempts + 1);
                  message.due = WallTime();
                  journal_->Redelivered(number, kFirst + n, message.attempts);
                  break;
                case 1:
                  message.due = Due(static_cast<int64_t>(random() % 1000));
                  journal_->Requeued(number, kFirst + n, message.attempts, message.due);
                  break;
                default:
                  message.finished = true;
                  finished.push_back(kFirst + n);
              }
            }
            std::shuffle(finished.begin(), finished.end(), random);
            journal_->Finished(number, finished);
          }
      }
      if (random() % 10 == 0) {
        ASSERT_TRUE(journal_->Write().ok());
      }
      if (random() % 40 == 0) {
        WriteAndReopen();
        TopicState expected = model.State();
        if (!model.flowing) expected.fanout = kFirst + model.fanout;
        state_.fanout = expected.fanout;  // means nothing while flowing
        ASSERT_EQ(state_, expected);
      }
    }
  }
}

// --- compaction in three steps

// Whatever happens between, and wherever the process dies: the same story.
TEST_F(JournalTest, ACompactionElsewhereHasWhatWasWrittenMeanwhile) {
  bool died = true;
  for (uint64_t call = 0; died; ++call) {
    SCOPED_TRACE(testing::Message() << "call " << call);
    MakeDisk();
    OpenWithChannel();
    journal_->Delivered(kChannel, kFirst + 10);
    Finish({kFirst, kFirst + 1});
    ASSERT_TRUE(journal_->Write().ok());
    Reopen();
    const TopicState before = state_;
    files_.DieAfter(files_.changes() + call, call % 2 == 1);
    TopicState shuffled = before;
    std::reverse(shuffled.channels[0].unfinished.begin(), shuffled.channels[0].unfinished.end());
    ASSERT_TRUE(journal_->CanCompactLater());
    std::unique_ptr<JournalRewrite> rewrite = journal_->BeginCompaction(shuffled);
    EXPECT_FALSE(journal_->CanCompactLater());
    EXPECT_FALSE(journal_->WantsCompaction());
    Finish(kFirst + 5);
    journal_->Delivered(kChannel, kFirst + 12);
    const bool first = journal_->Write().ok();
    rewrite->Make();
    journal_->Requeued(kChannel, kFirst + 7, 3, Due(0));
    const bool second = journal_->Write().ok();
    const bool ended = journal_->EndCompaction(std::move(rewrite)).ok();
    journal_->Redelivered(kChannel, kFirst + 8, 2);
    const bool third = journal_->Write().ok();
    died = files_.dead();
    Reopen();
    const auto find = [&](Sequence s) {
      const auto& list = Channel().unfinished;
      return std::find_if(list.begin(), list.end(),
                          [&](const Unfinished& u) { return u.sequence == s; });
    };
    EXPECT_EQ(find(kFirst + 1), Channel().unfinished.end()) << "finished long ago";
    if (first) {
      EXPECT_EQ(Channel().cursor, kFirst + 12);
      EXPECT_EQ(find(kFirst + 5), Channel().unfinished.end());
    }
    if (second) {
      ASSERT_NE(find(kFirst + 7), Channel().unfinished.end());
      EXPECT_EQ(find(kFirst + 7)->attempts, 3);
    }
    if (third) {
      ASSERT_NE(find(kFirst + 8), Channel().unfinished.end());
      EXPECT_EQ(find(kFirst + 8)->attempts, 2);
    }
    if (!died) {
      EXPECT_TRUE(ended);
      EXPECT_FALSE(HasRewrite());
    }
  }
}

TEST_F(JournalTest, ACompactionInBetweenMakesTheOtherOneVoid) {
  OpenWithChannel();
  journal_->Delivered(kChannel, kFirst + 3);
  ASSERT_TRUE(journal_->Write().ok());
  Reopen();
  std::unique_ptr<JournalRewrite> rewrite = journal_->BeginCompaction(state_);
  rewrite->Make();
  TopicState newer = state_;
  newer.channels[0].unfinished.clear();
  ASSERT_TRUE(journal_->Compact(newer).ok());
  ASSERT_TRUE(journal_->EndCompaction(std::move(rewrite)).ok());
  EXPECT_FALSE(HasRewrite());
  Reopen();
  EXPECT_TRUE(Channel().unfinished.empty());
}

}  // namespace
}  // namespace nsq::nsqd
