#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "nsqd/storage/bytes.h"
#include "nsqd/storage/segment.h"
#include "tests/nsqd/storage/log_fixture.h"
#include "tests/nsqd/storage/test_seed.h"

// A log on a disk that is full, fails, dies or lies, against a map of what it accepted.

namespace nsq::nsqd {
namespace {

class LogFaultTest : public LogTest {
 protected:
  // A fresh log on an empty disk.
  void Begin() {
    log_.reset();
    files_.Clear();
    files_.AddDir("t");
    model_.clear();
    texts_ = 0;
    Open();
  }

  // A turn's publishes; what was accepted goes to the model.
  Status PublishTexts(size_t messages) {
    std::map<Sequence, std::string> batch;
    for (size_t i = 0; i < messages; ++i) {
      ++texts_;
      const std::string text = "text " + std::to_string(texts_) + std::string(texts_ % 23, '+');
      batch[log_->Append(WallFromUnixNanos(7), WallTime(), text)] = text;
    }
    const Sequence before = log_->written();
    Status status = log_->Write();
    if (status.ok()) model_.merge(batch);
    if (!status.ok()) {
      EXPECT_EQ(log_->appended(), before);
    }
    return status;
  }

  void ReleaseTo(Sequence s) {
    log_->Release(s);
    model_.erase(model_.begin(), model_.lower_bound(s));
  }

  // Everything accepted is there and nothing else from the model's begin on.
  void ExpectModel() {
    LogReader reader;
    for (const auto& [s, text] : model_) ASSERT_EQ(Read(s, &reader), text) << s.value;
    if (!model_.empty()) {
      ASSERT_EQ(log_->appended(), model_.rbegin()->first + 1);
      ASSERT_EQ(log_->CountBetween(model_.begin()->first, log_->appended()), model_.size());
    }
  }

  uint64_t LogBytesOnDisk() const {
    uint64_t bytes = 0;
    for (const std::string& path : files_.Paths()) {
      if (path.ends_with(".log")) bytes += files_.Contents(path).size();
    }
    return bytes;
  }

  static Sequence Before(Sequence s, uint64_t n) { return {s.value - n}; }
  static std::string PathOf(Sequence first) { return "t/" + SegmentName(first); }

  std::map<Sequence, std::string> model_;
  uint64_t texts_ = 0;
};

// Wherever the disk fills up, a batch is in the files whole or not at all.
TEST_F(LogFaultTest, DiskFullAtEveryByte) {
  options_.segment_bytes = 300;  // so that new segments are refused as well
  uint64_t refused = 0;
  for (uint64_t capacity = 0; capacity < 1400; ++capacity) {
    SCOPED_TRACE(testing::Message() << "capacity " << capacity);
    Begin();
    files_.set_capacity(capacity);
    bool full = false;
    for (int turn = 0; turn < 5; ++turn) {
      const Status status = PublishTexts(3);
      full = full || !status.ok();
      if (!status.ok()) {
        EXPECT_EQ(status.code(), Code::kExhausted);
      }
      ASSERT_EQ(LogBytesOnDisk(), log_->disk_bytes()) << "nothing of a refused batch";
    }
    refused += full ? 1 : 0;
    ExpectModel();
    files_.set_capacity(MemoryFiles::kUnlimited);  // somebody made room
    ASSERT_TRUE(PublishTexts(3).ok()) << "publishing resumes by itself";
    Reopen();
    ExpectModel();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(refused, 500u);
  EXPECT_LT(refused, 1400u) << "in the end it fits";
}

// A batch that takes several writes, the last of which is refused.
TEST_F(LogFaultTest, ABatchOverSeveralChunksIsRefusedWhole) {
  Open();
  ASSERT_TRUE(Publish(10).ok());
  const uint64_t before = LogBytesOnDisk();
  files_.set_capacity(before + 300000);
  EXPECT_EQ(Publish(1000, 1000).code(), Code::kExhausted);
  EXPECT_EQ(LogBytesOnDisk(), before);
  files_.set_capacity(MemoryFiles::kUnlimited);
  ASSERT_TRUE(Publish(1000, 1000).ok());
  Reopen();
  ExpectAll(kFirst, kFirst + 10);
  ExpectAll(kFirst + 10, kFirst + 1010, 1000);
}

// What consumers finish makes room, even in the segment that is being written.
TEST_F(LogFaultTest, AFullDiskIsFreedByConsumers) {
  Begin();
  files_.set_capacity(10000);
  while (PublishTexts(10).ok()) continue;
  const uint64_t full = files_.total_bytes();
  ReleaseTo(log_->appended());
  DrainPool();
  EXPECT_LT(files_.total_bytes(), full / 10);
  ASSERT_TRUE(PublishTexts(10).ok());
  ExpectModel();
  while (PublishTexts(10).ok()) continue;
  Reopen();
  ExpectModel();
}

// The same after a restart: the segment cannot be added to any more, so it is not kept either.
TEST_F(LogFaultTest, AFullDiskIsFreedByConsumersAfterARestart) {
  Begin();
  files_.set_capacity(10000);
  while (PublishTexts(10).ok()) continue;
  Reopen();
  files_.set_capacity(10000);
  log_->JumpTo(log_->appended() + 1000);
  ReleaseTo(log_->appended());
  DrainPool();
  ASSERT_TRUE(PublishTexts(10).ok());
}

TEST_F(LogFaultTest, WhatCannotBeUndoneIsNotSeenAgain) {
  Begin();
  ASSERT_TRUE(PublishTexts(5).ok());
  files_.set_capacity(LogBytesOnDisk() + 100);
  files_.set_fail_truncate(true);
  EXPECT_FALSE(PublishTexts(5).ok());
  files_.set_fail_truncate(false);
  files_.set_capacity(MemoryFiles::kUnlimited);
  ASSERT_TRUE(PublishTexts(5).ok());
  EXPECT_EQ(log_->segments(), 2u);
  ExpectModel();
  Reopen();
  ExpectModel();
}

TEST_F(LogFaultTest, MemoryDurabilityKeepsWhatItTookWhenTheDiskIsFull) {
  options_.durability = Durability::kMemory;
  options_.memory_messages = 50;
  Begin();
  files_.set_capacity(2000);
  int refused = 0;
  for (int turn = 0; turn < 100; ++turn) {
    std::map<Sequence, std::string> batch;
    for (int i = 0; i < 5; ++i) {
      const std::string text = "text " + std::to_string(++texts_);
      batch[log_->Append(WallFromUnixNanos(7), WallTime(), text)] = text;
    }
    if (log_->Write().ok()) {
      model_.merge(batch);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 10);
  ExpectModel();
  files_.set_capacity(MemoryFiles::kUnlimited);
  ASSERT_TRUE(log_->Close().ok());
  Reopen();
  ExpectModel();
}

// The process dies after every single change to the disk, also in the middle of a write.
TEST_F(LogFaultTest, DiedAfterEveryWrite) {
  options_.segment_bytes = 300;
  for (const bool torn : {false, true}) {
    for (uint64_t n = 0;; ++n) {
      SCOPED_TRACE(testing::Message() << "dies after " << n << (torn ? ", torn" : ""));
      Begin();
      files_.DieAfter(n + 1, torn);  // the directory is one
      std::map<Sequence, std::string> unanswered;
      for (int turn = 0; turn < 12 && !files_.dead(); ++turn) {
        const Sequence before = log_->appended();
        const uint64_t texts_before = texts_;
        if (!PublishTexts(3).ok()) {
          // Nobody was told OK, nor that it failed: the process is dead.
          unanswered[before] = "text " + std::to_string(texts_before + 1);
          break;
        }
        if (turn % 3 == 2) ReleaseTo(Before(log_->appended(), 4));
        DrainPool();
      }
      const bool died = files_.dead();
      Reopen();
      if (HasFatalFailure()) return;
      LogReader reader;
      for (const auto& [s, text] : model_) ASSERT_EQ(Read(s, &reader), text) << s.value;
      for (const auto& [s, start] : unanswered) {
        if (s < log_->appended()) {
          ASSERT_TRUE(Read(s, &reader).starts_with(start));
        }
      }
      if (!model_.empty()) {
        ASSERT_GE(log_->appended(), model_.rbegin()->first + 1);
        ASSERT_LE(log_->appended(), model_.rbegin()->first + 1 + 3);
      }
      EXPECT_EQ(log_->damage().records, 0u);
      ASSERT_TRUE(PublishTexts(3).ok());
      ASSERT_EQ(Read(Before(log_->appended(), 1)), model_.rbegin()->second);
      if (!died) break;
    }
  }
}

TEST_F(LogFaultTest, NewestSegmentCutAtEveryByte) {
  options_.segment_bytes = 400;
  Begin();
  while (log_->segments() < 2) ASSERT_TRUE(PublishTexts(3).ok());
  ASSERT_TRUE(PublishTexts(6).ok());
  ASSERT_EQ(log_->segments(), 2u);
  const std::string path = files_.Paths().back();
  const Sequence newest = *ParseSegmentName(path.substr(2));
  const std::vector<std::byte> whole = files_.Contents(path);
  const std::string other = files_.Paths().front();
  const std::vector<std::byte> sealed = files_.Contents(other);
  for (size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(testing::Message() << "cut to " << size);
    log_.reset();
    files_.Clear();
    files_.AddDir("t");
    files_.SetContents(other, sealed);
    files_.SetContents(path, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    Open();
    if (HasFatalFailure()) return;
    size_t left = kSegmentHeaderBytes;
    for (const auto& [s, text] : model_) {
      if (s >= newest) left += kRecordHeaderBytes + text.size();
      if (s >= newest && left > size) {
        ASSERT_EQ(log_->appended(), s) << "all that is whole and no more";
        break;
      }
      ASSERT_EQ(Read(s), text);
    }
    EXPECT_EQ(log_->damage().records, 0u) << "a torn end is no damage";
    const Sequence again = log_->Append(WallFromUnixNanos(1), WallTime(), "again");
    ASSERT_TRUE(log_->Write().ok());
    Reopen();
    ASSERT_EQ(Read(again), "again");
  }
}

// One flipped bit costs at most the record it is in, in the newest segment and in a sealed one.
TEST_F(LogFaultTest, BitFlippedAtEveryByte) {
  options_.segment_bytes = 500;
  Begin();
  while (log_->segments() < 2) ASSERT_TRUE(PublishTexts(3).ok());
  ASSERT_TRUE(PublishTexts(6).ok());
  log_.reset();
  std::map<std::string, std::vector<std::byte>> whole;
  for (const std::string& path : files_.Paths()) whole[path] = files_.Contents(path);
  ASSERT_EQ(whole.size(), 2u);
  for (const auto& [path, good] : whole) {
    const Sequence first = *ParseSegmentName(path.substr(2));
    for (size_t at = 0; at < good.size(); ++at) {
      SCOPED_TRACE(testing::Message() << path << " byte " << at);
      files_.Clear();
      files_.AddDir("t");
      for (const auto& [other, bytes] : whole) files_.SetContents(other, bytes);
      std::vector<std::byte> bad = good;
      bad[at] ^= static_cast<std::byte>(1 << (at % 8));
      files_.SetContents(path, bad);
      Open();
      if (HasFatalFailure()) return;

      // Whose record the byte is in.
      Sequence victim{0};
      size_t end = kSegmentHeaderBytes;
      for (auto m = model_.lower_bound(first); m != model_.end() && at >= end; ++m) {
        end += kRecordHeaderBytes + m->second.size();
        victim = m->first;
      }
      const bool last = victim == model_.rbegin()->first;
      for (const auto& [s, text] : model_) {
        if (s == victim && last) {
          ASSERT_EQ(log_->appended(), victim);
        } else {
          ASSERT_EQ(Read(s), s == victim ? "gone" : text);
        }
      }
      const bool in_header = at < kSegmentHeaderBytes;
      const bool aside = files_.Has("t/" + DamagedName(first));
      EXPECT_EQ(aside, !in_header);
      EXPECT_EQ(log_->damage().records, aside ? 1u : 0u);
      log_.reset();
    }
  }
}

// A page of a large segment is lost: its records are gone, all others are there.
TEST_F(LogFaultTest, ALostPageTakesOnlyItsRecords) {
  Open();
  for (int turn = 0; turn < 30; ++turn) ASSERT_TRUE(Publish(100, 200).ok());
  log_.reset();
  const std::vector<std::byte> good = files_.Contents(PathOf(kFirst));
  constexpr size_t kRecordBytes = 228;
  for (const size_t page : {size_t{4096}, size_t{262144}, size_t{258048}, good.size() - 8192}) {
    for (const bool unreadable : {false, true}) {
      SCOPED_TRACE(testing::Message() << "page at " << page << " unreadable " << unreadable);
      std::vector<std::byte> bytes = good;
      if (!unreadable)
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(page), 4096, std::byte{0});
      files_.SetContents(PathOf(kFirst), bytes);
      files_.Revive();
      if (unreadable) files_.set_bad_sector(page);
      Open();
      LogReader reader;
      const uint64_t lost_from = (page - kSegmentHeaderBytes) / kRecordBytes;
      const uint64_t lost_to = (page + 4095 - kSegmentHeaderBytes) / kRecordBytes + 1;
      uint64_t gone = 0;
      for (uint64_t i = 0; i < 3000; ++i) {
        const std::string text = Read(kFirst + i, &reader);
        if (text == "gone") {
          ++gone;
          if (unreadable) continue;  // the page depends on how the block lies
          ASSERT_TRUE(lost_from <= i && i < lost_to) << i;
        } else {
          ASSERT_EQ(text, Body(kFirst + i, 200));
        }
      }
      EXPECT_GE(gone, 17u);
      EXPECT_LE(gone, 20u);
      EXPECT_EQ(log_->damage().records, gone);
      EXPECT_EQ(log_->CountBetween(kFirst, kFirst + 3000), 3000 - gone);
      log_.reset();
    }
  }
}

TEST_F(LogFaultTest, WhatIsDamagedIsSetAsideOnce) {
  Open();
  ASSERT_TRUE(Publish(100, 200).ok());
  log_->JumpTo(kFirst + 1000);
  ASSERT_TRUE(Publish(1).ok());
  log_.reset();
  std::vector<std::byte> bytes = files_.Contents(PathOf(kFirst));
  bytes[5000] ^= std::byte{1};
  files_.SetContents(PathOf(kFirst), bytes);
  const std::string aside = "t/" + DamagedName(kFirst);
  size_t size_bytes = 0;
  for (int start = 0; start < 3; ++start) {
    Open();
    EXPECT_FALSE(files_.Has(aside) && start == 0) << "start-up does not read sealed segments";
    for (uint64_t i = 0; i < 100; ++i) Read(kFirst + i);
    EXPECT_EQ(log_->damage().records, 1u);
    EXPECT_EQ(log_->damage().bytes, 228u);
    if (start == 0) size_bytes = files_.Contents(aside).size();
    EXPECT_EQ(files_.Contents(aside).size(), size_bytes);
    log_.reset();
  }
  EXPECT_EQ(size_bytes, 24u + 228u);
}

// What a flipped bit in a size had made room for is not kept.
TEST_F(LogFaultTest, ADamagedSizeTakesNoMemory) {
  Open();
  ASSERT_TRUE(Publish(1).ok());
  ASSERT_TRUE(Publish(9, 1 << 20).ok());
  log_.reset();
  std::vector<std::byte> bytes = files_.Contents(PathOf(kFirst));
  bytes[kSegmentHeaderBytes + 2] ^= std::byte{0x80};  // 8 MiB more
  files_.SetContents(PathOf(kFirst), bytes);
  Open();
  ExpectAll(kFirst + 1, kFirst + 2, 1 << 20);
  EXPECT_LT(log_->memory_bytes(), size_t{4} << 20);
}

TEST_F(LogFaultTest, GarbageBehindTheEndIsCutAndSetAside) {
  Open();
  ASSERT_TRUE(Publish(10).ok());
  log_.reset();
  std::vector<std::byte> bytes = files_.Contents(PathOf(kFirst));
  const size_t good = bytes.size();
  for (int i = 0; i < 1000; ++i) bytes.push_back(static_cast<std::byte>(i * 7 + 1));
  files_.SetContents(PathOf(kFirst), bytes);
  Open();
  ExpectAll(kFirst, kFirst + 10);
  EXPECT_EQ(log_->appended(), kFirst + 10);
  EXPECT_EQ(files_.Contents(PathOf(kFirst)).size(), good);
  EXPECT_EQ(log_->damage().bytes, 1000u);
  EXPECT_EQ(files_.Contents("t/" + DamagedName(kFirst)).size(), 24u + 1000u);
}

// A file that grew before its data: zeros at its end after a power cut.
TEST_F(LogFaultTest, ZerosAtTheEndAreATornEnd) {
  Open();
  ASSERT_TRUE(Publish(10).ok());
  log_.reset();
  std::vector<std::byte> bytes = files_.Contents(PathOf(kFirst));
  bytes.resize(bytes.size() + 600000);
  files_.SetContents(PathOf(kFirst), bytes);
  Open();
  EXPECT_EQ(log_->appended(), kFirst + 10);
  EXPECT_EQ(log_->damage().bytes, 0u);
  EXPECT_FALSE(files_.Has("t/" + DamagedName(kFirst)));
}

TEST_F(LogFaultTest, AVanishedSegmentIsAGap) {
  options_.segment_bytes = 1000;
  options_.memory_messages = 0;
  Open();
  for (int turn = 0; turn < 10; ++turn) ASSERT_TRUE(Publish(20).ok());
  log_.reset();
  Open();
  const std::vector<std::string> paths = files_.Paths();
  ASSERT_GE(paths.size(), 4u);
  const Sequence from = *ParseSegmentName(paths[1].substr(2));
  const Sequence to = *ParseSegmentName(paths[2].substr(2));
  (void)files_.Remove(paths[1]);
  for (Sequence s = kFirst; s < log_->appended(); ++s) {
    ASSERT_EQ(Read(s), from <= s && s < to ? "gone" : Body(s));
  }
}

TEST_F(LogFaultTest, AnUnknownVersionIsLeftAlone) {
  Open();
  ASSERT_TRUE(Publish(10).ok());
  log_.reset();
  std::vector<std::byte> bytes = files_.Contents(PathOf(kFirst));
  // As a later program would write it.
  bytes[4] = std::byte{2};
  StoreLittle(bytes.data() + kSegmentHeaderBytes - 4,
              Checksum(bytes.data(), kSegmentHeaderBytes - 4, kSegmentHeaderBytes));
  files_.SetContents(PathOf(kFirst), bytes);
  const auto log = SegmentedLog::Open(loop_, *pool_, files_, &budget_, options_, kFirst, this);
  EXPECT_EQ(log.status().code(), Code::kInvalid);
  EXPECT_EQ(files_.Contents(PathOf(kFirst)), bytes);
}

// Everything at random, against the map.
TEST_F(LogFaultTest, RandomRunsAgreeWithTheModel) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 30; ++round) {
    options_.segment_bytes = 500 + random() % 5000;
    options_.memory_messages = random() % 3 == 0 ? 0 : random() % 200;
    budget_.limit_bytes = random() % 3 == 0 ? 0 : 1 << 20;
    Begin();
    std::map<uint64_t, std::pair<LogReader, Sequence>> readers;
    for (uint64_t i = 0; i < 3; ++i) readers[i].second = kFirst;
    for (int step = 0; step < 300; ++step) {
      SCOPED_TRACE(testing::Message() << "round " << round << " step " << step);
      switch (random() % 12) {
        case 0: {
          const Sequence begin = log_->begin();
          Reopen();
          log_->Release(begin);  // the topic knows from its journal
          for (auto& [i, reader] : readers) reader.first.Reset();
          break;
        }
        case 1: {
          files_.set_capacity(files_.total_bytes() + random() % 300);
          (void)PublishTexts(random() % 10);
          files_.set_capacity(MemoryFiles::kUnlimited);
          break;
        }
        case 2: {
          const Sequence begin = log_->begin();
          const uint64_t most = log_->appended() - begin;
          ReleaseTo(begin + (most == 0 ? 0 : random() % (most + 1)));
          break;
        }
        case 3:
          if (random() % 10 == 0) log_->JumpTo(log_->appended() + 1 + random() % 100);
          break;
        case 4:
        case 5:
        case 6:
          ASSERT_TRUE(PublishTexts(random() % 30).ok());
          break;
        default: {
          auto& [reader, at] = readers[random() % 3];
          if (random() % 20 == 0) at = log_->begin() + random() % 100;
          at = std::max(at, log_->begin());
          for (uint64_t i = random() % 50; i > 0 && at < log_->appended(); --i, ++at) {
            const auto expected = model_.find(at);
            ASSERT_EQ(Read(at, &reader), expected == model_.end() ? "gone" : expected->second);
          }
        }
      }
      if (HasFatalFailure()) return;
      ASSERT_EQ(log_->written(), log_->appended());
    }
    LogReader reader;
    for (const auto& [s, text] : model_) ASSERT_EQ(Read(s, &reader), text);
  }
}

}  // namespace
}  // namespace nsq::nsqd
