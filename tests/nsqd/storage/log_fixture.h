#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/log.h"
#include "nsqd/storage/segmented_log.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {

// A log on a real loop with a real pool, over a disk in memory.
class LogTest : public testing::Test, public SegmentedLog::Listener {
 protected:
  static constexpr Sequence kFirst{1000};

  LogTest() {
    SetLogLevel(LogLevel::kFatal);  // thousands of faults
    files_.AddDir("t");
    options_.dir = "t";
    options_.sync_timeout = seconds(3600);  // no syncs by the clock
    budget_.limit_bytes = 64 << 20;
  }

  // --- verbs

  void Open() {
    log_.reset();
    auto log = SegmentedLog::Open(loop_, *pool_, files_, &budget_, options_, kFirst, this);
    ASSERT_TRUE(log.ok()) << log.status().ToString();
    log_ = std::move(*log);
  }
  // As kill -9 leaves it.
  void Reopen() {
    log_.reset();
    files_.Revive();
    DrainPool();
    Open();
  }

  static std::string Body(Sequence s, size_t size_bytes = 20) {
    std::string body = "body of " + std::to_string(s.value) + " ";
    body.resize(size_bytes, '.');
    return body;
  }
  Sequence Append(size_t size_bytes = 20) {
    return log_->Append(WallFromUnixNanos(static_cast<int64_t>(log_->appended().value)), WallTime(),
                        Body(log_->appended(), size_bytes));
  }
  Status Publish(size_t messages, size_t size_bytes = 20) {
    for (size_t i = 0; i < messages; ++i) Append(size_bytes);
    return log_->Write();
  }

  // Turns until `done`, or a long time has passed.
  bool TurnUntil(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      loop_.RunOnce(false);
      std::this_thread::yield();
    }
    return true;
  }

  // The body, or "gone"; waits for the disk.
  std::string Read(Sequence s, LogReader* reader = nullptr, size_t* waits = nullptr) {
    LogReader own;
    if (reader == nullptr) reader = &own;
    Record record;
    while (true) {
      const uint64_t heard = readable_;
      switch (log_->Read(s, reader, &record)) {
        case SegmentedLog::Outcome::kReady:
          EXPECT_EQ(record.sequence, s);
          return std::string(record.body);
        case SegmentedLog::Outcome::kGone:
          return "gone";
        case SegmentedLog::Outcome::kPending:
          if (waits != nullptr) ++*waits;
          if (!TurnUntil([&] { return readable_ > heard; })) return "never came";
      }
    }
  }
  // Every message of [from, to) is there and is what was appended.
  void ExpectAll(Sequence from, Sequence to, size_t size_bytes = 20) {
    LogReader reader;
    for (Sequence s = from; s < to; ++s) ASSERT_EQ(Read(s, &reader), Body(s, size_bytes));
  }

  // Waits until the pool, which has one thread, has done what was asked so far.
  void DrainPool() {
    struct Marker : Job {
      explicit Marker(bool* f) : flag(f) {}
      void Run() noexcept override {}
      void Open() noexcept override { *flag = true; }
      bool* const flag;
    };
    for (const Lane lane : {Lane::kAwaited, Lane::kBackground}) {
      bool done = false;
      pool_->Submit(std::make_unique<Marker>(&done), &loop_, lane);
      ASSERT_TRUE(TurnUntil([&] { return done; }));
    }
  }

  void OnLogReadable() override { ++readable_; }
  void OnLogSynced(const Status& status, Sequence upto) override {
    ++syncs_;
    sync_status_ = status;
    synced_upto_ = upto;
  }

  MemoryFiles files_;
  EventLoop loop_{"test"};
  std::unique_ptr<HelperPool> pool_ = std::make_unique<HelperPool>(1);
  MemoryBudget budget_;
  LogOptions options_;
  std::unique_ptr<SegmentedLog> log_;
  uint64_t readable_ = 0;
  uint64_t syncs_ = 0;
  Status sync_status_;
  Sequence synced_upto_;
};

}  // namespace nsq::nsqd
