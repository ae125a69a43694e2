#include <gtest/gtest.h>
#include <nsq/producer.h>
#include <nsq/producer_pool.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/clients/nsq/fake_nsqd.h"
#include "tests/clients/nsq/producer_fixture.h"

namespace nsq::client {
namespace {

using Strings = std::vector<std::string>;

// Single publishes that go together.
class ProducerBatchTest : public ProducerTest {
 protected:
  Producer OpenBatching(const FakeNsqd& nsqd, size_t messages, Duration linger) {
    ProducerOptions options;
    options.nsqd = nsqd.address();
    options.batch_messages = messages;
    options.batch_linger = linger;
    return Open(std::move(options));
  }
  void PublishSome(Producer* producer, int count, const std::string& topic = "t") {
    for (int i = 0; i < count; ++i) producer->Publish(topic, "x", outcomes_.Callback());
  }

  Outcomes outcomes_;
};

TEST_F(ProducerBatchTest, AFullBatchGoesAtOnceTheRestWithAFlush) {
  FakeNsqd nsqd;
  Producer producer = OpenBatching(nsqd, 3, std::chrono::hours(1));
  PublishSome(&producer, 7);
  EXPECT_EQ(outcomes_.Await(6).size(), 6u);
  EXPECT_EQ(nsqd.AwaitCommands(3), (Strings{"IDENTIFY", "MPUB t", "MPUB t"}));
  EXPECT_TRUE(producer.Flush(kPatience));
  EXPECT_EQ(outcomes_.Await(7), Strings(7, "ok"));
  EXPECT_EQ(nsqd.AwaitCommands(4).back(), "PUB t") << "one alone is no batch";
  EXPECT_EQ(producer.status().published, 7u);
  EXPECT_EQ(producer.status().pending, 0u);
}

TEST_F(ProducerBatchTest, ABatchWaitsForItsTimeAndEachTopicHasItsOwn) {
  FakeNsqd nsqd;
  Producer producer = OpenBatching(nsqd, 100, milliseconds(100));
  PublishSome(&producer, 2, "a");
  PublishSome(&producer, 3, "b");
  EXPECT_EQ(outcomes_.Await(5), Strings(5, "ok"));
  EXPECT_EQ(nsqd.AwaitCommands(3), (Strings{"IDENTIFY", "MPUB a", "MPUB b"}));
}

TEST_F(ProducerBatchTest, BytesFillItToo) {
  FakeNsqd nsqd;
  ProducerOptions options;
  options.nsqd = nsqd.address();
  options.batch_messages = 100;
  options.batch_bytes = 1000;
  options.batch_linger = std::chrono::hours(1);
  Producer producer = Open(std::move(options));
  producer.Publish("t", std::string(600, 'x'), outcomes_.Callback());
  producer.Publish("t", std::string(600, 'x'), outcomes_.Callback());
  EXPECT_EQ(outcomes_.Await(2), Strings(2, "ok"));
  EXPECT_EQ(nsqd.AwaitCommands(2).back(), "MPUB t");
}

TEST_F(ProducerBatchTest, WithoutLingerOnlyWhatComesMeanwhileGoesTogether) {
  FakeNsqd nsqd;
  Producer producer = OpenBatching(nsqd, 100, Duration::zero());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(producer.Publish("t", "x"));
  EXPECT_EQ(nsqd.AwaitCommands(4), (Strings{"IDENTIFY", "PUB t", "PUB t", "PUB t"}));
}

TEST_F(ProducerBatchTest, ARefusalIsEverybodys) {
  FakeNsqd::Script script;
  script.on_publish = [](const std::string&) { return "E_MPUB_FAILED no room"; };
  FakeNsqd nsqd(script);
  Producer producer = OpenBatching(nsqd, 3, std::chrono::hours(1));
  PublishSome(&producer, 3);
  EXPECT_EQ(outcomes_.Await(3), Strings(3, "server error"));
  EXPECT_EQ(producer.status().failed, 3u);
}

TEST_F(ProducerBatchTest, EachIsReleasedWhenNobodyAnswers) {
  FakeNsqd::Script script;
  script.on_publish = [](const std::string&) { return ""; };
  FakeNsqd nsqd(script);
  ProducerOptions options;
  options.nsqd = nsqd.address();
  options.batch_messages = 3;
  options.publish_timeout = milliseconds(50);
  options.batch_linger = std::chrono::hours(1);
  Producer producer = Open(std::move(options));
  PublishSome(&producer, 3);
  EXPECT_EQ(outcomes_.Await(3), Strings(3, "timed out"));
  EXPECT_TRUE(nsqd.Await([](const auto& all) { return EndsWith(all, "EOF"); }));
}

TEST_F(ProducerBatchTest, AStopSendsWhatLingers) {
  FakeNsqd nsqd;
  Producer producer = OpenBatching(nsqd, 100, std::chrono::hours(1));
  PublishSome(&producer, 5);
  EXPECT_TRUE(producer.Stop(kPatience));
  EXPECT_EQ(outcomes_.Await(5), Strings(5, "ok"));
}

TEST_F(ProducerBatchTest, WhatLingersWhenItIsDestroyedIsTold) {
  FakeNsqd nsqd;
  {
    Producer producer = OpenBatching(nsqd, 100, std::chrono::hours(1));
    PublishSome(&producer, 5);
  }
  EXPECT_EQ(outcomes_.Await(5), Strings(5, "stopped"));
}

TEST_F(ProducerBatchTest, ManyThreadsThatWaitShareBatches) {
  FakeNsqd nsqd;
  Producer producer = OpenBatching(nsqd, 50, milliseconds(5));
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) good += producer.Publish("t", "x") ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
  EXPECT_LT(nsqd.commands().size(), 160u);
}

TEST_F(ProducerBatchTest, WhatWaitsIsBounded) {
  FakeNsqd nsqd;
  ProducerOptions options;
  options.nsqd = nsqd.address();
  options.batch_messages = 100;
  options.batch_linger = std::chrono::hours(1);
  options.max_pending = 4;
  Producer producer = Open(std::move(options));
  PublishSome(&producer, 5);
  EXPECT_EQ(outcomes_.Await(1), Strings{"queue full"});
  EXPECT_TRUE(producer.Flush(kPatience));
  EXPECT_EQ(outcomes_.Await(5).size(), 5u);
}

// The least a coroutine needs.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

template <typename Publisher>
Detached AwaitAll(Publisher* producer, Outcomes* outcomes) {
  const std::vector<std::string_view> bodies = {"a", "b"};
  const auto note = outcomes->Callback();
  note(co_await producer->AwaitPublish("t", "x"));
  note(co_await producer->AwaitPublishBatch("t", bodies));
  note(co_await producer->AwaitPublishDeferred("t", seconds(1), "x"));
  note(co_await producer->AwaitPublish("bad topic", "x"));
  note(co_await producer->AwaitPublishBatch("t", {}));
}

TEST_F(ProducerBatchTest, EveryKindCanBeAwaited) {
  FakeNsqd nsqd;
  Producer producer = Open(nsqd.address());
  AwaitAll(&producer, &outcomes_);
  EXPECT_EQ(outcomes_.Await(5), (Strings{"ok", "ok", "ok", "invalid topic", "empty body"}));
  EXPECT_EQ(nsqd.AwaitCommands(4), (Strings{"IDENTIFY", "PUB t", "MPUB t", "DPUB t 1000"}));
}

TEST_F(ProducerBatchTest, APoolTakesEveryKindInEveryWay) {
  FakeNsqd nsqd;
  ProducerPoolOptions options;
  options.nsqds = {nsqd.address(), "127.0.0.1:1"};
  auto pool = ProducerPool::Open(runtime_, std::move(options));
  ASSERT_TRUE(pool);
  const std::vector<std::string_view> bodies = {"a", "b"};
  EXPECT_TRUE(pool->PublishBatch("t", bodies));
  EXPECT_TRUE(pool->PublishDeferred("t", seconds(1), "x"));
  EXPECT_EQ(CodeOf(pool->PublishBatch("bad topic", bodies)), "invalid topic");
  pool->PublishBatch("t", bodies, outcomes_.Callback());
  EXPECT_EQ(outcomes_.Await(1), Strings{"ok"});
  pool->PublishDeferred("t", seconds(2), "x", outcomes_.Callback());
  EXPECT_EQ(outcomes_.Await(2), Strings(2, "ok"));
  EXPECT_EQ(nsqd.AwaitCommands(5),
            (Strings{"IDENTIFY", "MPUB t", "DPUB t 1000", "MPUB t", "DPUB t 2000"}));
  AwaitAll(&*pool, &outcomes_);
  EXPECT_EQ(outcomes_.Await(7).back(), "empty body");
}

}  // namespace
}  // namespace nsq::client
