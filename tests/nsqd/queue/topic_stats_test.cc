#include <gtest/gtest.h>

#include "tests/nsqd/queue/topic_fixture.h"

// What a topic says of itself: latencies, the age of what waits, figures for /metrics.

namespace nsq::nsqd {
namespace {

class TopicStatsTest : public TopicTest {
 protected:
  void OpenMeasured() {
    options_.e2e_processing_latency_percentiles = {1.0, 0.5};
    Open();
  }
  TopicStats Stats(const std::string& channel = "") { return topic_->Stats({"", channel, false}); }
  void PassTime(Duration duration) {
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
    Turn();
  }
};

TEST_F(TopicStatsTest, WithoutPercentilesNothingIsMeasured) {
  Open();
  Client* const client = Subscribe("c");
  PublishOk({"1"});
  Settle();
  FinishAll(client);
  EXPECT_EQ(client->channel->latencies(), nullptr);
  EXPECT_EQ(Stats().e2e.count, 0u);
  EXPECT_TRUE(Stats().e2e.percentiles.empty());
  EXPECT_TRUE(StatsOf("c").e2e.percentiles.empty());
}

TEST_F(TopicStatsTest, LatencyIsFromPublishToFin) {
  OpenMeasured();
  Client* const client = Subscribe("c");
  const WallTime before = loop_.WallClock();
  PublishOk({"1"});
  Settle();
  EXPECT_EQ(StatsOf("c").e2e.count, 0u) << "not at delivery";
  ASSERT_EQ(StatsOf("c").e2e.percentiles.size(), 2u) << "but shown, as zeros";
  EXPECT_EQ(StatsOf("c").e2e.percentiles[0].nanos, 0u);
  PassTime(milliseconds(20));
  FinishAll(client);
  const Duration most = WallNow() - before;
  const LatencyStats stats = StatsOf("c").e2e;
  EXPECT_EQ(stats.count, 1u);
  EXPECT_EQ(stats.percentiles[0].quantile, 1.0);
  EXPECT_EQ(stats.percentiles[1].quantile, 0.5);
  EXPECT_GE(stats.percentiles[0].nanos, 19'000'000u);
  EXPECT_LE(stats.percentiles[0].nanos, static_cast<uint64_t>(most.count()));
}

TEST_F(TopicStatsTest, RequeuingDoesNotCountAndTheTimeRunsOn) {
  OpenMeasured();
  Client* const client = Subscribe("c");
  PublishOk({"1"});
  Settle();
  PassTime(milliseconds(20));
  ASSERT_TRUE(client->channel
                  ->Requeue(client->subscription, client->consumer.messages[0].sequence,
                            Duration::zero(), loop_.WallClock())
                  .ok());
  client->answered = 1;
  topic_->Wake();
  Settle();
  EXPECT_EQ(StatsOf("c").e2e.count, 0u);
  FinishAll(client);
  EXPECT_EQ(StatsOf("c").e2e.count, 1u);
  EXPECT_GE(StatsOf("c").e2e.percentiles[0].nanos, 19'000'000u) << "from the first publish";
}

TEST_F(TopicStatsTest, ATopicsLatencyIsOfAllItsChannelsWhicheverIsAskedFor) {
  OpenMeasured();
  EXPECT_TRUE(Stats().e2e.percentiles.empty()) << "no channel: null, as the original";
  Client* const a = Subscribe("a");
  Client* const b = Subscribe("b");
  PublishOk({"1", "2", "3"});
  Settle();
  FinishAll(a);
  b->consumer.messages.resize(1);
  FinishAll(b);
  EXPECT_EQ(StatsOf("a").e2e.count, 3u);
  EXPECT_EQ(StatsOf("b").e2e.count, 1u);
  EXPECT_EQ(Stats().e2e.count, 4u);
  EXPECT_EQ(Stats("b").e2e.count, 4u);
}

TEST_F(TopicStatsTest, TheOldestIsTheOldestThatWaits) {
  Open();
  EXPECT_EQ(Stats().oldest, WallTime());
  const WallTime before = loop_.WallClock();
  PublishOk({"1"});
  const WallTime after = WallNow();
  EXPECT_GE(Stats().oldest, before);
  EXPECT_LE(Stats().oldest, after);
  PassTime(milliseconds(5));
  PublishOk({"2"});
  Client* const client = Subscribe("c", 1);
  EXPECT_EQ(Stats().oldest, WallTime()) << "all of it belongs to the channel now";
  ASSERT_EQ(client->consumer.Bodies(), Bodies{"1"});
  EXPECT_GT(StatsOf("c").oldest, after) << "what is in flight does not wait";
  ASSERT_TRUE(client->channel
                  ->Requeue(client->subscription, client->consumer.messages[0].sequence,
                            Duration::zero(), loop_.WallClock())
                  .ok());
  client->channel->SetReady(client->subscription, 0);
  EXPECT_LE(StatsOf("c").oldest, after) << "what was requeued does";
  EXPECT_EQ(StatsOf("c").depth, 2u);
}

// What the memory has let go is dated by marks and by its segment, never too young.
TEST_F(TopicStatsTest, TheAgeOfWhatIsOnTheDiskIsKnownWithoutReadingIt) {
  options_.mem_queue_size = 1;
  budget_.limit_bytes = 1;
  Open();
  Client* const client = Subscribe("c", 0);
  const WallTime before = loop_.WallClock();
  PublishOk({std::string(300'000, 'x')});
  const WallTime after = WallNow();
  PublishOk({std::string(300'000, 'y')});
  PublishOk({std::string(300'000, 'z')});
  Settle();
  ASSERT_GT(StatsOf("c").backend_depth, 0u);
  EXPECT_GE(StatsOf("c").oldest, before);
  EXPECT_LE(StatsOf("c").oldest, after);
  clients_.clear();
  (void)client;
  KillAndRestart();
  ASSERT_EQ(StatsOf("c").depth, 3u);
  EXPECT_GE(StatsOf("c").oldest, before) << "the segment says when it was begun";
  EXPECT_LE(StatsOf("c").oldest, after);
}

TEST_F(TopicStatsTest, PublishesDeliveriesAndSyncsAreTimed) {
  options_.durability = Durability::kFsync;
  QueueMetrics metrics;
  Result<std::unique_ptr<Topic>> topic =
      Topic::Open({loop_, *pool_, files_, budget_, options_, observer_, &metrics}, "t");
  ASSERT_TRUE(topic.ok());
  topic_ = std::move(*topic);
  topic_->Start();
  Client* const client = Subscribe("c");
  PublishOk({"1", "2", "3"});
  PublishOk({"4"});
  PublishOk({"5"}, milliseconds(1));
  Settle();
  ASSERT_TRUE(TurnUntil([&] { return client->consumer.messages.size() == 5; }));
  EXPECT_EQ(metrics.publish.count(), 3u) << "publishes, not messages";
  EXPECT_GE(metrics.sync.count(), 1u);
  EXPECT_EQ(metrics.delivery.count(), 4u) << "without the deferred one";
  ASSERT_TRUE(client->channel
                  ->Requeue(client->subscription, client->consumer.messages[0].sequence,
                            Duration::zero(), loop_.WallClock())
                  .ok());
  topic_->Wake();
  Settle();
  EXPECT_EQ(client->consumer.messages.size(), 6u);
  EXPECT_EQ(metrics.delivery.count(), 4u) << "first deliveries only";
}

TEST_F(TopicStatsTest, ARefusedPublishIsNotTimed) {
  QueueMetrics metrics;
  Result<std::unique_ptr<Topic>> topic =
      Topic::Open({loop_, *pool_, files_, budget_, options_, observer_, &metrics}, "t");
  ASSERT_TRUE(topic.ok());
  topic_ = std::move(*topic);
  topic_->Start();
  topic_->Delete();
  Publish("1");
  Turn();
  EXPECT_EQ(publisher_.answers.size(), 1u);
  EXPECT_EQ(metrics.publish.count(), 0u);
}

TEST_F(TopicStatsTest, FinishedMessagesAreCounted) {
  Open();
  Client* const client = Subscribe("c");
  PublishOk({"1", "2"});
  Settle();
  EXPECT_EQ(Stats().memory_messages, 2u);
  EXPECT_EQ(StatsOf("c").finish_count, 0u);
  FinishAll(client);
  EXPECT_EQ(StatsOf("c").finish_count, 2u);
}

}  // namespace
}  // namespace nsq::nsqd
