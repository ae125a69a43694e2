#include <gtest/gtest.h>
#include <nsq/consumer.h>
#include <nsq/producer.h>
#include <nsq/producer_pool.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/strings.h"
#include "tests/clients/nsq/fake_nsqd.h"
#include "tests/clients/nsq/producer_fixture.h"

namespace nsq::client {
namespace {

TEST_F(ProducerTest, PublishesOverOneConnection) {
  FakeNsqd nsqd;
  Producer producer = Open(nsqd.address());
  EXPECT_EQ(nsqd.connections(), 0u) << "nothing connects before the first publish";
  ASSERT_TRUE(producer.Publish("t", "one"));
  const std::vector<std::string_view> bodies = {"two", "three"};
  ASSERT_TRUE(producer.PublishBatch("t", bodies));
  ASSERT_TRUE(producer.PublishDeferred("t", milliseconds(1500), "four"));
  EXPECT_EQ(nsqd.AwaitCommands(4),
            (std::vector<std::string>{"IDENTIFY", "PUB t", "MPUB t", "DPUB t 1500"}));
  EXPECT_EQ(producer.status().published, 4u);
  EXPECT_EQ(nsqd.connections(), 1u);
}

TEST_F(ProducerTest, RefusesHereWhatTheServerWouldCloseFor) {
  FakeNsqd nsqd;
  Producer producer = Open(nsqd.address());
  EXPECT_EQ(CodeOf(producer.Publish("bad topic", "x")), "invalid topic");
  EXPECT_EQ(CodeOf(producer.Publish("", "x")), "invalid topic");
  EXPECT_EQ(CodeOf(producer.Publish("t", "")), "empty body");
  EXPECT_EQ(CodeOf(producer.PublishBatch("t", {})), "empty body");
  const std::vector<std::string_view> bodies = {"a", ""};
  EXPECT_EQ(CodeOf(producer.PublishBatch("t", bodies)), "empty body");
  EXPECT_EQ(CodeOf(producer.PublishDeferred("t", milliseconds(-1), "x")), "invalid argument");
  EXPECT_EQ(nsqd.connections(), 0u);
}

TEST_F(ProducerTest, AHeartbeatBetweenPublishAndAnswerIsNobodysAnswer) {
  FakeNsqd* self = nullptr;
  FakeNsqd::Script script;
  script.on_publish = [&self](const std::string&) {
    self->SendAll(0, "_heartbeat_");
    return "OK";
  };
  FakeNsqd nsqd(script);
  self = &nsqd;
  Producer producer = Open(nsqd.address());
  EXPECT_TRUE(producer.Publish("t", "x"));
  EXPECT_TRUE(nsqd.Await([](const auto& all) { return EndsWith(all, "NOP"); }));
}

TEST_F(ProducerTest, AnUnexpectedAnswerClosesAndThePublisherConnectsAgain) {
  FakeNsqd nsqd;
  Producer producer = Open(nsqd.address());
  ASSERT_TRUE(producer.Publish("t", "x"));
  nsqd.SendAll(0, "OK");
  ASSERT_TRUE(nsqd.Await([](const auto& all) { return EndsWith(all, "EOF"); }));
  EXPECT_TRUE(producer.Publish("t", "y"));
  EXPECT_EQ(nsqd.connections(), 2u);
}

TEST_F(ProducerTest, ClosedBeforeTheAnswerIsUnknownAndRefusedIsNotSent) {
  FakeNsqd::Script script;
  script.on_publish = [](const std::string&) { return "close"; };
  FakeNsqd nsqd(script);
  Producer producer = Open(nsqd.address());
  EXPECT_EQ(CodeOf(producer.Publish("t", "x")), "outcome unknown");
  nsqd.StopListening();
  nsqd.Disconnect();
  std::string code;
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPatience;
  Expected<void> refused;
  do {
    refused = producer.Publish("t", "x");
    code = CodeOf(refused);
  } while (code == "outcome unknown" && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(code, "not sent");
  EXPECT_EQ(refused.error().detail, "dial tcp " + nsqd.address() + ": connect: connection refused");
}

TEST_F(ProducerTest, AnErrorOfTheServerIsItsText) {
  FakeNsqd::Script script;
  script.on_publish = [](const std::string& line) {
    return line == "PUB denied" ? "E_UNAUTHORIZED AUTH failed for PUB on \"denied\" \"\"" : "OK";
  };
  FakeNsqd nsqd(script);
  Producer producer = Open(nsqd.address());
  const auto refused = producer.Publish("denied", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kServerError);
  EXPECT_EQ(refused.error().detail, "E_UNAUTHORIZED AUTH failed for PUB on \"denied\" \"\"");
}

TEST_F(ProducerTest, WaitersAreReleasedAndAnswersStayMatched) {
  std::atomic<int> seen{0};
  FakeNsqd* self = nullptr;
  FakeNsqd::Script script;
  script.on_publish = [&](const std::string&) -> std::string {
    return ++seen == 1 ? "" : "OK";  // the first is answered later, by the second's side
  };
  FakeNsqd nsqd(script);
  self = &nsqd;
  Producer producer = Open(nsqd.address());
  EXPECT_EQ(CodeOf(producer.Publish("t", "slow", milliseconds(300))), "timed out");
  Outcomes outcomes;
  producer.Publish("t", "next", outcomes.Callback());
  ASSERT_TRUE(nsqd.Await([](const auto& all) { return all.size() >= 3; }));
  self->SendAll(0, "OK");  // now both are answered: the late one's answer is not the second's
  EXPECT_EQ(outcomes.Await(1), (std::vector<std::string>{"ok"}));
}

TEST_F(ProducerTest, AServerThatNeverAnswersIsLeft) {
  FakeNsqd::Script script;
  script.on_publish = [](const std::string&) { return ""; };
  FakeNsqd nsqd(script);
  Producer producer = Open(nsqd.address(), milliseconds(200));
  EXPECT_EQ(CodeOf(producer.Publish("t", "x")), "timed out");
  EXPECT_TRUE(nsqd.Await([](const auto& all) { return EndsWith(all, "EOF"); }));
}

TEST_F(ProducerTest, EveryCallbackIsCalledOnceWhateverHappens) {
  std::atomic<int> seen{0};
  FakeNsqd::Script script;
  script.on_publish = [&seen](const std::string&) -> std::string {
    const int n = ++seen;
    if (n % 97 == 0) return "close";
    return n % 31 == 0 ? "E_PUB_FAILED no" : "OK";
  };
  FakeNsqd nsqd(script);
  constexpr int kCount = 1000;
  std::vector<std::atomic<int>> calls(kCount);
  {
    Producer producer = Open(nsqd.address());
    for (int i = 0; i < kCount; ++i) {
      producer.Publish("t", "x",
                       [&calls, i](const Expected<void>&) { ++calls[static_cast<size_t>(i)]; });
    }
    static_cast<void>(producer.Flush(seconds(20)));
    EXPECT_TRUE(producer.Stop(seconds(20)));
  }
  EXPECT_TRUE(nsqd.Await([&](const auto&) { return true; }));
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPatience;
  const auto called = [&calls] {
    int total = 0;
    for (const auto& n : calls) total += n.load();
    return total;
  };
  while (called() < kCount && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  for (const auto& n : calls) EXPECT_EQ(n.load(), 1);
}

TEST_F(ProducerTest, PendingIsBounded) {
  FakeNsqd::Script script;
  script.on_publish = [](const std::string&) { return ""; };
  FakeNsqd nsqd(script);
  ProducerOptions options;
  options.nsqd = nsqd.address();
  options.max_pending = 2;
  Producer producer = Open(std::move(options));
  Outcomes outcomes;
  for (int i = 0; i < 2; ++i) producer.Publish("t", "x", outcomes.Callback());
  Outcomes refused;
  producer.Publish("t", "x", refused.Callback());
  EXPECT_EQ(refused.Await(1), (std::vector<std::string>{"queue full"}));
  EXPECT_EQ(CodeOf(producer.Publish("t", "x", milliseconds(50))), "queue full");
  EXPECT_TRUE(producer.Stop(Duration::zero()));
  EXPECT_EQ(outcomes.Await(2), (std::vector<std::string>{"outcome unknown", "outcome unknown"}));
}

// Whoever publishes one for each answer never finds the queue full.
TEST_F(ProducerTest, ACallbackFindsTheRoomOfItsPublish) {
  FakeNsqd nsqd;
  for (const bool inline_callbacks : {false, true}) {
    ProducerOptions options;
    options.nsqd = nsqd.address();
    options.max_pending = 1;
    options.callbacks_on_io_thread = inline_callbacks;
    Producer producer = Open(std::move(options));
    Outcomes outcomes;
    const Producer::Callback last = outcomes.Callback();
    std::atomic<int> left{100};
    std::function<void(Expected<void>)> next = [&](Expected<void> result) {
      if (!result || --left == 0) {
        last(result);
        return;
      }
      producer.Publish("t", "x", next);
    };
    producer.Publish("t", "x", next);
    EXPECT_EQ(outcomes.Await(1), (std::vector<std::string>{"ok"}));
  }
}

TEST_F(ProducerTest, WaitsForADaemonThatIsDownIfToldTo) {
  ProducerOptions options;
  std::string address;
  {
    FakeNsqd gone;
    address = gone.address();
  }
  options.nsqd = address;
  options.wait_while_down = true;
  Producer producer = Open(std::move(options));
  const SteadyTime begun = std::chrono::steady_clock::now();
  EXPECT_EQ(CodeOf(producer.Publish("t", "x", milliseconds(400))), "not sent");
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(400));
}

TEST_F(ProducerTest, TlsThatIsNotGrantedSendsNothingMore) {
  FakeNsqd nsqd;
  ProducerOptions options;
  options.nsqd = nsqd.address();
  options.client.tls_v1 = true;
  options.client.tls_insecure_skip_verify = true;
  Producer producer = Open(std::move(options));
  EXPECT_EQ(CodeOf(producer.Publish("t", "x")), "TLS unavailable");
  EXPECT_EQ(nsqd.AwaitCommands(2), (std::vector<std::string>{"IDENTIFY", "EOF"}));
}

TEST_F(ProducerTest, AuthIsSentWhenItIsAskedFor) {
  FakeNsqd::Script script;
  script.identify_answer = R"({"auth_required":true})";
  FakeNsqd nsqd(script);
  EXPECT_EQ(CodeOf(Open(nsqd.address()).Publish("t", "x")), "auth required");
  ProducerOptions options;
  options.nsqd = nsqd.address();
  options.client.auth_secret = "secret";
  EXPECT_TRUE(Open(std::move(options)).Publish("t", "x"));
}

TEST_F(ProducerTest, AnswersToAStoppedOneAreStopped) {
  FakeNsqd nsqd;
  Producer producer = Open(nsqd.address());
  ASSERT_TRUE(producer.Publish("t", "x"));
  EXPECT_TRUE(producer.Stop(seconds(5)));
  EXPECT_EQ(CodeOf(producer.Publish("t", "x")), "stopped");
  Outcomes outcomes;
  producer.Publish("t", "x", outcomes.Callback());
  EXPECT_EQ(outcomes.Await(1), (std::vector<std::string>{"stopped"}));
  EXPECT_TRUE(producer.Stop(seconds(5))) << "twice is nothing more";
}

TEST_F(ProducerTest, ARuntimeThatEndsFailsWhatIsPending) {
  FakeNsqd::Script script;
  script.on_publish = [](const std::string&) { return ""; };
  FakeNsqd nsqd(script);
  auto runtime = std::make_unique<Runtime>(Quiet());
  auto producer = Producer::Open(*runtime, {.nsqd = nsqd.address()});
  ASSERT_TRUE(producer);
  Outcomes outcomes;
  producer->Publish("t", "x", outcomes.Callback());
  nsqd.AwaitCommands(2);
  runtime.reset();
  EXPECT_EQ(outcomes.Await(1), (std::vector<std::string>{"outcome unknown"}));
  EXPECT_EQ(CodeOf(producer->Publish("t", "x")), "stopped");
}

#ifndef __SANITIZE_THREAD__  // which allows no fork of a process with threads
TEST_F(ProducerTest, AForkIsToldThatNothingRunsThere) {
  FakeNsqd nsqd;
  Producer producer = Open(nsqd.address(), seconds(10));
  ASSERT_TRUE(producer.Publish("t", "x"));
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);
    const bool told = CodeOf(producer.Publish("t", "x")) == "stopped" &&
                      producer.Flush(seconds(10)) &&  // nothing is left to wait for
                      !Consumer::Open(runtime_, {.topic = "t", .channel = "c", .nsqds = {"h:1"}});
    ::_exit(told ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(producer.Publish("t", "x")) << "nor does the child disturb the parent's";
  EXPECT_EQ(nsqd.connections(), 1u);
}
#endif

TEST_F(ProducerTest, WithoutHeartbeatsSilenceIsNoReasonToLeave) {
  FakeNsqd nsqd;
  ProducerOptions options;
  options.nsqd = nsqd.address();
  options.client.heartbeat_interval = Duration(-1);
  options.client.read_timeout = milliseconds(100);
  Producer producer = Open(std::move(options));
  ASSERT_TRUE(producer.Publish("t", "x"));
  EXPECT_NE(nsqd.identify_body().find(R"("heartbeat_interval":-1)"), std::string::npos);
  const SteadyTime until = std::chrono::steady_clock::now() + milliseconds(300);
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE(producer.status().connected);
    std::this_thread::yield();
  }
  EXPECT_EQ(nsqd.connections(), 1u);
}

// A publish that finds nothing pending is written by its caller; what others say at the same time
// must neither mix with it nor get its answer.
TEST_F(ProducerTest, BlockingOnesAndOthersKeepTheirAnswersApart) {
  FakeNsqd::Script script;
  script.heartbeat_interval = milliseconds(1);
  script.on_publish = [](const std::string& command) {
    return command == "PUB bad" ? "E_PUB_FAILED" : "OK";
  };
  FakeNsqd nsqd(script);
  Producer producer = Open(nsqd.address());
  constexpr int kEach = 200;
  std::atomic<int> wrong{0};
  Outcomes outcomes;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const bool bad = (i + t) % 3 == 0;
        const bool ok = producer.Publish(bad ? "bad" : "t", "x").has_value();
        if (ok == bad) ++wrong;
        if (t == 0 && i % 10 == 0) producer.Publish("t", "x", outcomes.Callback());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(outcomes.Await(kEach / 10), std::vector<std::string>(kEach / 10, "ok"));
  EXPECT_EQ(producer.status().pending, 0u);
}

TEST_F(ProducerTest, OneWrittenByItsCallerIsReleasedAtItsDeadline) {
  FakeNsqd::Script script;
  std::atomic<int> publishes{0};
  script.on_publish = [&](const std::string&) { return ++publishes == 2 ? "" : "OK"; };
  FakeNsqd nsqd(script);
  Producer producer = Open(nsqd.address());
  ASSERT_TRUE(producer.Publish("t", "x"));
  EXPECT_EQ(CodeOf(producer.Publish("t", "x", milliseconds(50))), "timed out");
  EXPECT_TRUE(nsqd.Await([](const auto& all) { return EndsWith(all, "EOF"); }))
      << "a server that answers nothing for so long is left";
  EXPECT_TRUE(producer.Publish("t", "x"));
}

TEST_F(ProducerTest, OneWrittenByItsCallerIsToldAtOnceThatTheConnectionBroke) {
  FakeNsqd::Script script;
  std::atomic<int> publishes{0};
  script.on_publish = [&](const std::string&) { return ++publishes % 3 == 2 ? "close" : "OK"; };
  FakeNsqd nsqd(script);
  Producer producer = Open(nsqd.address(), seconds(60));
  const SteadyTime begun = std::chrono::steady_clock::now();
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(CodeOf(producer.Publish("t", "x")), "ok");
    EXPECT_EQ(CodeOf(producer.Publish("t", "x")), "outcome unknown");
    EXPECT_EQ(CodeOf(producer.Publish("t", "x")), "ok");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kPatience);
  EXPECT_EQ(producer.status().pending, 0u);
}

TEST_F(ProducerTest, ARuntimeThatEndsReleasesWhatItsCallerWrote) {
  FakeNsqd::Script script;
  std::atomic<int> publishes{0};
  script.on_publish = [&](const std::string&) { return ++publishes == 2 ? "" : "OK"; };
  FakeNsqd nsqd(script);
  auto runtime = std::make_unique<Runtime>(Quiet());
  auto producer = Producer::Open(*runtime, {.nsqd = nsqd.address()});
  ASSERT_TRUE(producer && producer->Publish("t", "x"));
  std::string code;
  std::thread publisher([&] { code = CodeOf(producer->Publish("t", "x", kPatience)); });
  nsqd.AwaitCommands(3);
  runtime.reset();
  publisher.join();
  EXPECT_EQ(code, "outcome unknown");
}

TEST_F(ProducerTest, PoolGoesRoundOnesThatAreDown) {
  FakeNsqd up;
  std::string down;
  {
    FakeNsqd gone;
    down = gone.address();
  }
  for (const PoolStrategy strategy : {PoolStrategy::kRoundRobin, PoolStrategy::kLeastOutstanding,
                                      PoolStrategy::kHostPool, PoolStrategy::kEpsilonGreedy}) {
    ProducerPoolOptions options;
    options.nsqds = {down, up.address()};
    options.strategy = strategy;
    auto pool = ProducerPool::Open(runtime_, std::move(options));
    ASSERT_TRUE(pool);
    for (int i = 0; i < 5; ++i) {
      const auto published = pool->Publish("t", "x");
      EXPECT_TRUE(published) << published.error().detail;
    }
  }
}

TEST_F(ProducerTest, PoolSpreads) {
  FakeNsqd a;
  FakeNsqd b;
  ProducerPoolOptions options;
  options.nsqds = {a.address(), b.address()};
  auto pool = ProducerPool::Open(runtime_, std::move(options));
  ASSERT_TRUE(pool);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(pool->Publish("t", "x"));
  EXPECT_EQ(a.AwaitCommands(4).size(), 4u);
  EXPECT_EQ(b.AwaitCommands(4).size(), 4u);
}

}  // namespace
}  // namespace nsq::client
