#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "nsqd/queue/channel.h"
#include "nsqd/storage/topic_store.h"
#include "tests/nsqd/queue/fake_consumer.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {

// One channel over a real log and a real journal on a disk in memory; the clock is the test's.
class ChannelTest : public testing::Test, private SegmentedLog::Listener {
 protected:
  ChannelTest() {
    log_options_.dir = "t";
    log_options_.sync_timeout = seconds(3600);
    budget_.limit_bytes = 64 << 20;
    Open();
  }

  // --- verbs

  // As after a start: from what the disk has.
  void Open() {
    Result<OpenedTopic> opened =
        OpenTopic(loop_, *pool_, files_, &budget_, log_options_, Wall(), this);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    log_ = std::move(opened->log);
    journal_ = std::move(opened->journal);
    if (opened->state.channels.empty()) {
      channel_ =
          std::make_unique<Channel>(loop_.home(), name_, 1, options_, *log_,
                                    memory_only() ? nullptr : journal_.get(), log_->appended());
      if (memory_only()) return;
      journal_->ChannelCreated(1, name_, log_->appended());
      journal_->Flowing();
      EndTurn();
    } else {
      channel_ = std::make_unique<Channel>(loop_.home(), options_, *log_, journal_.get(),
                                           opened->state.channels[0], log_->appended(), Wall());
    }
  }
  // Between two turns.
  void KillAndRestart() {
    channel_.reset();
    log_.reset();
    journal_.reset();
    files_.Revive();
    Open();
  }
  void Compact() {
    TopicState state;
    state.first = log_->begin();
    state.flowing = true;
    state.gaps = log_->gaps();
    state.channels.push_back(channel_->Snapshot());
    ASSERT_TRUE(journal_->Compact(state).ok());
  }

  // One turn's publish: `delays` has one for each message, zero for those not deferred.
  std::vector<Sequence> Publish(const std::vector<Duration>& delays) {
    const Sequence before = log_->appended();
    std::vector<Sequence> sequences;
    for (const Duration delay : delays) {
      const WallTime due = delay > Duration::zero() ? Wall() + delay : WallTime();
      sequences.push_back(log_->Append(Wall(), due, Body(log_->appended())));
    }
    EXPECT_TRUE(log_->Write().ok());
    for (size_t i = 0; i < delays.size(); ++i) {
      if (delays[i] == Duration::zero()) continue;
      channel_->AddDeferred(sequences[i], Wall() + delays[i]);
      if (!memory_only()) journal_->Deferred(sequences[i], Wall() + delays[i]);
    }
    channel_->Extend(log_->appended(), log_->CountBetween(before, log_->appended()));
    return sequences;
  }
  std::vector<Sequence> Publish(size_t count) {
    return Publish(std::vector<Duration>(count, Duration::zero()));
  }
  Subscription* Subscribe(Consumer* consumer, int64_t ready, Duration timeout = seconds(60),
                          int32_t sample_rate = 0) {
    ConsumerTerms terms;
    terms.msg_timeout = terms.touch_timeout = timeout;
    terms.sample_rate = sample_rate;
    return Subscribe(consumer, ready, terms);
  }
  Subscription* Subscribe(Consumer* consumer, int64_t ready, const ConsumerTerms& terms) {
    const Result<Subscription*> subscription = channel_->Subscribe(consumer, terms);
    EXPECT_TRUE(subscription.ok());
    channel_->SetReady(*subscription, ready);
    return *subscription;
  }
  // Waits for the disk as often as it must.
  Channel::Outcome Send(size_t messages = 1000, size_t bytes = size_t{1} << 20) {
    while (true) {
      const uint64_t heard = readable_;
      const Channel::Outcome outcome = channel_->Dispatch(now_, Wall(), {messages, bytes});
      if (outcome != Channel::Outcome::kPending) return outcome;
      while (readable_ == heard) {
        loop_.RunOnce(false);
        std::this_thread::yield();
      }
    }
  }
  bool Advance(Duration by, size_t most = 1000) {
    now_ += by;
    return channel_->Expire(now_, Wall(), most);
  }
  void EndTurn() {
    channel_->WriteJournal();
    if (memory_only()) return;
    EXPECT_TRUE(journal_->Write().ok());
  }

  WallTime Wall() const {
    return WallFromUnixNanos(1'700'000'000'000'000'000 + now_.time_since_epoch().count());
  }
  static std::string Body(Sequence sequence) { return "body " + std::to_string(sequence.value); }
  bool memory_only() const { return log_options_.dir.empty(); }

  void OnLogReadable() override { ++readable_; }
  void OnLogSynced(const Status&, Sequence) override {}

  MemoryFiles files_;
  EventLoop loop_{"test"};
  std::unique_ptr<HelperPool> pool_ = std::make_unique<HelperPool>(1);
  MemoryBudget budget_;
  LogOptions log_options_;
  ChannelOptions options_;
  std::string name_ = "c";
  SteadyTime now_{seconds(1000)};
  std::unique_ptr<SegmentedLog> log_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Channel> channel_;

 private:
  uint64_t readable_ = 0;
};

}  // namespace nsq::nsqd
