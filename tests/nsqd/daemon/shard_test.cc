#include "nsqd/daemon/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/event/helper_pool.h"
#include "nsqd/daemon/health.h"
#include "nsqd/daemon/lookup_desk.h"
#include "nsqd/daemon/placement.h"
#include "nsqd/http/metrics_page.h"
#include "tests/common/metrics/exposition_parser.h"
#include "tests/nsqd/storage/memory_files.h"

namespace nsq::nsqd {
namespace {

using testing::ElementsAre;

// Two shards, their loops turned one after the other by this thread, over a disk in memory.
class ShardTest : public testing::Test {
 protected:
  ShardTest() {
    options_.data_path = "data";
    options_.loops = 2;
    for (size_t i = 0; i < 2; ++i) {
      loops_.push_back(std::make_unique<EventLoop>("loop " + std::to_string(i)));
    }
    for (size_t i = 0; i < 2; ++i) {
      shards_.push_back(std::make_unique<Shard>(*loops_[i], world_, i));
      world_.shards.push_back(shards_[i].get());
    }
    desk_ = std::make_unique<LookupDesk>(*loops_[0]);
    world_.lookup = desk_.get();
  }
  void TearDown() override {
    for (const auto& shard : shards_) shard->CloseTopics();
    shards_.clear();
    pool_.reset();
  }

  struct Answers : Publisher {
    void OnPublished(uint64_t ticket, const Status& status) override {
      statuses.resize(std::max<size_t>(statuses.size(), ticket + 1));
      EXPECT_EQ(statuses[ticket], "") << "answered twice";
      statuses[ticket] = status.ok() ? "ok" : status.detail();
    }
    std::vector<std::string> statuses;
  };

  // Letters that go round and round would never end here.
  void Turns(int count = 10) {
    for (int i = 0; i < count; ++i) {
      for (const auto& loop : loops_) loop->RunOnce(false);
    }
  }
  void Publish(size_t shard, const std::string& topic, const std::string& body) {
    const std::string_view view = body;
    shards_[shard]->Publish(topic, {&view, 1}, Duration::zero(), &answers_, ticket_++);
  }
  // The answer's detail, "ok", or nothing as long as there is none.
  std::shared_ptr<std::string> Act(size_t shard, TopicAction action, const std::string& topic,
                                   const std::string& channel = "") {
    auto answer = std::make_shared<std::string>();
    shards_[shard]->Act(action, topic, channel, [answer](const Backend::ActionResult& result) {
      *answer = result.status.ok() ? "ok" : result.status.detail();
    });
    return answer;
  }
  DaemonStats Stats(size_t shard) {
    DaemonStats stats;
    bool done = false;
    shards_[shard]->GatherStats({}, [&](DaemonStats all) {
      stats = std::move(all);
      done = true;
    });
    Turns();
    EXPECT_TRUE(done);
    return stats;
  }
  std::vector<std::string> Topics() {
    std::vector<std::string> topics;
    for (const TopicStats& topic : Stats(0).topics) {
      topics.push_back(topic.name + ":" + std::to_string(topic.message_count));
    }
    return topics;
  }
  // The pool's only thread does nothing until GoOn.
  struct Hung {
    void GoOn() { go_on.set_value(); }
    std::promise<void> go_on;
  };
  std::shared_ptr<Hung> HangPool() {
    struct Hang : Job {
      void Run() noexcept override { wait.wait(); }
      void Open() noexcept override {}
      std::future<void> wait;
    };
    auto hung = std::make_shared<Hung>();
    auto job = std::make_unique<Hang>();
    job->wait = hung->go_on.get_future();
    pool_->Submit(std::move(job), loops_[0].get());
    return hung;
  }
  uint64_t LettersOf(size_t loop) { return loops_[loop]->stats().letters; }

  Options options_;
  MemoryFiles files_;
  std::unique_ptr<HelperPool> pool_ = std::make_unique<HelperPool>(1);
  Placement placement_{2};
  Health health_;
  ShardWorld world_{options_, *pool_, files_, placement_, health_, {}, nullptr};
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::unique_ptr<LookupDesk> desk_;
  std::vector<std::unique_ptr<Shard>> shards_;
  Answers answers_;
  uint64_t ticket_ = 0;
};

TEST_F(ShardTest, PublishesReachTheirTopicFromEveryLoopAndAreAnswered) {
  Publish(0, "a", "1");  // lives on 0
  Publish(1, "b", "1");  // lives on 1
  Publish(1, "a", "2");
  Publish(0, "b", "2");
  Turns();
  EXPECT_THAT(answers_.statuses, ElementsAre("ok", "ok", "ok", "ok"));
  EXPECT_THAT(Topics(), ElementsAre("a:2", "b:2"));
  EXPECT_EQ(placement_.Find("a"), 0u);
  EXPECT_EQ(placement_.Find("b"), 1u);
}

// More topics than one turn makes lines for; one goes, another comes meanwhile.
TEST_F(ShardTest, MetricsOfManyTopicsTakeSeveralTurnsAndMissNone) {
  constexpr size_t kTopics = 3000;
  for (size_t i = 0; i < kTopics; ++i) Publish(0, std::to_string(i) + "#ephemeral", "x");
  Turns();
  std::vector<MetricsPart> parts;
  const uint64_t turns = loops_[1]->stats().turns;
  shards_[0]->GatherMetrics(true, [&](std::vector<MetricsPart> all) { parts = std::move(all); });
  for (const auto& loop : loops_) loop->RunOnce(false);
  EXPECT_TRUE(parts.empty());
  const auto gone = Act(0, TopicAction::kDeleteTopic, "7#ephemeral");
  Publish(0, "new#ephemeral", "x");
  while (parts.empty() && loops_[1]->stats().turns < turns + 100) {
    for (const auto& loop : loops_) loop->RunOnce(false);
  }
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(*gone, "ok");
  const metrics::ParseResult page = metrics::ParseExposition(MetricsText(parts, "OK", 0));
  ASSERT_EQ(page.error, "");
  const size_t samples = page.page.families.at("nsq_topic_depth").samples.size();
  EXPECT_GE(samples, kTopics - 1);
  EXPECT_LE(samples, kTopics + 1);
  EXPECT_EQ(page.page.Find("nsq_publish_duration_seconds_count").value_or(0), kTopics);
  EXPECT_EQ(page.page.Find("nsq_loop_topics", {{"loop", "0"}}), kTopics / 2.0);
}

TEST_F(ShardTest, ATurnsPublishesForOneLoopAreOneLetter) {
  Publish(0, "a", "1");
  Turns();
  const uint64_t there = LettersOf(0);
  const uint64_t back = LettersOf(1);
  for (int i = 0; i < 100; ++i) Publish(1, "a", "x");
  Turns();
  EXPECT_EQ(LettersOf(0) - there, 1u);
  EXPECT_EQ(LettersOf(1) - back, 1u);
  EXPECT_EQ(answers_.statuses, std::vector<std::string>(101, "ok"));
}

TEST_F(ShardTest, ATopicThatWaitsForTheDiskHoldsUpNoOther) {
  Publish(0, "slow", "1");
  Publish(0, "quick", "1");
  Turns();
  Act(0, TopicAction::kTopicDurabilityFsync, "slow");
  Turns();
  answers_.statuses.clear();
  ticket_ = 0;
  const auto hung = HangPool();
  Publish(1, "slow", "2");
  Publish(1, "quick", "2");
  Publish(1, "slow", "3");
  Turns();
  EXPECT_THAT(answers_.statuses, ElementsAre("", "ok"));
  hung->GoOn();
  while (answers_.statuses.size() < 3 || answers_.statuses[0].empty()) Turns(1);
  EXPECT_THAT(answers_.statuses, ElementsAre("ok", "ok", "ok"));
}

TEST_F(ShardTest, ATopicThatCannotBeMadeRefusesItsPublishesWhereverTheyComeFrom) {
  files_.set_capacity(0);
  Publish(0, "a", "1");
  Turns();
  Publish(1, "a", "2");
  Turns();
  ASSERT_EQ(answers_.statuses.size(), 2u);
  for (const std::string& status : answers_.statuses) EXPECT_NE(status, "ok");
  files_.set_capacity(MemoryFiles::kUnlimited);
  Publish(1, "a", "3");
  Turns();
  EXPECT_EQ(answers_.statuses[2], "ok");
}

// Loop 1 remembers loop 0 as the home of a topic that is about to be made on loop 1.
class MovedTopicTest : public ShardTest {
 protected:
  MovedTopicTest() {
    Publish(0, "x", "1");
    Publish(1, "x", "1");
    Turns();
    EXPECT_EQ(placement_.Find("x"), 0u);
    Act(0, TopicAction::kDeleteTopic, "x");
    Turns();
    Publish(0, "e", "1");
    Turns();
    EXPECT_EQ(placement_.Find("e"), 0u);  // the next one goes to loop 1
  }
};

TEST_F(MovedTopicTest, EnsureTopicFindsItsNewHome) {
  shards_[0]->EnsureTopic("x");
  Turns();
  const uint64_t letters = LettersOf(0) + LettersOf(1);
  Turns();
  EXPECT_EQ(LettersOf(0) + LettersOf(1), letters) << "still under way";
  EXPECT_EQ(placement_.Find("x"), 1u);
  EXPECT_THAT(Topics(), testing::Contains("x:0"));
}

TEST_F(MovedTopicTest, PublishesFindItsNewHome) {
  Publish(0, "x", "new");
  Publish(1, "x", "new");
  Turns();
  EXPECT_EQ(placement_.Find("x"), 1u);
  EXPECT_EQ(answers_.statuses, std::vector<std::string>(5, "ok"));
  EXPECT_THAT(Topics(), testing::Contains("x:2"));
}

// Deleted on its way: the request to make it must not make it where nobody looks for it, beside
// the one that the next publish makes.
TEST_F(ShardTest, ATopicIsMadeOnlyAtItsHome) {
  Publish(0, "x", "old");
  Publish(0, "on one", "1");
  Publish(0, "on zero", "1");
  Turns();
  ASSERT_EQ(placement_.Find("x"), 0u);
  const auto deleted = Act(1, TopicAction::kDeleteTopic, "x");
  const auto made = Act(1, TopicAction::kCreateTopic, "x");  // sent to 0 as well
  Turns();
  EXPECT_EQ(*deleted, "ok");
  EXPECT_EQ(*made, "ok");
  ASSERT_TRUE(placement_.Find("x").has_value());
  Publish(0, "x", "1");
  Publish(1, "x", "2");
  Turns();
  EXPECT_THAT(Topics(), ElementsAre("on one:1", "on zero:1", "x:2"));
}

TEST_F(ShardTest, ActionsSayWhatIsMissing) {
  const auto no_topic = Act(0, TopicAction::kPauseTopic, "x");
  Publish(1, "a", "1");
  Turns();
  EXPECT_EQ(*no_topic, "topic does not exist");
  const auto no_channel = Act(1, TopicAction::kDeleteChannel, "a", "c");
  const auto made = Act(1, TopicAction::kCreateChannel, "a", "c");
  Turns();
  EXPECT_EQ(*no_channel, "channel does not exist");
  EXPECT_EQ(*made, "ok");
  EXPECT_EQ(Stats(1).topics.at(0).channels.at(0).name, "c");
}

// One goes meanwhile.
TEST_F(ShardTest, ABackupOfManyTopicsTakesSeveralTurnsAndMissesNone) {
  constexpr size_t kTopics = 500;
  for (size_t i = 0; i < kTopics; ++i) Publish(0, "t" + std::to_string(i), "x");
  Turns();
  std::optional<Backend::BackupResult> result;
  shards_[1]->Backup("b", [&](const Backend::BackupResult& done) { result = done; });
  const auto links = [&] {
    const std::vector<std::string> calls = files_.Calls();
    return std::count_if(calls.begin(), calls.end(),
                         [](const std::string& call) { return call.starts_with("link "); });
  };
  const auto turn = [&] {
    for (const auto& loop : loops_) {
      const auto before = links();
      loop->RunOnce(false);
      EXPECT_LE(links() - before, 64) << "in one turn";
    }
  };
  while (links() == 0) turn();
  Act(0, TopicAction::kDeleteTopic, "t0");
  while (!result) turn();
  ASSERT_TRUE(result->status.ok()) << result->status.ToString();
  EXPECT_GE(result->topics, kTopics - 1);
  EXPECT_LE(result->topics, kTopics);
  for (size_t i = 1; i < kTopics; ++i) {
    EXPECT_TRUE(files_.Has("data/backups/b/t" + std::to_string(i) + ".topic/journal")) << i;
  }
}

TEST_F(ShardTest, AnEphemeralTopicGoesWithItsLastChannel) {
  Publish(0, "e#ephemeral", "1");
  Turns();
  Act(1, TopicAction::kCreateChannel, "e#ephemeral", "c");
  Turns();
  Act(1, TopicAction::kDeleteChannel, "e#ephemeral", "c");
  Turns();
  EXPECT_THAT(Topics(), ElementsAre());
  EXPECT_FALSE(placement_.Find("e#ephemeral").has_value());
}

TEST_F(ShardTest, HealthIsBadWhileATopicsDiskFailsAndForgetsDeletedOnes) {
  Publish(0, "a", "1");
  Turns();
  files_.set_capacity(files_.total_bytes());
  Publish(0, "a", "2");
  Turns();
  EXPECT_NE(health_.Text(), "OK");
  Act(1, TopicAction::kDeleteTopic, "a");
  Turns();
  EXPECT_EQ(health_.Text(), "OK");
}

TEST_F(ShardTest, AClosingShardRefusesPublishesOfOtherLoops) {
  Publish(0, "a", "1");
  Turns();
  for (const auto& shard : shards_) shard->CloseClients();
  shards_[0]->CloseTopics();
  Publish(1, "a", "2");
  Publish(1, "new", "3");
  Turns();
  EXPECT_THAT(answers_.statuses, ElementsAre("ok", "exiting", "exiting"));
}

// --- placement

TEST(PlacementTest, NewTopicsGoToTheLoopWithTheFewest) {
  Placement placement(3);
  EXPECT_EQ(placement.HomeOf("a"), 0u);
  EXPECT_EQ(placement.HomeOf("b"), 1u);
  EXPECT_EQ(placement.HomeOf("c"), 2u);
  placement.Forget("b");
  EXPECT_EQ(placement.HomeOf("d"), 1u);
  EXPECT_EQ(placement.HomeOf("a"), 0u);
  EXPECT_EQ(placement.Find("b"), std::nullopt);
  placement.Forget("never there");
  EXPECT_EQ(placement.HomeOf("e"), 0u);
}

TEST(PlacementTest, AmongEquallyLoadedLoopsTheAskerIsTheHome) {
  Placement placement(3);
  EXPECT_EQ(placement.HomeOf("a", 2), 2u);
  EXPECT_EQ(placement.HomeOf("b", 2), 0u) << "2 has one topic more";
  EXPECT_EQ(placement.HomeOf("c", 2), 1u);
  EXPECT_EQ(placement.HomeOf("d", 2), 2u);
  EXPECT_EQ(placement.HomeOf("b", 2), 0u) << "stays where it is";
}

TEST(HealthTest, IsBadWhileAnyTopicFails) {
  Health health;
  EXPECT_EQ(health.Text(), "OK");
  health.Note("a", Status(Code::kIo, "broken"));
  health.Note("b", Status(Code::kExhausted, "full"));
  health.Note("a", Status());
  EXPECT_EQ(health.Text(), "NOK - full");
  health.Forget("b");
  EXPECT_EQ(health.Text(), "OK");
}

}  // namespace
}  // namespace nsq::nsqd
