#include "nsqd/storage/topic_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/log.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {
namespace {

constexpr int64_t kStartMicros = 1737331200000000;
constexpr Sequence kStart{static_cast<uint64_t>(kStartMicros)};

class TopicStoreTest : public testing::Test, public SegmentedLog::Listener {
 protected:
  TopicStoreTest() {
    SetLogLevel(LogLevel::kFatal);  // thousands of faults
    MakeDisk();
  }

  void MakeDisk() {
    topic_ = OpenedTopic();
    files_.Clear();
    files_.AddDir("data");
    options_.dir = TopicDir("data", "orders");
    options_.sync_timeout = seconds(3600);
  }

  Status TryOpen(int64_t seconds_later) {
    topic_ = OpenedTopic();
    Result<OpenedTopic> topic =
        OpenTopic(loop_, pool_, files_, &budget_, options_,
                  WallFromUnixNanos((kStartMicros + seconds_later * 1000000) * 1000), this);
    if (!topic.ok()) return topic.status();
    topic_ = std::move(*topic);
    return Status();
  }
  void Open(int64_t seconds_later = 0) {
    const Status status = TryOpen(seconds_later);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  void Kill() {
    topic_ = OpenedTopic();
    files_.Revive();
  }
  void StopCleanly() {
    ASSERT_TRUE(topic_.log->Close().ok());
    topic_.journal->CleanStop(topic_.log->appended());
    ASSERT_TRUE(topic_.journal->Write().ok());
    ASSERT_TRUE(topic_.journal->Sync().ok());
    Kill();
  }

  Sequence Publish(std::string_view body, WallTime due = WallTime()) {
    if (due != WallTime()) topic_.journal->Deferred(topic_.log->appended(), due);
    EXPECT_TRUE(topic_.journal->Write().ok());
    const Sequence s = topic_.log->Append(WallFromUnixNanos(1), due, body);
    EXPECT_TRUE(topic_.log->Write().ok());
    return s;
  }
  void StartChannel() {
    topic_.journal->ChannelCreated(1, "ch", topic_.log->appended());
    topic_.journal->Flowing();
    ASSERT_TRUE(topic_.journal->Write().ok());
  }
  const ChannelState& Channel() { return topic_.state.channels.at(0); }

  bool TurnUntil(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop_.RunOnce(false);
      std::this_thread::yield();
    }
    return true;
  }
  std::string Read(Sequence s) {
    LogReader reader;
    Record record;
    SegmentedLog::Outcome outcome{};
    EXPECT_TRUE(TurnUntil([&] {
      outcome = topic_.log->Read(s, &reader, &record);
      return outcome != SegmentedLog::Outcome::kPending;
    }));
    return outcome == SegmentedLog::Outcome::kReady ? std::string(record.body) : "gone";
  }

  void OnLogReadable() override {}
  void OnLogSynced(const Status& status, Sequence) override {
    ++syncs_;
    sync_status_ = status;
  }

  MemoryFiles files_;
  EventLoop loop_{"test"};
  HelperPool pool_{1};
  MemoryBudget budget_{64 << 20, 0};
  LogOptions options_;
  OpenedTopic topic_;
  int syncs_ = 0;
  Status sync_status_;
};

TEST_F(TopicStoreTest, DirectoryOfATopicHasASuffix) {
  EXPECT_EQ(TopicDir("data", ".."), "data/...topic");
  EXPECT_EQ(TopicDir("", "a"), "a.topic");
}

TEST_F(TopicStoreTest, ANewTopicBeginsAtThePresentMicrosecond) {
  Open();
  EXPECT_EQ(topic_.log->appended(), kStart);
  EXPECT_EQ(topic_.state.first, kStart);
  EXPECT_EQ(topic_.state.fanout, kStart);
  EXPECT_FALSE(topic_.state.flowing);
  EXPECT_EQ(*ListTopics(files_, "data"), std::vector<std::string>{"orders"});
}

TEST_F(TopicStoreTest, AfterACleanStopTheNumbersGoOn) {
  Open();
  StartChannel();
  Publish("a");
  StopCleanly();
  Open(3600);
  EXPECT_EQ(topic_.log->appended(), kStart + 1);
  EXPECT_TRUE(topic_.state.gaps.empty());
  EXPECT_TRUE(topic_.state.flowing);
  EXPECT_EQ(topic_.state.fanout, kStart + 1);
  EXPECT_EQ(Channel().cursor, kStart);
  EXPECT_EQ(Read(kStart), "a");
}

TEST_F(TopicStoreTest, AfterAKillTheNumbersJump) {
  Open();
  StartChannel();
  Publish("a");
  Kill();
  Open(3600);
  const Sequence jumped = kStart + uint64_t{3600} * 1000000;
  EXPECT_EQ(topic_.log->appended(), jumped);
  EXPECT_EQ(topic_.state.gaps, (std::vector<SequenceRange>{{kStart + 1, jumped}}));
  EXPECT_EQ(topic_.log->CountBetween(kStart, jumped), 1u);
  const Sequence b = Publish("b");
  EXPECT_EQ(b, jumped);
  Kill();
  Open(7200);
  EXPECT_EQ(topic_.log->CountBetween(kStart, topic_.log->appended()), 2u);
  EXPECT_EQ(Read(kStart), "a");
  EXPECT_EQ(Read(b), "b");
}

TEST_F(TopicStoreTest, AClockThatWentBackGivesNoNumberTwice) {
  Open();
  StartChannel();
  topic_.journal->Delivered(1, kStart + 5000);  // given out; a power cut took the messages
  ASSERT_TRUE(topic_.journal->Write().ok());
  Kill();
  Open(-86400);
  EXPECT_GT(topic_.log->appended(), kStart + 5000);
}

// The journal had a turn's deferred publish, the log did not get it.
TEST_F(TopicStoreTest, ADeferredPublishWithoutARecordIsForgotten) {
  Open();
  StartChannel();
  const WallTime due = WallFromUnixNanos((kStartMicros + 1000000) * 1000);
  Publish("kept", due);
  topic_.journal->Deferred(topic_.log->appended(), due);
  ASSERT_TRUE(topic_.journal->Write().ok());
  Kill();
  Open(1);
  EXPECT_EQ(Channel().unfinished, (std::vector<Unfinished>{{kStart, 0, due}}));
}

TEST_F(TopicStoreTest, WithoutItsJournalATopicKeepsItsMessages) {
  Open();
  StartChannel();
  Publish("a");
  Publish("b");
  Kill();
  ASSERT_TRUE(files_.Remove(options_.dir + "/journal").ok());
  EXPECT_EQ(ListTopics(files_, "data")->size(), 1u);
  Open(5);
  EXPECT_TRUE(topic_.state.channels.empty());
  EXPECT_FALSE(topic_.state.flowing);
  EXPECT_EQ(topic_.state.fanout, kStart);
  EXPECT_EQ(topic_.log->CountBetween(topic_.state.fanout, topic_.log->appended()), 2u);
  EXPECT_EQ(Read(kStart), "a");
}

TEST_F(TopicStoreTest, WithoutItsSegmentsATopicKeepsItsChannels) {
  Open();
  StartChannel();
  Publish("a");
  topic_.journal->Delivered(1, kStart + 1);
  ASSERT_TRUE(topic_.journal->Write().ok());
  Kill();
  for (const std::string& path : files_.Paths()) {
    if (path.ends_with(".log")) {
      ASSERT_TRUE(files_.Remove(path).ok());
    }
  }
  Open(5);
  EXPECT_EQ(Channel().name, "ch");
  EXPECT_GT(topic_.log->appended(), kStart + 1);
  // The message cannot be read and is not waited for.
  for (const Unfinished& unfinished : Channel().unfinished) {
    EXPECT_EQ(Read(unfinished.sequence), "gone");
  }
}

TEST_F(TopicStoreTest, AJumpThatCannotBeNotedIsNotedLater) {
  Open();
  StartChannel();
  Publish("a");
  Kill();
  files_.set_capacity(0);
  Open(10);
  EXPECT_TRUE(topic_.journal->has_batch());
  files_.set_capacity(MemoryFiles::kUnlimited);
  const Sequence b = Publish("b");
  Kill();
  Open(20);
  EXPECT_EQ(topic_.log->CountBetween(kStart, topic_.log->appended()), 2u);
  EXPECT_EQ(Read(b), "b");
}

TEST_F(TopicStoreTest, MemoryOnlyHasNoJournalAndNoFiles) {
  options_.dir.clear();
  Open();
  EXPECT_EQ(topic_.journal, nullptr);
  EXPECT_EQ(topic_.log->appended(), kStart);
  EXPECT_TRUE(ListTopics(files_, "data")->empty());
}

TEST_F(TopicStoreTest, OtherNamesAreNoTopics) {
  Open();
  (void)files_.MakeDir("data/.topic");
  (void)files_.MakeDir("data/empty.topic");
  (void)files_.MakeDir("data/elsewhere");
  files_.SetContents("data/file.topic", {});
  files_.SetContents("data/nsqd.dat", {});
  EXPECT_EQ(*ListTopics(files_, "data"), std::vector<std::string>{"orders"});
}

TEST_F(TopicStoreTest, ARemovedTopicIsGone) {
  Open();
  Publish("a");
  Kill();
  ASSERT_EQ(*RemoveTopic(files_, options_.dir), options_.dir + ".removed");
  EXPECT_TRUE(FindTopics(files_, "data")->empty());
  EXPECT_EQ(*RemoveTopic(files_, options_.dir), "") << "twice is once";
  ASSERT_TRUE(ClearRemoved(files_, options_.dir + ".removed").ok());
  EXPECT_TRUE(files_.Paths().empty());
}

// What stands in the way is of a removal before, or somebody else's.
TEST_F(TopicStoreTest, ARemovalDoesNotWaitForTheOneBefore) {
  (void)files_.MakeDir(options_.dir + ".removed");
  files_.SetContents(options_.dir + ".removed/sub", {});
  for (int i = 1; i <= 3; ++i) {
    Open(i);
    Publish("a");
    Kill();
    ASSERT_EQ(*RemoveTopic(files_, options_.dir), options_.dir + ".removed." + std::to_string(i));
  }
  EXPECT_TRUE(ListTopics(files_, "data")->empty());
  EXPECT_TRUE(files_.Paths().empty());
}

// A removal is done or not, and what is left of one is cleared away at the next start.
TEST_F(TopicStoreTest, DiedAtEveryStepOfARemoval) {
  for (uint64_t n = 0;; ++n) {
    SCOPED_TRACE(testing::Message() << "dies after " << n);
    MakeDisk();
    Open();
    StartChannel();
    Publish("a");
    Kill();
    files_.DieAfter(n);
    const Result<std::string> left = RemoveTopic(files_, options_.dir);
    const bool removed = left.ok() && ClearRemoved(files_, *left).ok();
    files_.Revive();
    const size_t topics = ListTopics(files_, "data")->size();
    EXPECT_LE(topics, removed ? 0u : 1u);
    if (topics == 1) {
      Open(1);
      ASSERT_EQ(Read(kStart), "a") << "whole, if it is there";
      ASSERT_EQ(Channel().name, "ch");
    } else {
      EXPECT_TRUE(files_.Paths().empty());
      Open(1);
      EXPECT_EQ(topic_.log->begin(), topic_.log->appended());
    }
    if (removed) break;
  }
}

// Opening is interrupted at every step, again and again: nothing is lost by it.
TEST_F(TopicStoreTest, DiedAtEveryStepOfOpening) {
  for (uint64_t n = 0;; ++n) {
    SCOPED_TRACE(testing::Message() << "dies after " << n);
    MakeDisk();
    files_.DieAfter(files_.changes() + n);
    const bool fresh = TryOpen(0).ok();
    Kill();
    Open(1);
    if (HasFatalFailure()) return;
    StartChannel();
    const Sequence a = Publish("a");
    Kill();
    files_.DieAfter(n);
    const bool again = TryOpen(2).ok() && !files_.dead();
    Kill();
    Open(3);
    if (HasFatalFailure()) return;
    ASSERT_EQ(Read(a), "a");
    ASSERT_EQ(Channel().cursor, a);
    ASSERT_EQ(topic_.log->CountBetween(a, topic_.log->appended()), 1u);
    if (fresh && again) break;
  }
}

// --- what is promised about the disk

TEST_F(TopicStoreTest, ASyncMakesTheJournalLastBeforeTheLog) {
  options_.durability = Durability::kFsync;
  Open();
  StartChannel();
  Publish("later", WallFromUnixNanos((kStartMicros + 5) * 1000));
  topic_.log->StartSync();
  ASSERT_TRUE(TurnUntil([&] { return syncs_ == 1; }));
  std::vector<std::string> syncs;
  for (const std::string& call : files_.Calls()) {
    if (call.starts_with("sync")) syncs.push_back(call);
  }
  ASSERT_GE(syncs.size(), 2u);
  const auto journal = std::find(syncs.begin(), syncs.end(), "sync data/orders.topic/journal.tmp");
  const auto segment = std::find_if(syncs.begin(), syncs.end(),
                                    [](const std::string& s) { return s.ends_with(".log"); });
  ASSERT_NE(journal, syncs.end());
  EXPECT_LT(journal, segment);
}

TEST_F(TopicStoreTest, WhatASyncAnsweredSurvivesAPowerCut) {
  options_.durability = Durability::kFsync;
  Open();
  StartChannel();
  const WallTime due = WallFromUnixNanos((kStartMicros + 5) * 1000);
  for (int round = 0; round < 5; ++round) {
    const Sequence a = Publish("a");
    const Sequence b = Publish("b", due);
    const int before = syncs_;
    topic_.log->StartSync();
    ASSERT_TRUE(TurnUntil([&] { return syncs_ > before; }));
    ASSERT_TRUE(sync_status_.ok());
    Publish("lost", due);
    if (round % 2 == 1) {
      ASSERT_TRUE(topic_.journal->Compact(topic_.state).ok());
    }
    topic_ = OpenedTopic();
    files_.CutPower();
    Open(round + 1);
    if (HasFatalFailure()) return;
    ASSERT_EQ(Read(a), "a");
    ASSERT_EQ(Read(b), "b");
    ASSERT_EQ(topic_.log->CountBetween(kStart, topic_.log->appended()),
              2u * static_cast<unsigned>(round + 1));
    if (round % 2 == 0) {
      EXPECT_EQ(Channel().unfinished.back(), (Unfinished{b, 0, due}));
    }
  }
}

// Keeps a helper busy until it may go on.
struct Blocker : Job {
  explicit Blocker(std::atomic<bool>* may_go_on) : go(may_go_on) {}
  void Run() noexcept override { go->wait(false); }
  void Open() noexcept override {}
  std::atomic<bool>* go;
};

TEST_F(TopicStoreTest, AJournalWrittenAnewDuringASyncIsSyncedBeforeTheAnswer) {
  options_.durability = Durability::kFsync;
  for (const bool one_is_on_the_disk : {false, true}) {
    files_.Clear();
    Open();
    StartChannel();
    Publish("first");
    if (one_is_on_the_disk) {
      const int before = syncs_;
      topic_.log->StartSync();
      ASSERT_TRUE(TurnUntil([&] { return syncs_ > before; }));
    }
    TopicState state = topic_.state;
    state.flowing = true;
    state.channels.push_back({1, "ch", false, kStart, {}});
    ASSERT_TRUE(topic_.journal->Compact(state).ok());
    const WallTime due = WallFromUnixNanos((kStartMicros + 5) * 1000);
    const Sequence s = Publish("deferred", due);
    state.channels[0].unfinished.push_back({s, 0, due});
    std::atomic<bool> go = false;
    pool_.Submit(std::make_unique<Blocker>(&go), &loop_);
    const int before = syncs_;
    topic_.log->StartSync();
    ASSERT_TRUE(topic_.journal->Compact(state).ok());
    go = true;
    go.notify_one();
    ASSERT_TRUE(TurnUntil([&] { return syncs_ > before; }));
    ASSERT_TRUE(sync_status_.ok());
    topic_ = OpenedTopic();
    files_.CutPower();
    Open(1);
    if (HasFatalFailure()) return;
    ASSERT_EQ(Read(s), "deferred");
    ASSERT_FALSE(topic_.state.channels.empty());
    ASSERT_FALSE(Channel().unfinished.empty());
    EXPECT_EQ(Channel().unfinished.back(), (Unfinished{s, 0, due}));
    topic_ = OpenedTopic();
  }
}

TEST_F(TopicStoreTest, ATopicWhoseFirstSyncFailedIsThereAfterTheSecond) {
  options_.durability = Durability::kFsync;
  Open();
  StartChannel();
  Publish("a");
  const auto sync = [this] {
    const int before = syncs_;
    topic_.log->StartSync();
    return TurnUntil([&] { return syncs_ > before; });
  };
  files_.set_fail_sync(true);
  ASSERT_TRUE(sync());
  EXPECT_FALSE(sync_status_.ok());
  files_.set_fail_sync(false);
  ASSERT_TRUE(topic_.journal->Compact(topic_.state).ok());
  const Sequence b = Publish("b");
  ASSERT_TRUE(sync());
  ASSERT_TRUE(sync_status_.ok());
  topic_ = OpenedTopic();
  files_.CutPower();
  ASSERT_EQ(ListTopics(files_, "data")->size(), 1u);
  Open(1);
  EXPECT_EQ(Read(b), "b");
}

TEST_F(TopicStoreTest, AFailedSyncOfTheJournalFailsThePublish) {
  options_.durability = Durability::kFsync;
  Open();
  StartChannel();
  Publish("a");
  files_.set_fail_sync(true);
  topic_.log->StartSync();
  ASSERT_TRUE(TurnUntil([&] { return syncs_ == 1; }));
  EXPECT_FALSE(sync_status_.ok());
  EXPECT_TRUE(topic_.journal->WantsCompaction()) << "that file is not to be trusted any more";
}

TEST_F(TopicStoreTest, AtOsLevelANewTopicIsSyncedWithoutAnyMessage) {
  options_.sync_timeout = milliseconds(1);
  Open();
  StartChannel();
  ASSERT_TRUE(TurnUntil([&] { return syncs_ > 0; }));
  topic_ = OpenedTopic();
  files_.CutPower();
  EXPECT_EQ(ListTopics(files_, "data")->size(), 1u);
  Open(1);
  EXPECT_EQ(topic_.state.channels.size(), 1u);
}

TEST_F(TopicStoreTest, AnIdleTopicHasNoFileOpen) {
  options_.sync_timeout = milliseconds(1);
  for (const int restart : {0, 1}) {
    Open(restart);
    if (restart == 0) StartChannel();
    Publish("a");
    topic_.log->Release(topic_.log->appended());
    EXPECT_GE(files_.open_for_append(), 1u);
    EXPECT_TRUE(TurnUntil([&] { return files_.open_for_append() == 0; }));
    const Sequence b = Publish("b");
    EXPECT_EQ(Read(b), "b") << "and goes on all the same";
    Kill();
  }
}

// --- the real disk

class RealDiskTest : public TopicStoreTest {
 public:
  ~RealDiskTest() override {
    (void)RemoveTopic(PosixFiles(), TopicDir(path_, "orders"));
    ::rmdir(path_.c_str());
  }

 protected:
  RealDiskTest() {
    std::string pattern = testing::TempDir() + "nsq-storage-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  std::string path_;
};

TEST_F(RealDiskTest, ATopicLivesOnIt) {
  options_.dir = TopicDir(path_, "orders");
  options_.durability = Durability::kFsync;
  options_.segment_bytes = 100000;
  const auto open = [&] {
    topic_ = OpenedTopic();
    Result<OpenedTopic> topic =
        OpenTopic(loop_, pool_, PosixFiles(), &budget_, options_, WallNow(), this);
    ASSERT_TRUE(topic.ok()) << topic.status().ToString();
    topic_ = std::move(*topic);
  };
  open();
  StartChannel();
  const Sequence first = topic_.log->appended();
  for (int i = 0; i < 5000; ++i) Publish("message " + std::to_string(i));
  topic_.log->StartSync();
  ASSERT_TRUE(TurnUntil([&] { return syncs_ > 0; }));
  ASSERT_TRUE(sync_status_.ok()) << sync_status_.ToString();
  open();
  EXPECT_EQ(*ListTopics(PosixFiles(), path_), std::vector<std::string>{"orders"});
  for (uint64_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(Read(first + i), "message " + std::to_string(i));
  }
  topic_ = OpenedTopic();
  ASSERT_TRUE(RemoveTopic(PosixFiles(), options_.dir).ok());
  EXPECT_TRUE(ListTopics(PosixFiles(), path_)->empty());
}

TEST_F(RealDiskTest, ADataPathIsTakenOnce) {
  {
    const auto lock = DataPathLock::Take(path_);
    ASSERT_TRUE(lock.ok()) << lock.status().ToString();
    const auto second = DataPathLock::Take(path_);
    EXPECT_EQ(second.status().detail(),
              "failed to lock data-path: cannot flock directory " + path_ +
                  " - resource temporarily unavailable (possibly in use by another instance of "
                  "nsqd)");
  }
  EXPECT_TRUE(DataPathLock::Take(path_).ok());
  EXPECT_EQ(DataPathLock::Take(path_ + "/missing").status().detail(),
            "failed to lock data-path: open " + path_ + "/missing: no such file or directory");
  const std::string file = path_ + "/file";
  std::ofstream(file).put('x');
  EXPECT_EQ(DataPathLock::Take(file).status().detail(),
            "failed to lock data-path: open " + file + ": not a directory");
  ::unlink(file.c_str());
}

TEST_F(RealDiskTest, WhoMayNotWriteToADataPathIsTold) {
  EXPECT_TRUE(CheckDataPathWritable(path_).ok());
  ASSERT_EQ(::chmod(path_.c_str(), 0555), 0);
  const pid_t other = ::fork();
  if (other == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);  // root may write anywhere
    const std::string detail = CheckDataPathWritable(path_).detail();
    ::_exit(detail == "data-path " + path_ + " is not writable: permission denied" ? 0 : 1);
  }
  int status = -1;
  ::waitpid(other, &status, 0);
  EXPECT_EQ(status, 0);
  ASSERT_EQ(::chmod(path_.c_str(), 0755), 0);
}

}  // namespace
}  // namespace nsq::nsqd
