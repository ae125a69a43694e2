#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/nsqd/storage/log_fixture.h"
#include "tests/nsqd/storage/test_seed.h"

namespace nsq::nsqd {
namespace {

// A log whose readers have passed `passed_` and still want `kept_` of what lies below.
class LogTidyingTest : public LogTest {
 protected:
  LogTidyingTest() {
    options_.segment_bytes = 10'000;
    options_.copy_after = Duration::zero();
    options_.memory_messages = 10;
  }

  Sequence WantedFrom() const override { return passed_; }
  uint64_t CountWanted(SequenceRange range) const override {
    std::vector<Sequence> listed;
    ListWanted(range, &listed);
    return listed.size();
  }
  void ListWanted(SequenceRange range, std::vector<Sequence>* to) const override {
    to->insert(to->end(), kept_.lower_bound(range.begin), kept_.lower_bound(range.end));
  }

  void PublishMany(int turns, size_t size_bytes = 100) {
    for (int turn = 0; turn < turns; ++turn) ASSERT_TRUE(Publish(10, size_bytes).ok());
  }
  // Everything that can be given back is.
  void TidyAll() {
    for (int i = 0; i < 8; ++i) {
      log_->Release(kept_.empty() ? passed_ : std::min(*kept_.begin(), passed_));
      log_->Tidy();
      DrainPool();
    }
  }
  void ExpectKept(size_t size_bytes = 100) {
    LogReader reader;
    for (const Sequence s : kept_) ASSERT_EQ(Read(s, &reader), Body(s, size_bytes));
  }

  void OnLogSynced(const Status& status, Sequence upto) override {
    LogTest::OnLogSynced(status, upto);
    files_.set_fail_sync(false);
  }

  Sequence passed_;
  std::set<Sequence> kept_;
};

TEST_F(LogTidyingTest, OneStuckMessageKeepsItselfOnly) {
  Open();
  PublishMany(1000);
  kept_ = {kFirst + 1};
  passed_ = log_->appended();
  TidyAll();
  EXPECT_LE(log_->segments(), 2u) << "the copy and the one that is written";
  EXPECT_LE(files_.total_bytes(), 2 * options_.segment_bytes);
  ExpectKept();
  EXPECT_EQ(Read(kFirst), "gone");
  EXPECT_EQ(Read(kFirst + 2), "gone");
  EXPECT_EQ(Read(kFirst + 3000), "gone");
  EXPECT_EQ(log_->damage().records, 0u);
  PublishMany(10);
  ExpectAll(Sequence{log_->appended().value - 100}, log_->appended(), 100);
}

TEST_F(LogTidyingTest, WhatIsKeptIsThereAfterAKillAndAfterAPowerCut) {
  for (const bool power_cut : {false, true}) {
    SCOPED_TRACE(power_cut);
    files_.Clear();
    files_.AddDir("t");
    kept_.clear();
    passed_ = {};
    Open();
    PublishMany(500);
    log_->StartSync();
    DrainPool();
    const Sequence end = log_->appended();
    for (uint64_t i = 0; i < 5000; i += 97) kept_.insert(kFirst + i);
    passed_ = end;
    TidyAll();
    log_.reset();
    if (power_cut) {
      files_.CutPower();
    } else {
      files_.Revive();
    }
    DrainPool();
    Open();
    EXPECT_EQ(log_->appended(), end);
    ExpectKept();
    EXPECT_EQ(log_->damage().records, 0u);
    TidyAll();
    ExpectKept();
  }
}

// Several threads remove them, and a file system may forget removals in any order.
TEST_F(LogTidyingTest, OfWhatACopyWasMadeOfAnyMayBeLeft) {
  options_.segment_bytes = 1000;
  Open();
  PublishMany(4);
  for (Sequence s = kFirst; s < log_->appended(); s = s + 10) kept_.insert(s);
  passed_ = log_->appended();
  ASSERT_TRUE(Publish(1, 100).ok());
  std::map<std::string, std::vector<std::byte>> sources;
  for (const std::string& path : files_.Paths()) sources[path] = files_.Contents(path);
  TidyAll();
  log_.reset();
  DrainPool();
  std::map<std::string, std::vector<std::byte>> copied;
  for (const std::string& path : files_.Paths()) {
    copied[path] = files_.Contents(path);
    sources.erase(path);
  }
  ASSERT_EQ(copied.size(), 2u);
  ASSERT_EQ(sources.size(), 3u);
  const Sequence end = passed_ + 1;
  for (unsigned left = 0; left < 1u << sources.size(); ++left) {
    SCOPED_TRACE(left);
    log_.reset();
    files_.Clear();
    files_.AddDir("t");
    for (const auto& [path, bytes] : copied) files_.SetContents(path, bytes);
    unsigned bit = 1;
    for (const auto& [path, bytes] : sources) {
      if (left & bit) files_.SetContents(path, bytes);
      bit <<= 1;
    }
    Open();
    EXPECT_EQ(log_->appended(), end);
    ExpectKept();
    EXPECT_EQ(files_.Paths().size(), copied.size());
    EXPECT_EQ(log_->damage().bytes, 0u);
  }
}

TEST_F(LogTidyingTest, TheNewestIsACopy) {
  Open();
  PublishMany(1000);
  kept_ = {kFirst + 7, kFirst + 9980};
  passed_ = log_->appended();
  options_.segment_bytes = 100;  // so that the newest is sealed and copied, too
  Reopen();
  ASSERT_TRUE(Publish(1).ok());
  const Sequence end = log_->appended();
  passed_ = end;
  TidyAll();
  Reopen();
  EXPECT_EQ(log_->appended(), end) << "its header says where it ends";
  ExpectKept();
  ASSERT_TRUE(Publish(10, 100).ok());
  ExpectAll(end, end + 10, 100);
}

TEST_F(LogTidyingTest, NothingIsCopiedThatSomebodyHasNotPassed) {
  Open();
  PublishMany(500);
  passed_ = kFirst + 2500;
  TidyAll();
  ExpectAll(kFirst + 2500, log_->appended(), 100);
}

TEST_F(LogTidyingTest, CopiesAreMergedAndNotCopiedForEver) {
  Open();
  for (int round = 0; round < 300; ++round) {
    PublishMany(20);
    kept_.insert(Sequence{log_->appended().value - 5});
    passed_ = log_->appended();
    log_->Release(*kept_.begin());
    log_->Tidy();
    DrainPool();
  }
  TidyAll();
  EXPECT_LE(log_->segments(), 12u);
  ExpectKept();
  uint64_t copied = 0;
  for (const std::string& call : files_.Calls()) {
    if (call.starts_with("append") && call.ends_with(".copy")) ++copied;
  }
  EXPECT_LE(copied, 600u);
}

TEST_F(LogTidyingTest, ReadersGoOnWhileSegmentsAreCopied) {
  options_.memory_messages = 10;
  Open();
  PublishMany(1000);
  for (uint64_t i = 0; i < 10'000; i += 13) kept_.insert(kFirst + i);
  passed_ = log_->appended();
  std::mt19937_64 random(TestSeed());
  std::vector<Sequence> kept(kept_.begin(), kept_.end());
  for (int i = 0; i < 300; ++i) {
    log_->Release(*kept_.begin());
    log_->Tidy();
    const Sequence s = kept[random() % kept.size()];
    if (kept_.contains(s)) {
      ASSERT_EQ(Read(s), Body(s, 100)) << "NSQ_TEST_SEED=" << TestSeed();
    }
    kept_.erase(kept[random() % kept.size()]);
  }
  TidyAll();
  ExpectKept();
  EXPECT_EQ(log_->damage().records, 0u);
}

// After every single change of the disk, and with a torn write: nothing wanted is lost.
TEST_F(LogTidyingTest, DiesAfterEveryChange) {
  const auto fill = [&] {
    files_.Clear();
    files_.AddDir("t");
    kept_.clear();
    passed_ = {};
    Open();
    PublishMany(60);
    for (uint64_t i = 0; i < 600; i += 59) kept_.insert(kFirst + i);
    passed_ = log_->appended();
  };
  fill();
  const uint64_t before = files_.changes();
  TidyAll();
  const uint64_t changes = files_.changes() - before;
  ASSERT_GE(changes, 5u);
  for (uint64_t n = 0; n <= changes; ++n) {
    for (const bool torn : {false, true}) {
      SCOPED_TRACE(testing::Message() << "dead after " << n << " of " << changes);
      fill();
      const Sequence end = log_->appended();
      files_.DieAfter(n, torn);
      TidyAll();
      Reopen();
      ASSERT_EQ(log_->appended(), end);
      ExpectKept();
      TidyAll();
      ExpectKept();
      EXPECT_EQ(log_->damage().records, 0u);
      for (const std::string& path : files_.Paths()) EXPECT_FALSE(path.ends_with(".copy")) << path;
    }
  }
}

TEST_F(LogTidyingTest, AFullDiskKeepsTheOriginals) {
  Open();
  PublishMany(60);
  for (uint64_t i = 0; i < 600; i += 7) kept_.insert(kFirst + i);
  passed_ = log_->appended();
  for (uint64_t room = 0; room < 4000; room += 97) {
    files_.set_capacity(files_.total_bytes() + room);
    TidyAll();
    ExpectKept();
  }
}

TEST_F(LogTidyingTest, DamageAmongWhatIsKeptIsSetAsideAndItsNeighboursComeAlong) {
  options_.memory_messages = 10;
  Open();
  PublishMany(60);
  for (uint64_t i = 0; i < 600; i += 10) kept_.insert(kFirst + i);
  passed_ = log_->appended();
  std::vector<std::byte> bytes = files_.Contents("t/00000000000000001000.log");
  bytes[64 + 10 * 128 + 60] ^= std::byte{1};
  files_.SetContents("t/00000000000000001000.log", bytes);
  TidyAll();
  EXPECT_EQ(log_->damage().records, 1u);
  EXPECT_TRUE(files_.Has("t/00000000000000001000.damaged"));
  kept_.erase(kFirst + 10);
  EXPECT_EQ(Read(kFirst + 10), "gone");
  ExpectKept();
}

TEST_F(LogTidyingTest, AFailedSyncIsFollowedByAFreshCopyOfWhatTheKernelStillHas) {
  options_.sync_timeout = milliseconds(1);
  options_.segment_bytes = 1 << 20;  // one file
  Open();
  PublishMany(10);
  files_.set_fail_sync(true);
  log_->StartSync();
  ASSERT_TRUE(TurnUntil([&] { return syncs_ > 0; }));
  EXPECT_FALSE(sync_status_.ok());
  const auto copied = [&] {
    for (const std::string& call : files_.Calls()) {
      if (call.starts_with("rename t/00000000000000001000.copy")) return true;
    }
    return false;
  };
  ASSERT_TRUE(TurnUntil(copied));
  DrainPool();
  log_.reset();
  files_.CutPower();
  Open();
  ExpectAll(kFirst, kFirst + 100, 100);
}

}  // namespace
}  // namespace nsq::nsqd
