#include "nsqd/queue/channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/nsqd/queue/channel_fixture.h"

namespace nsq::nsqd {
namespace {

using Outcome = Channel::Outcome;

std::vector<uint16_t> Attempts(const FakeConsumer& consumer) {
  std::vector<uint16_t> attempts;
  for (const auto& message : consumer.messages) attempts.push_back(message.attempts);
  return attempts;
}

TEST_F(ChannelTest, DeliversInOrderUpToRdyThenOnePerFinish) {
  FakeConsumer consumer;
  Subscription* const subscription = Subscribe(&consumer, 2);
  const auto sent = Publish(5);
  EXPECT_EQ(Send(), Outcome::kIdle);
  EXPECT_EQ(consumer.messages.size(), 2u);
  EXPECT_EQ(consumer.flushes, 1);
  ASSERT_TRUE(channel_->Finish(subscription, sent[0], Wall()).ok());
  Send();
  ASSERT_EQ(consumer.messages.size(), 3u);
  EXPECT_EQ(consumer.messages[2].body, Body(sent[2]));
  EXPECT_EQ(channel_->depth(), 2u);
}

TEST_F(ChannelTest, RdyZeroPauseAndClosingStopDeliveryButNotAnswers) {
  FakeConsumer consumer;
  Subscription* const subscription = Subscribe(&consumer, 1);
  const auto sent = Publish(4);
  Send();
  channel_->SetReady(subscription, 0);
  ASSERT_TRUE(channel_->Finish(subscription, sent[0], Wall()).ok());
  Send();
  EXPECT_EQ(consumer.messages.size(), 1u);
  channel_->SetReady(subscription, 1);
  channel_->Pause();
  Send();
  EXPECT_EQ(consumer.messages.size(), 1u);
  channel_->Unpause();
  Send();
  EXPECT_EQ(consumer.messages.size(), 2u);
  channel_->StartClosing(subscription);
  ASSERT_TRUE(channel_->Finish(subscription, sent[1], Wall()).ok());
  Send();
  EXPECT_EQ(consumer.messages.size(), 2u);
  EXPECT_EQ(channel_->consumers(), 1u) << "CLS does not end the subscription";
}

TEST_F(ChannelTest, RequeuedGoesToTheTail) {
  FakeConsumer consumer;
  Subscription* const subscription = Subscribe(&consumer, 1);
  const auto sent = Publish(3);
  Send();
  ASSERT_TRUE(channel_->Requeue(subscription, sent[0], Duration::zero(), Wall()).ok());
  for (int i = 0; i < 2; ++i) {
    Send();
    ASSERT_TRUE(channel_->Finish(subscription, consumer.messages.back().sequence, Wall()).ok());
  }
  Publish(1);
  Send();
  EXPECT_EQ(consumer.messages.back().sequence, sent[0]);
  EXPECT_EQ(Attempts(consumer), (std::vector<uint16_t>{1, 1, 1, 2}));
}

TEST_F(ChannelTest, ADelayedRequeueIsNeverEarlyAndClamped) {
  options_.max_req_timeout = milliseconds(100);
  KillAndRestart();
  FakeConsumer consumer;
  Subscription* const subscription = Subscribe(&consumer, 1);
  const auto sent = Publish(1);
  Send();
  ASSERT_TRUE(channel_->Requeue(subscription, sent[0], seconds(3600), Wall()).ok());
  EXPECT_EQ(channel_->Stats(false).deferred_count, 1u);
  EXPECT_EQ(channel_->depth(), 0u);
  EXPECT_FALSE(Advance(milliseconds(99)));
  EXPECT_TRUE(Advance(milliseconds(1)));
  Send();
  EXPECT_EQ(consumer.messages.size(), 2u);
}

TEST_F(ChannelTest, ANegativeDelayIsNone) {
  FakeConsumer consumer;
  Subscription* const subscription = Subscribe(&consumer, 1);
  const auto sent = Publish(1);
  Send();
  ASSERT_TRUE(channel_->Requeue(subscription, sent[0], -seconds(5), Wall()).ok());
  Send();
  EXPECT_EQ(consumer.messages.size(), 2u);
}

TEST_F(ChannelTest, TouchGivesItsOwnTime) {
  FakeConsumer consumer;
  ConsumerTerms terms;
  terms.msg_timeout = milliseconds(50);
  terms.touch_timeout = milliseconds(200);
  Subscription* const subscription = Subscribe(&consumer, 1, terms);
  const auto sent = Publish(1);
  Send();
  EXPECT_FALSE(Advance(milliseconds(40)));
  ASSERT_TRUE(channel_->Touch(subscription, sent[0], now_).ok());
  EXPECT_FALSE(Advance(milliseconds(199)));
  EXPECT_TRUE(Advance(milliseconds(1)));
}

ConsumerTerms Near(Locality locality) {
  ConsumerTerms terms;
  terms.msg_timeout = terms.touch_timeout = seconds(60);
  terms.counted = terms.preferred = locality;
  return terms;
}

TEST_F(ChannelTest, TheNearestConsumersComeFirst) {
  FakeConsumer far;
  FakeConsumer region;
  FakeConsumer zone;
  FakeConsumer same_zone;
  Subscription* const there = Subscribe(&far, 10, Near(Locality::kGlobal));
  Subscription* const around = Subscribe(&region, 2, Near(Locality::kRegion));
  Subscription* const here = Subscribe(&zone, 2, Near(Locality::kZone));
  Subscribe(&same_zone, 2, Near(Locality::kZone));
  const auto sent = Publish(4);
  Send();
  EXPECT_EQ(zone.messages.size(), 2u);
  EXPECT_EQ(same_zone.messages.size(), 2u);
  EXPECT_EQ(region.messages.size(), 0u);

  // Who is full lets the next ones have it.
  Publish(5);
  Send();
  EXPECT_EQ(region.messages.size(), 2u);
  EXPECT_EQ(far.messages.size(), 3u);

  // And gets the next one as soon as there is room.
  ASSERT_TRUE(channel_->Finish(here, sent[0], Wall()).ok());
  Publish(1);
  Send();
  EXPECT_EQ(zone.messages.size(), 3u);

  const ChannelStats stats = channel_->Stats(false);
  EXPECT_EQ(stats.zone_local_count, 5u);
  EXPECT_EQ(stats.region_local_count, 2u);
  EXPECT_EQ(stats.delivered_count, 10u);

  // Those that leave are not missed.
  for (Subscription* const subscription : {here, around, there}) {
    channel_->SetReady(subscription, 0);
    channel_->Unsubscribe(subscription);
  }
  Publish(1);
  Send();
  EXPECT_EQ(same_zone.messages.size(), 2u);
  EXPECT_EQ(far.messages.size() + region.messages.size() + zone.messages.size(), 8u);
}

TEST_F(ChannelTest, WhatIsRequeuedOrTimesOutGoesToTheNearestToo) {
  FakeConsumer far;
  FakeConsumer near;
  ConsumerTerms brief = Near(Locality::kGlobal);
  brief.msg_timeout = milliseconds(50);
  Subscription* const there = Subscribe(&far, 10, brief);
  const auto sent = Publish(3);
  Send();
  ASSERT_EQ(far.messages.size(), 3u);
  Subscribe(&near, 10, Near(Locality::kZone));
  ASSERT_TRUE(channel_->Requeue(there, sent[0], Duration::zero(), Wall()).ok());
  ASSERT_TRUE(channel_->Requeue(there, sent[1], milliseconds(10), Wall()).ok());
  Send();
  EXPECT_EQ(near.messages.size(), 1u);
  EXPECT_TRUE(Advance(milliseconds(50)));
  Send();
  EXPECT_EQ(near.messages.size(), 3u);
  EXPECT_EQ(far.messages.size(), 3u);
}

TEST_F(ChannelTest, ATimedOutMessageComesBackAndItsFormerOwnerIsTold) {
  FakeConsumer consumer;
  Subscription* const subscription = Subscribe(&consumer, 1, milliseconds(50));
  const auto sent = Publish(1);
  Send();
  EXPECT_FALSE(Advance(milliseconds(49)));
  EXPECT_TRUE(Advance(milliseconds(1)));
  const Status late = channel_->Finish(subscription, sent[0], Wall());
  EXPECT_EQ(late.code(), Code::kNotFound);
  EXPECT_EQ(late.detail(), "ID not in flight");
  EXPECT_EQ(channel_->Stats(false).timeout_count, 1u);
  EXPECT_EQ(channel_->Stats(false).requeue_count, 0u);
  Send();
  EXPECT_EQ(Attempts(consumer), (std::vector<uint16_t>{1, 2}));
}

TEST_F(ChannelTest, WhatALeavingConsumerHadComesBackWhenItTimesOut) {
  FakeConsumer first;
  FakeConsumer second;
  Subscription* const leaving = Subscribe(&first, 5, milliseconds(50));
  Subscription* const staying = Subscribe(&second, 0, milliseconds(50));
  const auto sent = Publish(2);
  Send();
  channel_->Unsubscribe(leaving);
  channel_->SetReady(staying, 5);
  Send();
  EXPECT_TRUE(second.messages.empty());
  EXPECT_EQ(channel_->Finish(staying, sent[0], Wall()).detail(), "client does not own message");
  EXPECT_TRUE(Advance(milliseconds(50)));
  Send();
  EXPECT_EQ(Attempts(second), (std::vector<uint16_t>{2, 2}));
}

TEST_F(ChannelTest, EmptyDropsAllAndFreesTheConsumers) {
  FakeConsumer consumer;
  FakeConsumer leaving;
  Subscription* const gone = Subscribe(&leaving, 1);
  Publish(1);
  Send();
  Subscription* const subscription = Subscribe(&consumer, 3);
  const auto sent = Publish({{}, {}, seconds(1), {}, {}});
  Send();
  channel_->Unsubscribe(gone);
  ASSERT_EQ(consumer.messages.size(), 3u);
  ASSERT_TRUE(channel_->Requeue(subscription, sent[0], Duration::zero(), Wall()).ok());
  channel_->Empty();
  EXPECT_EQ(channel_->depth(), 0u);
  EXPECT_EQ(subscription->in_flight, 0);
  EXPECT_EQ(channel_->Finish(subscription, sent[1], Wall()).detail(), "ID not in flight");
  EXPECT_FALSE(Advance(seconds(100)));
  EndTurn();
  KillAndRestart();
  EXPECT_EQ(channel_->depth(), 0u);
  EXPECT_EQ(channel_->unfinished(), 0u);
}

TEST_F(ChannelTest, ConsumersWithRoomShareEvenly) {
  std::vector<FakeConsumer> consumers(10);
  for (FakeConsumer& consumer : consumers) Subscribe(&consumer, 100);
  Publish(500);
  Send();
  for (const FakeConsumer& consumer : consumers) EXPECT_EQ(consumer.messages.size(), 50u);
}

TEST_F(ChannelTest, MaxConsumersIsALimit) {
  options_.max_consumers = 1;
  KillAndRestart();
  FakeConsumer consumer;
  Subscription* const subscription = Subscribe(&consumer, 0);
  EXPECT_EQ(channel_->Subscribe(&consumer, ConsumerTerms()).status().code(), Code::kExhausted);
  channel_->Unsubscribe(subscription);
  EXPECT_TRUE(channel_->Subscribe(&consumer, ConsumerTerms()).ok());
}

TEST_F(ChannelTest, ATurnIsBoundedInMessagesAndBytesAndInWhatItPassesOver) {
  FakeConsumer consumer;
  Subscribe(&consumer, 1000);
  Publish(10);
  EXPECT_EQ(Send(4), Outcome::kMore);
  EXPECT_EQ(consumer.messages.size(), 4u);
  EXPECT_EQ(Send(6), Outcome::kIdle);
  const auto sent = Publish(4);
  EXPECT_EQ(Send(100, 2 * Body(sent[0]).size()), Outcome::kMore);
  EXPECT_EQ(consumer.messages.size(), 12u);
  Send();
  Publish(std::vector<Duration>(10, seconds(1)));
  Publish(1);
  EXPECT_EQ(Send(5), Outcome::kMore);
  EXPECT_EQ(Send(5), Outcome::kMore);
  EXPECT_EQ(Send(5), Outcome::kIdle);
  EXPECT_EQ(consumer.messages.size(), 15u);
  EXPECT_TRUE(Advance(seconds(1), 4));
  EXPECT_EQ(channel_->Stats(false).deferred_count, 6u);
  EXPECT_TRUE(Advance(seconds(0)));
  EXPECT_EQ(channel_->Stats(false).deferred_count, 0u);
}

// rate + 1 of 100 are kept, the rest is gone for all (spec, nsqd-tcp 4.5).
TEST_F(ChannelTest, SamplingDiscardsForTheWholeChannel) {
  FakeConsumer consumer;
  Subscribe(&consumer, 100'000, seconds(60), 24);
  Publish(20'000);
  while (Send(5000) == Outcome::kMore) {
  }
  EXPECT_GT(consumer.messages.size(), 4600u);
  EXPECT_LT(consumer.messages.size(), 5400u);
  EXPECT_EQ(channel_->depth(), 0u);
  const size_t kept = consumer.messages.size();
  EndTurn();
  KillAndRestart();
  EXPECT_EQ(channel_->unfinished(), kept);
}

TEST_F(ChannelTest, ASampleRateOf99KeepsEverything) {
  FakeConsumer consumer;
  Subscribe(&consumer, 10'000, seconds(60), 99);
  Publish(3000);
  Send(5000);
  EXPECT_EQ(consumer.messages.size(), 3000u);
}

TEST_F(ChannelTest, AWriteThatFillsTheSocketEndsDeliveryAtOnce) {
  struct Full : FakeConsumer {
    void Deliver(const Delivery& delivery) override {
      FakeConsumer::Deliver(delivery);
      channel->SetWritable(subscription, false);
    }
    Channel* channel = nullptr;
    Subscription* subscription = nullptr;
  };
  Full full;
  full.channel = channel_.get();
  full.subscription = Subscribe(&full, 10);
  FakeConsumer other;
  Subscribe(&other, 10);
  Publish(6);
  Send();
  EXPECT_EQ(full.messages.size(), 1u);
  EXPECT_EQ(other.messages.size(), 5u);
}

TEST_F(ChannelTest, CloseTellsEveryConsumerOnce) {
  std::vector<FakeConsumer> consumers(3);
  for (FakeConsumer& consumer : consumers) Subscribe(&consumer, 1);
  Publish(2);
  Send();
  channel_->Close();
  for (const FakeConsumer& consumer : consumers) EXPECT_TRUE(consumer.closed);
  EXPECT_EQ(channel_->consumers(), 0u);
  EXPECT_EQ(channel_->Snapshot().unfinished.size(), 2u) << "a clean stop writes them afterwards";
}

// A thousand consumers leave with their hands full: each step must not look at everybody's.
TEST_F(ChannelTest, ManyConsumersComeAndGo) {
  constexpr size_t kConsumers = 5000;
  std::vector<FakeConsumer> consumers(kConsumers);
  std::vector<Subscription*> subscriptions;
  for (FakeConsumer& consumer : consumers) subscriptions.push_back(Subscribe(&consumer, 20));
  Publish(20 * kConsumers);
  while (Send(10'000) == Outcome::kMore) {
  }
  EXPECT_EQ(channel_->Stats(false).in_flight_count, 20 * kConsumers);
  for (Subscription* const subscription : subscriptions) channel_->Unsubscribe(subscription);
  EXPECT_EQ(channel_->consumers(), 0u);
  EXPECT_TRUE(Advance(seconds(60), 1'000'000));
  EXPECT_EQ(channel_->depth(), 20 * kConsumers);
}

// --- after kill -9

TEST_F(ChannelTest, ADeferredPublishKeepsItsDueTimeOverARestart) {
  Publish({milliseconds(100), {}});
  EndTurn();
  KillAndRestart();
  EXPECT_EQ(channel_->Stats(false).deferred_count, 1u);
  FakeConsumer consumer;
  Subscribe(&consumer, 10);
  EXPECT_FALSE(Advance(milliseconds(99)));
  Send();
  EXPECT_EQ(consumer.messages.size(), 1u);
  EXPECT_TRUE(Advance(milliseconds(1)));
  Send();
  EXPECT_EQ(Attempts(consumer), (std::vector<uint16_t>{1, 1}));
}

// The journal takes for unfinished what the cursor passes, and after a compaction nothing says
// that a deferred publish before it was finished long ago.
TEST_F(ChannelTest, ADeferredPublishFinishedAheadOfTheCursorStaysFinished) {
  for (const bool restarted : {false, true}) {
    SCOPED_TRACE(restarted);
    channel_->Empty();
    const auto sent = Publish({{}, {}, milliseconds(10)});
    Advance(milliseconds(10));
    EndTurn();
    KillAndRestart();  // now it comes before those that were never delivered
    FakeConsumer consumer;
    Subscription* const subscription = Subscribe(&consumer, 1);
    Send();
    ASSERT_EQ(consumer.messages.back().sequence, sent[2]);
    ASSERT_TRUE(channel_->Finish(subscription, sent[2], Wall()).ok());
    EndTurn();
    Compact();
    channel_->Unsubscribe(subscription);
    if (restarted) KillAndRestart();
    Subscribe(&consumer, 10);
    Send();
    EXPECT_EQ(consumer.messages.size(), 3u);
    EndTurn();
    KillAndRestart();
    EXPECT_EQ(channel_->unfinished(), 2u);
    FakeConsumer again;
    Subscribe(&again, 10);
    Send();
    EXPECT_EQ(again.Bodies(), (std::vector<std::string>{Body(sent[0]), Body(sent[1])}));
  }
}

// --- ephemeral

class DroppingChannelTest : public ChannelTest {
 protected:
  DroppingChannelTest() {
    log_options_.dir.clear();
    options_.drop_beyond = 4;
    name_ = "c#ephemeral";
    Open();
  }
};

TEST_F(DroppingChannelTest, KeepsTheFirstAndDropsTheRest) {
  const auto sent = Publish(7);
  EXPECT_EQ(channel_->depth(), 4u);
  EXPECT_EQ(channel_->Stats(false).message_count, 7u);
  FakeConsumer consumer;
  Subscribe(&consumer, 2);
  Send();
  const auto later = Publish(3);
  EXPECT_EQ(channel_->depth(), 4u);
  channel_->SetReady(Subscribe(&consumer, 100), 100);
  Send();
  EXPECT_EQ(consumer.Bodies(),
            (std::vector<std::string>{Body(sent[0]), Body(sent[1]), Body(sent[2]), Body(sent[3]),
                                      Body(later[0]), Body(later[1])}));
  EXPECT_EQ(channel_->depth(), 0u);
}

TEST_F(DroppingChannelTest, DeferredOnesAreKeptAndTakeNoRoom) {
  const auto sent = Publish({{}, seconds(1), {}, seconds(1), {}, {}, {}, seconds(1), {}});
  EXPECT_EQ(channel_->depth(), 4u);
  EXPECT_EQ(channel_->Stats(false).deferred_count, 3u);
  FakeConsumer consumer;
  Subscribe(&consumer, 100);
  Send();
  EXPECT_EQ(consumer.Bodies(),
            (std::vector<std::string>{Body(sent[0]), Body(sent[2]), Body(sent[4]), Body(sent[5])}));
  EXPECT_TRUE(Advance(seconds(1)));
  EXPECT_EQ(channel_->depth(), 3u);
  Send();
  EXPECT_EQ(consumer.messages.size(), 7u);
  EXPECT_EQ(channel_->depth(), 0u);
}

TEST_F(DroppingChannelTest, RequeuedOnesAreNotDroppedForNewOnes) {
  FakeConsumer consumer;
  Subscription* const subscription = Subscribe(&consumer, 6);
  const auto sent = Publish(4);
  Send();
  Publish(2);
  Send();
  for (const auto& message : std::vector(consumer.messages)) {
    ASSERT_TRUE(channel_->Requeue(subscription, message.sequence, Duration::zero(), Wall()).ok());
  }
  Publish({{}, seconds(1), {}});
  EXPECT_EQ(channel_->depth(), 6u) << "the new ones found it full";
  EXPECT_EQ(channel_->Stats(false).deferred_count, 1u);
  Send();
  EXPECT_EQ(consumer.messages.size(), 12u);
  EXPECT_EQ(consumer.messages.back().attempts, 2);
}

TEST_F(DroppingChannelTest, OneThatNobodyReadsDoesNotHoldTheLogBack) {
  Publish(6);
  for (int i = 0; i < 1000; ++i) Publish(3);
  EXPECT_LE(log_->appended() - channel_->LowWater(), Channel::kDropReach * options_.drop_beyond);
  EXPECT_LE(channel_->depth(), options_.drop_beyond);
  FakeConsumer consumer;
  Subscribe(&consumer, 100);
  Send();
  EXPECT_LE(consumer.messages.size(), options_.drop_beyond);
  EXPECT_EQ(channel_->depth(), 0u);
  Publish(2);
  Send();
  EXPECT_EQ(consumer.messages.back().body, Body({log_->appended().value - 1}));
}

}  // namespace
}  // namespace nsq::nsqd
