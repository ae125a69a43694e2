#include <gtest/gtest.h>
#include <nsq/producer.h>
#include <nsq/producer_pool.h>

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

namespace nsq::client {
namespace {

// Where a callback leaves what it was given.
class Outcomes {
 public:
  Producer::Callback Callback() {
    return [this](Expected<void> result) {
      const std::lock_guard<std::mutex> lock(mutex_);
      all_.push_back(result ? "ok" : std::string(ToString(result.error().code)));
      changed_.notify_all();
    };
  }
  std::vector<std::string> Await(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return all_.size() >= count; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

class ProducerTest : public testing::Test {
 protected:
  static RuntimeOptions Quiet() {
    RuntimeOptions options;
    options.log = nullptr;
    return options;
  }

  Producer Open(const std::string& nsqd, Duration timeout = seconds(10)) {
    ProducerOptions options;
    options.nsqd = nsqd;
    options.publish_timeout = timeout;
    return Open(std::move(options));
  }
  Producer Open(ProducerOptions options) {
    auto producer = Producer::Open(runtime_, std::move(options));
    EXPECT_TRUE(producer) << producer.error().detail;
    return std::move(*producer);
  }

  static std::string CodeOf(const Expected<void>& result) {
    return result ? "ok" : std::string(ToString(result.error().code));
  }

  Runtime runtime_{Quiet()};
};

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
