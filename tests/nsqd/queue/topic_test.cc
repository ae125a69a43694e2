#include "nsqd/queue/topic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/nsqd/queue/topic_fixture.h"

namespace nsq::nsqd {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

// --- fan-out

// What nsqlookupd knew when it was asked must not bring back what was deleted meanwhile.
TEST_F(TopicTest, AChannelDeletedBeforeTheStartIsNotMadeByIt) {
  Open("t", false);
  ASSERT_TRUE(topic_->GetOrCreateChannel("gone").ok());
  ASSERT_TRUE(topic_->DeleteChannel("gone").ok());
  topic_->Start({"gone", "known"});
  EXPECT_EQ(topic_->ChannelNames(), std::vector<std::string>{"known"});
  EXPECT_TRUE(topic_->GetOrCreateChannel("gone").ok()) << "but may be made again";
}

TEST_F(TopicTest, TheFirstChannelGetsAllThatWasBufferedASecondOnlyWhatComesLater) {
  Open();
  PublishOk({"1", "2"});
  EXPECT_EQ(topic_->depth(), 2u);
  Client* const first = Subscribe("a");
  EXPECT_EQ(topic_->depth(), 0u);
  Client* const second = Subscribe("b");
  PublishOk({"3"});
  Settle();
  EXPECT_THAT(first->consumer.Bodies(), ElementsAre("1", "2", "3"));
  EXPECT_THAT(second->consumer.Bodies(), ElementsAre("3"));
  EXPECT_EQ(first->consumer.messages[2].sequence, second->consumer.messages[0].sequence);
}

TEST_F(TopicTest, NothingFlowsBeforeTheStart) {
  Open("t", false);
  Client* const client = Subscribe("a");
  PublishOk({"1"});
  Settle();
  EXPECT_THAT(client->consumer.Bodies(), IsEmpty());
  EXPECT_EQ(topic_->depth(), 1u);
  Client* const other = Subscribe("b");
  topic_->Start();
  Settle();
  EXPECT_THAT(client->consumer.Bodies(), ElementsAre("1"));
  EXPECT_THAT(other->consumer.Bodies(), ElementsAre("1"));
}

TEST_F(TopicTest, APausedTopicKeepsItsMessagesChannelsDeliverWhatTheyHave) {
  Open();
  Client* const client = Subscribe("a", 0);
  PublishOk({"1"});
  topic_->Pause();
  PublishOk({"2"});
  client->channel->SetReady(client->subscription, 10);
  topic_->Wake();
  Settle();
  EXPECT_THAT(client->consumer.Bodies(), ElementsAre("1"));
  EXPECT_EQ(topic_->depth(), 1u);
  KillAndRestart();
  EXPECT_TRUE(topic_->paused());
  EXPECT_EQ(topic_->depth(), 1u);
  Client* const again = Subscribe("a");
  EXPECT_THAT(again->consumer.Bodies(), ElementsAre("1"));
  topic_->Unpause();
  Settle();
  EXPECT_THAT(again->consumer.Bodies(), ElementsAre("1", "2"));
}

TEST_F(TopicTest, PublishesOfOneTurnSurviveAPauseAndAnUnpauseInTheMiddle) {
  Open();
  Client* const client = Subscribe("a");
  Publish("1");
  topic_->Pause();
  Publish("2");
  topic_->Unpause();
  Publish("3", milliseconds(1));
  Settle();
  ASSERT_TRUE(TurnUntil([&] { return client->consumer.messages.size() == 3; }));
  EXPECT_THAT(client->consumer.Bodies(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(publisher_.answers.size(), 3u);
}

TEST_F(TopicTest, APausedChannelHoldsBackNoOther) {
  Open();
  Client* const a = Subscribe("a");
  Client* const b = Subscribe("b");
  ASSERT_TRUE(topic_->PauseChannel("a", true).ok());
  PublishOk({"1"});
  Settle();
  EXPECT_THAT(a->consumer.Bodies(), IsEmpty());
  EXPECT_THAT(b->consumer.Bodies(), ElementsAre("1"));
  KillAndRestart();
  EXPECT_TRUE(StatsOf("a").paused);
  EXPECT_FALSE(StatsOf("b").paused);
  ASSERT_TRUE(topic_->PauseChannel("a", false).ok());
  EXPECT_THAT(Subscribe("a")->consumer.Bodies(), ElementsAre("1"));
  EXPECT_EQ(topic_->PauseChannel("c", true).code(), Code::kNotFound);
}

TEST_F(TopicTest, EmptyDropsWhatNoChannelHasBeenGivenAndNothingElse) {
  Open();
  Subscribe("a", 0);
  PublishOk({"1"});
  topic_->Pause();
  PublishOk({"2"});
  PublishOk({"3"}, seconds(3600));
  Publish("4");  // not even written yet
  topic_->Empty();
  Settle();
  EXPECT_EQ(topic_->depth(), 0u);
  EXPECT_TRUE(publisher_.ok(tickets_));
  KillAndRestart();
  EXPECT_EQ(topic_->depth(), 0u);
  topic_->Unpause();
  PublishOk({"5"});
  Client* const client = Subscribe("a");
  EXPECT_THAT(client->consumer.Bodies(), ElementsAre("1", "5"));
  EXPECT_EQ(StatsOf("a").deferred_count, 0u);
}

TEST_F(TopicTest, ADeletedChannelClosesItsConsumersAndTheTopicBuffersAgain) {
  Open();
  Client* const client = Subscribe("a", 1);
  PublishOk({"1", "2"});
  ASSERT_TRUE(topic_->DeleteChannel("a").ok());
  EXPECT_TRUE(client->consumer.closed);
  EXPECT_EQ(topic_->DeleteChannel("a").code(), Code::kNotFound);
  PublishOk({"3"});
  EXPECT_EQ(topic_->depth(), 1u);
  KillAndRestart();
  EXPECT_THAT(topic_->ChannelNames(), IsEmpty());
  EXPECT_THAT(Subscribe("a")->consumer.Bodies(), ElementsAre("3"));
  EXPECT_THAT(observer_.news, ElementsAre("+a", "-a", "+a"));
}

TEST_F(TopicTest, AllIsDeliveredOverManyTurns) {
  Open();
  PublishOk(Bodies(7000, "x"));
  Client* const client = Subscribe("a", 10'000);
  ASSERT_TRUE(TurnUntil([&] { return client->consumer.messages.size() == 7000; }));
}

// --- time

TEST_F(TopicTest, WhatIsDeferredComesByItselfAndNeverEarly) {
  Open();
  Client* const client = Subscribe("a");
  const auto& messages = client->consumer.messages;
  const auto published = std::chrono::steady_clock::now();
  PublishOk({"late"}, milliseconds(20));
  ASSERT_TRUE(TurnUntil([&] { return messages.size() == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now() - published, milliseconds(20));
  const auto requeued = std::chrono::steady_clock::now();
  ASSERT_TRUE(client->channel
                  ->Requeue(client->subscription, messages[0].sequence, milliseconds(20), WallNow())
                  .ok());
  topic_->Wake();
  ASSERT_TRUE(TurnUntil([&] { return messages.size() == 2; }));
  EXPECT_GE(std::chrono::steady_clock::now() - requeued, milliseconds(20));
  EXPECT_EQ(messages[1].attempts, 2);
}

TEST_F(TopicTest, WhatIsDeferredLateInALongTurnIsNotEarly) {
  Open();
  Client* const client = Subscribe("a");
  loop_.WallClock();  // as of the turn's begin
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < milliseconds(25)) {
  }
  const auto published = std::chrono::steady_clock::now();
  PublishOk({"late"}, milliseconds(20));
  ASSERT_TRUE(TurnUntil([&] { return client->consumer.messages.size() == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now() - published, milliseconds(20));
}

TEST_F(TopicTest, WhatTimesOutComesBackByItselfAndNeverEarly) {
  Open();
  const auto start = std::chrono::steady_clock::now();
  Client* const client = Subscribe("a", 1000, milliseconds(20));
  const auto& messages = client->consumer.messages;
  PublishOk({"1"});
  ASSERT_TRUE(TurnUntil([&] { return messages.size() >= 3; }));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(40));
  EXPECT_EQ(messages[2].attempts, 3);
}

// --- ephemeral

TEST_F(TopicTest, AnEphemeralChannelGoesWithItsLastConsumerAndLeavesNoTrace) {
  Open();
  ASSERT_TRUE(topic_->GetOrCreateChannel("never#ephemeral").ok());
  Client* const one = Subscribe("e#ephemeral");
  Client* const two = Subscribe("e#ephemeral");
  Leave(one);
  EXPECT_NE(topic_->FindChannel("e#ephemeral"), nullptr);
  Leave(two);
  EXPECT_EQ(topic_->FindChannel("e#ephemeral"), nullptr);
  EXPECT_NE(topic_->FindChannel("never#ephemeral"), nullptr);
  EXPECT_THAT(observer_.news, ElementsAre("+never#ephemeral", "+e#ephemeral", "-e#ephemeral"));
  KillAndRestart();
  EXPECT_THAT(topic_->ChannelNames(), IsEmpty());
}

TEST_F(TopicTest, AnEphemeralTopicTouchesNoDiskDropsWhenFullAndGoesWithItsLastChannel) {
  options_.mem_queue_size = 2;
  Open("t#ephemeral");
  PublishOk({"1", "2", "3"});
  EXPECT_EQ(topic_->depth(), 2u);
  EXPECT_EQ(topic_->Stats({}).message_count, 3u);
  Client* const client = Subscribe("a", 0);
  PublishOk({"4"});
  EXPECT_EQ(StatsOf("a").depth, 2u);
  EXPECT_EQ(StatsOf("a").message_count, 3u);
  client->channel->SetReady(client->subscription, 10);
  topic_->Wake();
  Settle();
  EXPECT_THAT(client->consumer.Bodies(), ElementsAre("1", "2"));
  Leave(client);
  EXPECT_NE(topic_->FindChannel("a"), nullptr) << "a normal channel stays";
  EXPECT_TRUE(files_.Calls().empty());
  ASSERT_TRUE(topic_->DeleteChannel("a").ok());
  EXPECT_EQ(observer_.news.back(), "forsaken");
}

TEST_F(TopicTest, AnEphemeralTopicIsForsakenAlsoWhenItsLastConsumerLeaves) {
  Open("t#ephemeral");
  Client* const client = Subscribe("e#ephemeral");
  const uint64_t ticket = Publish("1");
  Leave(client);
  EXPECT_THAT(observer_.news, ElementsAre("+e#ephemeral", "-e#ephemeral", "forsaken"));
  EXPECT_EQ(publisher_.answers.at(ticket).code(), Code::kUnavailable);
}

TEST_F(TopicTest, ANeglectedChannelOfAnEphemeralTopicDoesNotFillTheMemory) {
  options_.mem_queue_size = 100;
  Open("t#ephemeral");
  Subscribe("stuck", 0);
  Client* const in_flight = Subscribe("in flight", 1, seconds(3600));
  Client* const busy = Subscribe("busy", 1000);
  budget_.limit_bytes = 1 << 20;
  size_t most = 0;
  for (int i = 0; i < 500; ++i) {
    PublishOk(Bodies(50, std::string(200, 'x')));
    FinishAll(busy);
    most = std::max(most, budget_.used_bytes);
  }
  EXPECT_EQ(busy->consumer.messages.size(), 25'000u);
  EXPECT_EQ(in_flight->consumer.messages.size(), 1u);
  EXPECT_LT(most, size_t{2} << 20);
  FinishAll(in_flight);
}

TEST_F(TopicTest, AnEphemeralChannelThatNobodyReadsDoesNotKeepTheDiskFull) {
  options_.mem_queue_size = 100;
  options_.max_bytes_per_file = 64 << 10;
  Open();
  Subscribe("e#ephemeral", 0);
  Client* const busy = Subscribe("busy", 1000);
  for (int i = 0; i < 200; ++i) {
    PublishOk(Bodies(50, std::string(200, 'x')));
    FinishAll(busy);
  }
  EXPECT_LT(topic_->Stats({}).disk_bytes, size_t{512} << 10);
}

// --- answers

TEST_F(TopicTest, OkMeansTheKernelHasIt) {
  Open();
  uint64_t before = 0;
  publisher_.on_answer = [&](uint64_t, const Status&) { EXPECT_GT(files_.appends(), before); };
  for (const char* const body : {"1", "2", "3"}) {
    before = files_.appends();
    PublishOk({body});
  }
}

TEST_F(TopicTest, OkWithFsyncMeansTheDiskHasIt) {
  options_.durability = Durability::kFsync;
  Open();
  Subscribe("a", 0);
  const uint64_t before = files_.syncs();
  const uint64_t one = Publish("1");
  const uint64_t two = Publish("2", milliseconds(1));
  Turn();
  publisher_.on_answer = [&](uint64_t, const Status&) { EXPECT_GT(files_.syncs(), before); };
  ASSERT_TRUE(TurnUntil([&] { return publisher_.answers.size() == 2; }));
  EXPECT_TRUE(publisher_.ok(one) && publisher_.ok(two));
  EXPECT_THAT(publisher_.order, ElementsAre(one, two));
  topic_.reset();
  files_.CutPower();
  Open();
  Client* const client = Subscribe("a");
  ASSERT_TRUE(TurnUntil([&] { return client->consumer.messages.size() == 2; }));
  EXPECT_EQ(std::set<std::string>({"1", "2"}),
            std::set<std::string>(
                {client->consumer.messages[0].body, client->consumer.messages[1].body}));
}

TEST_F(TopicTest, AFailedSyncRefusesAllThatWaitedForIt) {
  options_.durability = Durability::kFsync;
  Open();
  files_.set_fail_sync(true);
  const uint64_t ticket = Publish("1");
  ASSERT_TRUE(TurnUntil([&] { return publisher_.answered(ticket); }));
  EXPECT_FALSE(publisher_.ok(ticket));
  EXPECT_THAT(observer_.news, Contains("disk failing"));
  files_.set_fail_sync(false);
  PublishOk({"2"});
  EXPECT_EQ(observer_.news.back(), "disk ok");
}

TEST_F(TopicTest, ASyncThatGoesWellDoesNotSayThatWritesDo) {
  options_.sync_timeout = milliseconds(1);
  Open();
  PublishOk({"1"});
  files_.set_capacity(files_.total_bytes());
  const uint64_t syncs = files_.syncs();
  const uint64_t ticket = Publish("2");
  ASSERT_TRUE(TurnUntil([&] { return publisher_.answered(ticket); }));
  EXPECT_FALSE(publisher_.ok(ticket));
  ASSERT_TRUE(TurnUntil([&] { return files_.syncs() > syncs; }));
  Settle();
  EXPECT_EQ(observer_.news.back(), "disk failing");
  files_.set_capacity(1 << 20);
  EXPECT_TRUE(TurnUntil([&] { return observer_.news.back() == "disk ok"; })) << "by itself";
}

TEST_F(TopicTest, AWriteThatGoesWellDoesNotSayThatSyncsDo) {
  options_.durability = Durability::kFsync;
  Open();
  files_.set_fail_sync(true);
  for (int i = 0; i < 3; ++i) {
    const uint64_t ticket = Publish("1");
    ASSERT_TRUE(TurnUntil([&] { return publisher_.answered(ticket); }));
    EXPECT_FALSE(publisher_.ok(ticket));
  }
  EXPECT_EQ(std::count(observer_.news.begin(), observer_.news.end(), "disk failing"), 1);
  EXPECT_THAT(observer_.news, testing::Not(Contains("disk ok")));
  files_.set_fail_sync(false);
  EXPECT_TRUE(TurnUntil([&] { return observer_.news.back() == "disk ok"; })) << "by itself";
}

TEST_F(TopicTest, InMemoryOkComesWithoutAWriteAndACleanStopKeepsAll) {
  options_.durability = Durability::kMemory;
  Open();
  Subscribe("a", 0);
  const uint64_t before = files_.appends();
  PublishOk({"1"});
  EXPECT_EQ(files_.appends(), before);
  StopAndRestart();
  EXPECT_THAT(Subscribe("a")->consumer.Bodies(), ElementsAre("1"));
}

TEST_F(TopicTest, APublisherMayPublishFromInsideItsAnswer) {
  Open();
  Client* const client = Subscribe("a");
  publisher_.on_answer = [&](uint64_t ticket, const Status&) {
    if (ticket < 5) Publish("again");
  };
  Publish("first");
  ASSERT_TRUE(TurnUntil([&] { return publisher_.answered(5); }));
  Settle();
  EXPECT_EQ(client->consumer.messages.size(), 5u);
}

// --- the disk is full

// Wherever it fills up: who was told OK is delivered, once, also after kill -9; who was refused
// never is.
TEST_F(TopicTest, DiskFullAtEveryByte) {
  for (uint64_t room = 0; room < 260; ++room) {
    SCOPED_TRACE(testing::Message() << "room " << room);
    const std::string name = "t" + std::to_string(room);
    Open(name);
    Subscribe("a", 0);
    PublishOk({"before"});
    files_.set_capacity(files_.total_bytes() + room);
    std::multiset<std::string> kept{"before"};
    const auto publish = [&](const std::string& body) {
      const uint64_t plain = Publish(body);
      const uint64_t deferred = Publish("deferred " + body, nanoseconds(1));
      Settle();
      ASSERT_TRUE(publisher_.answered(plain) && publisher_.answered(deferred));
      if (publisher_.ok(plain)) kept.insert(body);
      if (publisher_.ok(deferred)) kept.insert("deferred " + body);
    };
    publish("full");
    publish("still full");
    files_.set_capacity(MemoryFiles::kUnlimited);
    publish("after");
    EXPECT_TRUE(kept.contains("after") && kept.contains("deferred after"));
    const auto delivered = [&](Client* client) {
      EXPECT_TRUE(TurnUntil([&] { return client->consumer.messages.size() >= kept.size(); }));
      Settle();
      const Bodies bodies = client->consumer.Bodies();
      return std::multiset<std::string>(bodies.begin(), bodies.end());
    };
    // Every second time nobody has looked at them before the end comes.
    if (room % 2 == 0) {
      EXPECT_EQ(delivered(Subscribe("a", 100)), kept);
    }
    topic_.reset();
    files_.Revive();
    Open(name);
    EXPECT_EQ(delivered(Subscribe("a", 100)), kept) << "after kill -9";
    if (HasFailure()) return;
  }
}

TEST_F(TopicTest, AFullDiskIsSaidOnceAndSoIsItsEnd) {
  Open();
  Client* const client = Subscribe("a");
  PublishOk({"1"});
  files_.set_capacity(files_.total_bytes());
  for (int i = 0; i < 3; ++i) {
    const uint64_t ticket = Publish("2");
    Settle();
    EXPECT_EQ(publisher_.answers.at(ticket).code(), Code::kExhausted);
  }
  EXPECT_THAT(observer_.news, ElementsAre("+a", "disk failing"));
  EXPECT_EQ(client->consumer.messages.size(), 1u);
  files_.set_capacity(MemoryFiles::kUnlimited);
  PublishOk({"3"});
  Settle();
  EXPECT_THAT(observer_.news, ElementsAre("+a", "disk failing", "disk ok"));
  EXPECT_THAT(client->consumer.Bodies(), ElementsAre("1", "3"));
}

// --- restarts

TEST_F(TopicTest, ARestartKeepsWhatIsUnfinishedWithAttemptsAndDueTimes) {
  for (const bool clean : {false, true}) {
    SCOPED_TRACE(clean ? "clean" : "kill -9");
    topic_.reset();
    Open(clean ? "clean" : "killed");
    Client* const client = Subscribe("a", 3);
    PublishOk({"finished", "in flight", "requeued", "waiting"});
    PublishOk({"deferred"}, seconds(3600));
    Settle();
    ASSERT_EQ(client->consumer.messages.size(), 3u);
    const auto& messages = client->consumer.messages;
    ASSERT_TRUE(
        client->channel->Finish(client->subscription, messages[0].sequence, loop_.WallClock())
            .ok());
    ASSERT_TRUE(
        client->channel
            ->Requeue(client->subscription, messages[2].sequence, seconds(3600), loop_.WallClock())
            .ok());
    client->channel->SetReady(client->subscription, 0);
    topic_->Wake();
    Settle();
    const std::string name = topic_->name();
    if (clean) topic_->Close();
    topic_.reset();
    files_.Revive();
    Open(name);
    EXPECT_EQ(StatsOf("a").depth, 2u);
    EXPECT_EQ(StatsOf("a").deferred_count, 2u);
    Client* const again = Subscribe("a");
    ASSERT_THAT(again->consumer.Bodies(), ElementsAre("in flight", "waiting"));
    EXPECT_EQ(again->consumer.messages[0].attempts, 2);
    EXPECT_EQ(again->consumer.messages[1].attempts, 1);
    FinishAll(again);
    EXPECT_EQ(StatsOf("a").deferred_count, 2u);
  }
}

// Wherever the journal is hit: what it does not know any more comes again, nothing is missing and
// what was deferred is not early.
TEST_F(TopicTest, ADamagedJournalTakesNoChannelAndNoMessage) {
  const std::string path = "data/t.topic/journal";
  for (const bool passed : {false, true}) {
    files_.Clear();
    Open();
    ASSERT_TRUE(topic_->GetOrCreateChannel("a").ok());
    PublishOk({"plain"});
    PublishOk({"late"}, std::chrono::hours(1));
    PublishOk({"last"});
    if (passed) {
      Client* const client = Subscribe("a");
      EXPECT_THAT(client->consumer.Bodies(), ElementsAre("plain", "last"));
      Leave(client);
    }
    topic_.reset();
    MemoryFiles& disk = files_;
    const std::vector<std::byte> good = disk.Contents(path);
    std::map<std::string, std::vector<std::byte>> others;
    for (const std::string& name : disk.Paths()) others[name] = disk.Contents(name);
    for (size_t at = 0; at < good.size(); ++at) {
      SCOPED_TRACE(testing::Message()
                   << "byte " << at << " of " << good.size() << (passed ? ", passed" : ""));
      disk.Clear();
      ASSERT_TRUE(disk.MakeDir("data/t.topic").ok());
      for (const auto& [name, bytes] : others) disk.SetContents(name, bytes);
      std::vector<std::byte> bad = good;
      bad[at] ^= std::byte{0x10};
      disk.SetContents(path, bad);
      Open();
      EXPECT_THAT(topic_->ChannelNames(), ElementsAre("a"));
      Client* const client = Subscribe("a");
      EXPECT_THAT(client->consumer.Bodies(), testing::UnorderedElementsAre("plain", "last"));
      EXPECT_EQ(StatsOf("a").deferred_count, 1u);
      topic_.reset();
    }
  }
}

TEST_F(TopicTest, HeldDeferredPublishesSurviveARestartBeforeTheFirstChannel) {
  Open();
  PublishOk({"now"});
  PublishOk({"later"}, seconds(3600));
  KillAndRestart();
  EXPECT_EQ(topic_->depth(), 2u);
  Client* const client = Subscribe("a");
  EXPECT_THAT(client->consumer.Bodies(), ElementsAre("now"));
  EXPECT_EQ(StatsOf("a").deferred_count, 1u);
}

TEST_F(TopicTest, WhatEverybodyHasFinishedLeavesTheDisk) {
  options_.max_bytes_per_file = 64 << 10;
  Open();
  Client* const a = Subscribe("a");
  Client* const b = Subscribe("b");
  for (int i = 0; i < 100; ++i) {
    PublishOk(Bodies(50, std::string(200, 'x')));
    FinishAll(a);
    FinishAll(b);
  }
  EXPECT_LT(topic_->Stats({}).disk_bytes, size_t{256} << 10);
  KillAndRestart();
  EXPECT_EQ(StatsOf("a").depth + StatsOf("b").depth, 0u);
}

// The process dies at every call that changes the disk: what was acknowledged and not finished is
// delivered afterwards.
TEST_F(TopicTest, DiedAfterEveryCall) {
  bool died = true;
  for (uint64_t call = 0; died; ++call) {
    SCOPED_TRACE(testing::Message() << "call " << call);
    const std::string name = "t" + std::to_string(call);
    publisher_ = FakePublisher();
    files_.DieAfter(files_.changes() + call, call % 2 == 1);
    std::set<std::string> owed;
    std::set<std::string> finished;
    Result<std::unique_ptr<Topic>> opened =
        Topic::Open({loop_, *pool_, files_, budget_, options_, observer_}, name);
    if (opened.ok()) {
      topic_ = std::move(*opened);
      topic_->Start();
      Client* const client = Subscribe("a", 2);
      for (int round = 0; round < 5; ++round) {
        const std::string body = "m" + std::to_string(round);
        const uint64_t plain = Publish(body);
        const uint64_t deferred = Publish("d" + body, nanoseconds(1));
        Settle();
        if (publisher_.ok(plain)) owed.insert(body);
        if (publisher_.ok(deferred)) owed.insert("d" + body);
        if (round % 2 == 0 && client->answered < client->consumer.messages.size()) {
          const auto& message = client->consumer.messages[client->answered++];
          EXPECT_TRUE(
              client->channel->Finish(client->subscription, message.sequence, loop_.WallClock())
                  .ok());
          finished.insert(message.body);
          topic_->Wake();
        }
        Settle();
        if (round == 2) {
          topic_->Pause();
          const uint64_t held = Publish("held");
          Settle();
          if (publisher_.ok(held)) owed.insert("held");
          topic_->Unpause();
          Settle();
        }
      }
    }
    died = files_.dead();
    topic_.reset();
    files_.Revive();
    Open(name);
    topic_->Unpause();
    Client* const client = Subscribe("a", 1000);
    std::set<std::string> seen;
    const bool all = TurnUntil([&] {
      for (const auto& message : client->consumer.messages) seen.insert(message.body);
      for (const std::string& body : owed) {
        if (!seen.contains(body) && !finished.contains(body)) return false;
      }
      return true;
    });
    EXPECT_TRUE(all) << "of " << testing::PrintToString(owed) << " only "
                     << testing::PrintToString(seen) << " came";
    EXPECT_EQ(seen.size(), client->consumer.messages.size()) << "something came twice";
    if (!died) {
      for (const std::string& body : finished) EXPECT_FALSE(seen.contains(body)) << body;
    }
    if (HasFailure()) return;
  }
}

// --- the end of a topic

TEST_F(TopicTest, DeletionRefusesWhoWaitsAndLeavesNothing) {
  options_.durability = Durability::kFsync;
  Open();
  Client* const client = Subscribe("a");
  const uint64_t syncing = Publish("1");
  Turn();
  const uint64_t fresh = Publish("2");
  ASSERT_TRUE(topic_->RemoveFiles().ok());
  topic_->Delete();
  const uint64_t late = Publish("3");
  EXPECT_FALSE(topic_->GetOrCreateChannel("b").ok());
  topic_.reset();
  Turn();
  EXPECT_TRUE(client->consumer.closed);
  for (const uint64_t ticket : {syncing, fresh, late}) {
    ASSERT_TRUE(publisher_.answered(ticket));
    EXPECT_EQ(publisher_.answers.at(ticket).detail(), "exiting");
  }
  EXPECT_TRUE(TurnUntil([&] { return files_.total_bytes() == 0; }));
  Open();
  EXPECT_THAT(topic_->ChannelNames(), IsEmpty());
  EXPECT_EQ(topic_->depth(), 0u);
}

TEST_F(TopicTest, ATopicWhoseFilesCannotBeTakenAwayGoesOn) {
  Open();
  Client* const client = Subscribe("a");
  PublishOk({"1"});
  files_.DieAfter(0);
  EXPECT_FALSE(topic_->RemoveFiles().ok());
  files_.Revive();
  PublishOk({"2"});
  EXPECT_EQ(client->consumer.messages.size(), 2u);
  KillAndRestart();
  EXPECT_EQ(StatsOf("a").depth, 2u);
}

TEST_F(TopicTest, AMessageNumberIsNotGivenTwiceOverADeletion) {
  Open();
  PublishOk({"1"});
  const Sequence old = Subscribe("a")->consumer.messages.at(0).sequence;
  ASSERT_TRUE(topic_->RemoveFiles().ok());
  topic_->Delete();
  topic_.reset();
  Turn();
  Open();
  PublishOk({"2"});
  EXPECT_GT(Subscribe("a")->consumer.messages.at(0).sequence, old);
}

TEST_F(TopicTest, CloseAnswersWritesAndEndsSubscriptions) {
  Open();
  Client* const client = Subscribe("a", 1);
  const uint64_t ticket = Publish("1");
  topic_->Close();
  EXPECT_TRUE(publisher_.ok(ticket));
  EXPECT_TRUE(client->consumer.closed);
  const uint64_t late = Publish("2");
  Turn();
  EXPECT_EQ(publisher_.answers.at(late).code(), Code::kUnavailable);
  topic_.reset();
  Open();
  EXPECT_THAT(Subscribe("a")->consumer.Bodies(), ElementsAre("1"));
}

// A message due in a month keeps itself on the disk, not what came after it, and is not forgotten.
TEST_F(TopicTest, AStuckMessageDoesNotKeepFinishedSegments) {
  options_.max_bytes_per_file = 20'000;
  options_.mem_queue_size = 10;
  options_.sync_timeout = milliseconds(1);
  Open();
  Client* client = Subscribe("a", 2500);
  PublishOk({"in a month"}, std::chrono::hours(720));
  for (int turn = 0; turn < 200; ++turn) {
    PublishOk(Bodies(20, std::string(100, 'x')));
    FinishAll(client);
  }
  ASSERT_EQ(client->answered, 4000u);
  EXPECT_TRUE(TurnUntil([&] {
    FinishAll(client);
    return files_.total_bytes() < 40'000;
  })) << files_.total_bytes();
  EXPECT_EQ(StatsOf("a").deferred_count, 1u);
  KillAndRestart();
  EXPECT_EQ(StatsOf("a").deferred_count, 1u);
  EXPECT_EQ(topic_->Stats({"", "", false}).damaged_records, 0u);
}

TEST_F(TopicTest, ATopicMayHaveADurabilityOfItsOwn) {
  Open();
  PublishOk({"at os"});
  EXPECT_EQ(topic_->Stats({}).durability, "os");
  topic_->SetDurability(Durability::kFsync);
  Turn();
  const uint64_t syncs = files_.syncs();
  PublishOk({"on the disk"});
  EXPECT_GT(files_.syncs(), syncs);
  topic_.reset();
  files_.CutPower();
  Open();
  EXPECT_EQ(topic_->Stats({}).durability, "fsync") << "it is kept with the topic";
  EXPECT_TRUE(topic_->Stats({}).own_durability);
  EXPECT_EQ(topic_->depth(), 2u) << "a sync takes along what came before it";
  topic_->SetDurability(std::nullopt);
  StopAndRestart();
  EXPECT_EQ(topic_->Stats({}).durability, "os");
  EXPECT_FALSE(topic_->Stats({}).own_durability);
}

// What was in memory only is written when the topic is no longer content with that.
TEST_F(TopicTest, FromMemoryToOsWritesWhatIsThere) {
  options_.durability = Durability::kMemory;
  Open();
  PublishOk({"in memory"});
  topic_->SetDurability(Durability::kOs);
  Turn();
  KillAndRestart();
  EXPECT_EQ(topic_->depth(), 1u);
}

TEST_F(TopicTest, AStartDoesNotReadWhatIsKnownToBeOnTheDisk) {
  Open();
  Subscribe("a", 0);
  for (int i = 0; i < 100; ++i) PublishOk(Bodies(10, std::string(10'000, 'x')));
  StopAndRestart();
  EXPECT_EQ(StatsOf("a").depth, 1000u);
  const uint64_t reads = files_.reads();
  StopAndRestart();
  EXPECT_EQ(StatsOf("a").depth, 1000u);
  EXPECT_LE(files_.reads() - reads, 6u) << "ten megabytes would be forty blocks";
  PublishOk({"more"});
  KillAndRestart();
  EXPECT_EQ(StatsOf("a").depth, 1001u) << "what came after that place is found";
}

// At the reserve publishing is refused; consumers finish, which makes room, and publishing goes on
// although nobody tried meanwhile.
TEST_F(TopicTest, AtTheReserveConsumersGoOnAndPublishingResumes) {
  options_.max_bytes_per_file = 50'000;
  options_.sync_timeout = milliseconds(1);
  files_.set_capacity(400'000);
  DiskRoom room(files_, "data", 100'000);
  room_ = &room;
  Open();
  Client* const client = Subscribe("a", 0);
  uint64_t ticket = 0;
  for (int i = 0; i < 100; ++i) {
    ticket = Publish(Bodies(10, std::string(1000, 'x')));
    ASSERT_TRUE(TurnUntil([&] { return publisher_.answered(ticket); }));
    if (!publisher_.ok(ticket)) break;
  }
  ASSERT_FALSE(publisher_.ok(ticket));
  EXPECT_EQ(publisher_.answers.at(ticket).code(), Code::kExhausted);
  EXPECT_NE(publisher_.answers.at(ticket).detail().find("--disk-reserve"), std::string::npos);
  EXPECT_GE(files_.total_bytes(), 250'000u);
  EXPECT_LE(files_.total_bytes(), 300'000u) << "the reserve is for journals";
  EXPECT_EQ(observer_.news.back(), "disk failing");
  client->channel->SetReady(client->subscription, 1000);
  topic_->Wake();
  ASSERT_TRUE(TurnUntil([&] {
    FinishAll(client);
    return observer_.news.back() == "disk ok";
  })) << "found out without a publish";
  PublishOk({"again"});
}

// What happens afterwards, to either, changes nothing of the other.
TEST_F(TopicTest, ABackupIsTheTopicAsItWas) {
  options_.max_bytes_per_file = 5000;
  Open();
  Client* const client = Subscribe("a", 30);
  for (int i = 0; i < 10; ++i) PublishOk(Bodies(10, std::string(100, 'x')));
  PublishOk({"later"}, std::chrono::hours(1));
  FinishAll(client);
  ASSERT_TRUE(files_.MakeDir("backup").ok());
  Result<std::unique_ptr<TopicBackup>> backup = topic_->Backup("backup");
  ASSERT_TRUE(backup.ok()) << backup.status().ToString();
  const ChannelStats then = StatsOf("a");
  PublishOk(Bodies(100, std::string(100, 'y')));
  client->channel->SetReady(client->subscription, 1000);
  for (int i = 0; i < 20; ++i) FinishAll(client);
  ASSERT_TRUE((*backup)->Finish().ok());
  EXPECT_EQ(StatsOf("a").depth, 0u);
  topic_->Close();
  topic_.reset();

  options_.data_path = "backup";
  Open();
  EXPECT_EQ(StatsOf("a").depth, then.depth + then.in_flight_count);
  EXPECT_EQ(StatsOf("a").deferred_count, 1u);
  Client* const again = Subscribe("a", 1000);
  PublishOk({"z"});
  for (int i = 0; i < 20; ++i) FinishAll(again);
  EXPECT_EQ(again->answered, then.depth + then.in_flight_count + 1);
  EXPECT_EQ(topic_->Stats({}).damaged_records, 0u);
  topic_->Close();
  topic_.reset();

  options_.data_path = "data";
  Open();
  EXPECT_EQ(StatsOf("a").depth, 0u);
  EXPECT_EQ(StatsOf("a").deferred_count, 1u);
  EXPECT_EQ(topic_->Stats({}).damaged_records, 0u);
}

TEST_F(TopicTest, AJournalWithMuchUnfinishedIsCompactedOnThePool) {
  Open();
  Client* const client = Subscribe("a", 1000);
  constexpr int kRounds = 60;
  for (int i = 0; i < kRounds; ++i) {
    PublishOk(Bodies(2000, "later"), std::chrono::hours(1));
    PublishOk(Bodies(100, "now"));
    FinishAll(client);
  }
  Settle();
  bool on_pool = false;
  for (const std::string& call : files_.Calls()) {
    on_pool |= call.starts_with("rename data/t.topic/journal.next");
  }
  EXPECT_TRUE(on_pool);
  KillAndRestart();
  EXPECT_EQ(StatsOf("a").deferred_count, 2000u * kRounds);
  EXPECT_EQ(StatsOf("a").depth, 0u);
  StopAndRestart();
  EXPECT_EQ(StatsOf("a").deferred_count, 2000u * kRounds);
}

}  // namespace
}  // namespace nsq::nsqd
