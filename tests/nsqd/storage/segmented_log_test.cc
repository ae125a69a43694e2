#include "nsqd/storage/segmented_log.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/nsqd/storage/log_fixture.h"

namespace nsq::nsqd {
namespace {

using SegmentedLogTest = LogTest;

TEST_F(SegmentedLogTest, WhatIsAppendedIsRead) {
  Open();
  EXPECT_EQ(log_->appended(), kFirst);
  ASSERT_TRUE(Publish(100).ok());
  EXPECT_EQ(log_->appended(), kFirst + 100);
  EXPECT_EQ(log_->written(), log_->appended());
  ExpectAll(kFirst, kFirst + 100);
  EXPECT_EQ(files_.reads(), 0u) << "what is new is in memory";
}

TEST_F(SegmentedLogTest, TimestampAndDeliverAtComeBack) {
  Open();
  const WallTime stamp = WallFromUnixNanos(123456789);
  const WallTime due = WallFromUnixNanos(987654321);
  log_->Append(stamp, due, "later");
  ASSERT_TRUE(log_->Write().ok());
  Reopen();
  LogReader reader;
  Record record;
  ASSERT_EQ(Read(kFirst, &reader), "later");
  ASSERT_EQ(log_->Read(kFirst, &reader, &record), SegmentedLog::Outcome::kReady);
  EXPECT_EQ(record.timestamp, stamp);
  EXPECT_EQ(record.deliver_at, due);
}

TEST_F(SegmentedLogTest, NoFileBeforeTheFirstWrite) {
  Open();
  EXPECT_EQ(files_.changes(), 0u);
  Append();
  EXPECT_EQ(files_.changes(), 0u);
  ASSERT_TRUE(log_->Write().ok());
  EXPECT_TRUE(files_.Has("t/00000000000000001000.log"));
}

TEST_F(SegmentedLogTest, ATurnIsOneWrite) {
  Open();
  ASSERT_TRUE(Publish(1).ok());
  ASSERT_TRUE(Publish(2000, 200).ok());  // so that the chunks have grown
  const uint64_t before = files_.appends();
  for (int turn = 0; turn < 20; ++turn) ASSERT_TRUE(Publish(20, 200).ok());
  EXPECT_LE(files_.appends() - before, 21u) << "one more where a chunk was full";
}

TEST_F(SegmentedLogTest, ReopenedAfterKillItHasEverything) {
  Open();
  for (int turn = 0; turn < 10; ++turn) ASSERT_TRUE(Publish(100).ok());
  Reopen();
  EXPECT_EQ(log_->appended(), kFirst + 1000);
  EXPECT_EQ(log_->begin(), kFirst);
  ExpectAll(kFirst, kFirst + 1000);
  ASSERT_TRUE(Publish(10).ok());
  ExpectAll(kFirst, kFirst + 1010);
  EXPECT_EQ(log_->segments(), 1u);
}

TEST_F(SegmentedLogTest, SegmentsAreSealedAndRemovedWhenReleased) {
  options_.segment_bytes = 10000;
  Open();
  for (int turn = 0; turn < 100; ++turn) ASSERT_TRUE(Publish(10, 100).ok());
  EXPECT_GE(log_->segments(), 10u);
  log_->Release(kFirst + 500);
  DrainPool();
  EXPECT_LE(log_->segments(), 8u);
  EXPECT_FALSE(files_.Has("t/00000000000000001000.log"));
  EXPECT_EQ(log_->begin(), kFirst + 500);
  EXPECT_EQ(Read(kFirst + 499), "gone");
  ExpectAll(kFirst + 500, kFirst + 1000, 100);
  log_->Release(kFirst + 1000);
  DrainPool();
  EXPECT_LE(log_->segments(), 1u);
  Reopen();
  EXPECT_EQ(log_->appended(), kFirst + 1000);
}

TEST_F(SegmentedLogTest, ARecordLargerThanAnyChunkIsRead) {
  Open();
  ASSERT_TRUE(Publish(3, 600 * 1024).ok());
  ASSERT_TRUE(Publish(3, 10).ok());
  ExpectAll(kFirst, kFirst + 3, 600 * 1024);
  Reopen();
  ExpectAll(kFirst, kFirst + 3, 600 * 1024);
  ExpectAll(kFirst + 3, kFirst + 6, 10);
}

// --max-msg-size may have been larger when it was written.
TEST_F(SegmentedLogTest, ARecordOfAnySizeIsRead) {
  constexpr size_t kLarge = (size_t{66} << 20) + 1;
  options_.segment_bytes = 140 << 20;
  Open();
  ASSERT_TRUE(Publish(1).ok());
  ASSERT_TRUE(Publish(2, kLarge).ok());
  ASSERT_TRUE(Publish(1).ok());
  for (const bool sealed : {false, true}) {
    if (sealed) {
      ASSERT_TRUE(Publish(1, kLarge).ok());
      ASSERT_TRUE(Publish(1).ok());
      ASSERT_EQ(log_->segments(), 2u);
    }
    Reopen();
    EXPECT_EQ(Read(kFirst), Body(kFirst));
    EXPECT_TRUE(Read(kFirst + 1) == Body(kFirst + 1, kLarge));
    EXPECT_TRUE(Read(kFirst + 2) == Body(kFirst + 2, kLarge));
    EXPECT_EQ(Read(kFirst + 3), Body(kFirst + 3));
    EXPECT_EQ(log_->damage().bytes, 0u);
  }
}

TEST_F(SegmentedLogTest, AJumpIsAGap) {
  Open();
  ASSERT_TRUE(Publish(10).ok());
  log_->JumpTo(kFirst + 100);
  EXPECT_EQ(log_->written(), kFirst + 100);
  ASSERT_TRUE(Publish(10).ok());
  EXPECT_EQ(log_->CountBetween(kFirst, log_->appended()), 20u);
  EXPECT_EQ(log_->CountBetween(kFirst + 5, kFirst + 105), 10u);
  EXPECT_EQ(Read(kFirst + 50), "gone");
  ExpectAll(kFirst + 100, kFirst + 110);
  Reopen();
  ExpectAll(kFirst, kFirst + 10);
  EXPECT_EQ(Read(kFirst + 50), "gone");
  ExpectAll(kFirst + 100, kFirst + 110);
}

// As after the loss of the journal that had noted it.
TEST_F(SegmentedLogTest, AGapNobodyKnowsOfIsFoundWhole) {
  constexpr uint64_t kFar = uint64_t{1} << 40;
  Open();
  ASSERT_TRUE(Publish(10).ok());
  log_->JumpTo(kFirst + kFar);
  ASSERT_TRUE(Publish(10).ok());
  log_->JumpTo(kFirst + 2 * kFar);
  ASSERT_TRUE(Publish(10).ok());
  Reopen();
  EXPECT_EQ(Read(kFirst + 10), "gone");
  EXPECT_EQ(Read(kFirst + kFar + 10), "gone");
  EXPECT_EQ(log_->gaps(), (std::vector<SequenceRange>{{kFirst + 10, kFirst + kFar},
                                                      {kFirst + kFar + 10, kFirst + 2 * kFar}}));
  EXPECT_EQ(log_->CountBetween(kFirst, log_->appended()), 30u);
}

TEST_F(SegmentedLogTest, GapsMergeAndAreForgottenWhenReleased) {
  Open();
  ASSERT_TRUE(Publish(100).ok());
  log_->AddGap({kFirst + 10, kFirst + 20});
  log_->AddGap({kFirst + 30, kFirst + 40});
  log_->AddGap({kFirst + 20, kFirst + 30});
  EXPECT_EQ(log_->gaps(), (std::vector<SequenceRange>{{kFirst + 10, kFirst + 40}}));
  EXPECT_EQ(Read(kFirst + 10), "gone");
  EXPECT_EQ(Read(kFirst + 39), "gone");
  EXPECT_EQ(Read(kFirst + 40), Body(kFirst + 40));
  EXPECT_EQ(Read(kFirst + 9), Body(kFirst + 9));
  EXPECT_EQ(log_->CountBetween(kFirst, kFirst + 100), 70u);
  log_->Release(kFirst + 40);
  EXPECT_TRUE(log_->gaps().empty());
}

// --- memory

TEST_F(SegmentedLogTest, MemoryIsBoundedByMessages) {
  options_.memory_messages = 1000;
  Open();
  for (int turn = 0; turn < 200; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  const uint64_t on_disk = log_->CountOnDisk(kFirst);
  EXPECT_LE(on_disk, 19000u);
  EXPECT_GE(on_disk, 20000u - 1000 - 256 * 1024 / 220);
  EXPECT_LE(log_->memory_bytes(), 1000 * 228 + 3 * 256 * 1024);
  ExpectAll(kFirst, kFirst + 20000, 200);
}

TEST_F(SegmentedLogTest, MemoryIsBoundedByTheBudget) {
  budget_.limit_bytes = 1 << 20;
  options_.memory_messages = 1000000;
  Open();
  for (int turn = 0; turn < 500; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  const size_t slack = 2 * 256 * 1024;
  EXPECT_LE(budget_.used_bytes, budget_.limit_bytes + slack);
  LogReader readers[4];
  for (Sequence s = kFirst; s < log_->appended(); ++s) {
    for (uint64_t i = 0; i < 4; ++i) {
      const uint64_t at = (s - kFirst + i * 12345) % 50000;
      ASSERT_EQ(Read(kFirst + at, &readers[i]), Body(kFirst + at, 200));
    }
    ASSERT_LE(budget_.used_bytes, budget_.limit_bytes + slack);
  }
  log_.reset();
  EXPECT_EQ(budget_.used_bytes, 0u);
}

TEST_F(SegmentedLogTest, ReleasedMemoryIsFree) {
  Open();
  for (int turn = 0; turn < 50; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  const size_t memory_bytes = log_->memory_bytes();
  log_->Release(log_->appended());
  ASSERT_TRUE(Publish(100, 200).ok());
  ExpectAll(kFirst + 5000, kFirst + 5100, 200);
  for (int turn = 0; turn < 49; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  EXPECT_LE(log_->memory_bytes(), memory_bytes + 256 * 1024u) << "what was free was used again";
}

TEST_F(SegmentedLogTest, LargeMessagesAreNotKeptInMemoryByTheirNumber) {
  Open();
  for (int turn = 0; turn < 50; ++turn) ASSERT_TRUE(Publish(16, 65536).ok());
  EXPECT_LE(log_->memory_bytes(), size_t{27} << 20) << "of 52 MB that fit into the budget";
  ExpectAll(kFirst, kFirst + 800, 65536);
}

TEST_F(SegmentedLogTest, IdleItHoldsNoMemoryAndNoDescriptor) {
  options_.sync_timeout = milliseconds(1);
  Open();
  ASSERT_TRUE(Publish(5000, 200).ok());
  log_->Release(log_->appended());
  LogReader reader;  // of a channel that waits for the next message
  ASSERT_TRUE(Publish(1).ok());
  ASSERT_EQ(Read(kFirst + 5000, &reader), Body(kFirst + 5000));
  log_->Release(log_->appended());
  EXPECT_GT(log_->memory_bytes(), 0u);
  EXPECT_TRUE(TurnUntil([&] { return log_->memory_bytes() == 0; }));
  ASSERT_TRUE(Publish(10).ok());
  ASSERT_EQ(Read(kFirst + 5001, &reader), Body(kFirst + 5001));
  ExpectAll(kFirst + 5001, kFirst + 5011);
}

TEST_F(SegmentedLogTest, WhatReadersAreInIsCountedUntilTheyMoveOn) {
  budget_.limit_bytes = 1;
  Open();
  for (int turn = 0; turn < 100; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  LogReader readers[8];
  for (uint64_t i = 0; i < 8; ++i) {
    ASSERT_EQ(Read(kFirst + i * 1200, &readers[i]), Body(kFirst + i * 1200, 200));
  }
  EXPECT_GE(budget_.used_bytes, 8 * 200 * 1024u);
  for (LogReader& reader : readers) reader.Reset();
  ASSERT_EQ(Read(kFirst), Body(kFirst, 200));  // which makes room
  EXPECT_LE(budget_.used_bytes, 3 * 300 * 1024u);
}

TEST_F(SegmentedLogTest, IdleItGivesAllMemoryBackWhileItIsShort) {
  options_.sync_timeout = milliseconds(1);
  for (const Durability durability : {Durability::kMemory, Durability::kOs, Durability::kFsync}) {
    SCOPED_TRACE(static_cast<int>(durability));
    options_.durability = durability;
    files_.Clear();
    files_.AddDir("t");
    budget_.limit_bytes = 64 << 20;
    Open();
    for (int turn = 0; turn < 30; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
    LogReader at_the_tail;
    LogReader behind;
    ASSERT_EQ(Read(kFirst + 2990, &at_the_tail), Body(kFirst + 2990, 200));
    ASSERT_EQ(Read(kFirst + 10, &behind), Body(kFirst + 10, 200));
    for (int i = 0; i < 50; ++i) loop_.RunOnce(false);
    EXPECT_GT(budget_.used_bytes, 0u) << "nobody needs it elsewhere";

    budget_.limit_bytes = 0;
    EXPECT_TRUE(TurnUntil([&] { return budget_.used_bytes == 0; }));
    budget_.limit_bytes = 64 << 20;
    EXPECT_EQ(log_->CountOnDisk(kFirst), 3000u);
    EXPECT_EQ(Read(kFirst + 2991, &at_the_tail), Body(kFirst + 2991, 200));
    EXPECT_EQ(Read(kFirst + 11, &behind), Body(kFirst + 11, 200));
    ASSERT_TRUE(Publish(100, 200).ok());
    ExpectAll(kFirst, kFirst + 3100, 200);
  }
}

TEST_F(SegmentedLogTest, MemoryOnlyTouchesNoFile) {
  options_.dir.clear();
  options_.memory_messages = 10;
  Open();
  for (int turn = 0; turn < 10; ++turn) ASSERT_TRUE(Publish(100, 2000).ok());
  log_->StartSync();
  ExpectAll(kFirst, kFirst + 1000, 2000);
  log_->Release(kFirst + 1000);
  ASSERT_TRUE(log_->Close().ok());
  EXPECT_EQ(files_.changes(), 0u);
  EXPECT_EQ(log_->CountOnDisk(kFirst), 0u);
}

// --- cold reads

TEST_F(SegmentedLogTest, AColdBacklogIsReadAhead) {
  Open();
  for (int turn = 0; turn < 100; ++turn) ASSERT_TRUE(Publish(200, 200).ok());
  Reopen();
  LogReader reader;
  size_t waits = 0;
  for (Sequence s = kFirst; s < log_->appended(); ++s) {
    ASSERT_EQ(Read(s, &reader, &waits), Body(s, 200));
    loop_.RunOnce(false);
  }
  const size_t blocks = 20000 * 228 / (256 * 1024) + 1;
  EXPECT_LE(waits, blocks);
  EXPECT_LE(files_.reads(), 4 * blocks + 10) << "each block is read about once";
}

TEST_F(SegmentedLogTest, TheMiddleOfASealedSegmentIsFound) {
  options_.segment_bytes = 2 << 20;
  Open();
  for (int turn = 0; turn < 200; ++turn) ASSERT_TRUE(Publish(200, 200).ok());
  ASSERT_GE(log_->segments(), 4u);
  Reopen();
  for (const uint64_t at : {39999u, 0u, 7000u, 6999u, 20000u, 12345u}) {
    EXPECT_EQ(Read(kFirst + at), Body(kFirst + at, 200));
  }
}

TEST_F(SegmentedLogTest, ManyReadersEachGetTheirs) {
  options_.memory_messages = 0;
  Open();
  for (int turn = 0; turn < 200; ++turn) ASSERT_TRUE(Publish(200, 200).ok());
  std::vector<LogReader> readers(20);
  std::vector<Sequence> at(20);
  for (size_t i = 0; i < at.size(); ++i) at[i] = kFirst + i * 2000;
  Record record;
  uint64_t read = 0;
  // All of them are hungry at once; each must get through.
  EXPECT_TRUE(TurnUntil([&] {
    bool done = true;
    for (size_t i = 0; i < at.size(); ++i) {
      while (at[i] < kFirst + (i + 1) * 2000) {
        if (log_->Read(at[i], &readers[i], &record) != SegmentedLog::Outcome::kReady) break;
        EXPECT_EQ(record.body, Body(at[i], 200));
        ++at[i];
        ++read;
      }
      done = done && at[i] == kFirst + (i + 1) * 2000;
    }
    return done;
  })) << read;
}

TEST_F(SegmentedLogTest, AFileThatCannotBeOpenedIsTriedAgain) {
  options_.sync_timeout = milliseconds(1);
  Open();
  ASSERT_TRUE(Publish(10).ok());
  Reopen();
  files_.set_fail_open(true);
  LogReader reader;
  Record record;
  EXPECT_EQ(log_->Read(kFirst, &reader, &record), SegmentedLog::Outcome::kPending);
  const uint64_t heard = readable_;
  ASSERT_TRUE(TurnUntil([&] { return readable_ > heard; }));
  files_.set_fail_open(false);
  EXPECT_EQ(Read(kFirst, &reader), Body(kFirst));
}

// --- durability

TEST_F(SegmentedLogTest, FsyncMakesItSurviveAPowerCut) {
  options_.durability = Durability::kFsync;
  (void)files_.SyncDir("t");
  Open();
  ASSERT_TRUE(Publish(100).ok());
  EXPECT_EQ(log_->synced(), kFirst);
  log_->StartSync();
  ASSERT_TRUE(TurnUntil([&] { return syncs_ == 1; }));
  EXPECT_TRUE(sync_status_.ok());
  EXPECT_EQ(synced_upto_, kFirst + 100);
  EXPECT_EQ(log_->synced(), kFirst + 100);
  ASSERT_TRUE(Publish(100).ok());
  log_.reset();
  files_.CutPower();
  Open();
  EXPECT_EQ(log_->appended(), kFirst + 100);
  ExpectAll(kFirst, kFirst + 100);
}

TEST_F(SegmentedLogTest, SyncsAreGrouped) {
  options_.durability = Durability::kFsync;
  Open();
  ASSERT_TRUE(Publish(1).ok());
  log_->StartSync();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Publish(1).ok());
    log_->StartSync();
  }
  ASSERT_TRUE(TurnUntil([&] { return log_->synced() == log_->written(); }));
  EXPECT_EQ(syncs_, 2u);
  log_->StartSync();
  DrainPool();
  EXPECT_EQ(syncs_, 2u) << "nothing to do";
}

TEST_F(SegmentedLogTest, AFailedSyncIsToldAndNeverTriedAgainOnThatFile) {
  options_.durability = Durability::kFsync;
  Open();
  ASSERT_TRUE(Publish(10).ok());
  files_.set_fail_sync(true);
  log_->StartSync();
  ASSERT_TRUE(Publish(10).ok());  // meanwhile, into the same file
  log_->StartSync();
  ASSERT_TRUE(TurnUntil([&] { return syncs_ == 1; }));
  EXPECT_FALSE(sync_status_.ok());
  EXPECT_EQ(synced_upto_, kFirst + 20) << "nothing in that file is known to be on the disk";
  files_.set_fail_sync(false);
  ASSERT_TRUE(Publish(10).ok());
  log_->StartSync();
  ASSERT_TRUE(TurnUntil([&] { return syncs_ == 2; }));
  EXPECT_TRUE(sync_status_.ok());
  EXPECT_EQ(log_->segments(), 2u);
  ExpectAll(kFirst, kFirst + 30);
}

TEST_F(SegmentedLogTest, OsSyncsWhatNobodyHasConsumed) {
  options_.sync_every = 100;
  Open();
  ASSERT_TRUE(Publish(99).ok());
  DrainPool();
  EXPECT_EQ(syncs_, 0u);
  ASSERT_TRUE(Publish(1).ok());
  ASSERT_TRUE(TurnUntil([&] { return syncs_ == 1; }));
  EXPECT_EQ(log_->synced(), kFirst + 100);
  for (int turn = 0; turn < 50; ++turn) {
    ASSERT_TRUE(Publish(50).ok());
    log_->Release(log_->appended());
  }
  DrainPool();
  EXPECT_EQ(syncs_, 1u) << "consumed data is not worth a sync";
}

TEST_F(SegmentedLogTest, OsSyncsAfterTheTimeout) {
  options_.sync_timeout = milliseconds(1);
  Open();
  ASSERT_TRUE(Publish(1).ok());
  ASSERT_TRUE(TurnUntil([&] { return syncs_ == 1; }));
  EXPECT_EQ(log_->synced(), kFirst + 1);
}

TEST_F(SegmentedLogTest, MemoryDurabilityWritesOnlyWhatDoesNotFit) {
  options_.durability = Durability::kMemory;
  options_.memory_messages = 1000;
  Open();
  for (int turn = 0; turn < 10; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  EXPECT_EQ(files_.appends(), 0u);
  for (int turn = 0; turn < 100; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  EXPECT_GT(files_.appends(), 0u);
  EXPECT_LE(log_->appended() - log_->written(), 1000u);
  ExpectAll(kFirst, log_->appended(), 200);
}

TEST_F(SegmentedLogTest, MemoryDurabilityForgetsWhatIsConsumed) {
  options_.durability = Durability::kMemory;
  options_.memory_messages = 1000;
  Open();
  for (int turn = 0; turn < 100; ++turn) {
    ASSERT_TRUE(Publish(100, 200).ok());
    log_->Release(log_->appended());
  }
  ASSERT_TRUE(log_->Close().ok());
  EXPECT_EQ(files_.appends(), 0u);
}

TEST_F(SegmentedLogTest, MemoryDurabilityIsWrittenAtACleanStop) {
  options_.durability = Durability::kMemory;
  Open();
  for (int turn = 0; turn < 20; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  log_->Release(kFirst + 500);
  ASSERT_TRUE(log_->Close().ok());
  Reopen();
  EXPECT_EQ(log_->appended(), kFirst + 2000);
  ExpectAll(kFirst + 500, kFirst + 2000, 200);
}

}  // namespace
}  // namespace nsq::nsqd
