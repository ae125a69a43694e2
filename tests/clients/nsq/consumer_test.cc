#include <gtest/gtest.h>
#include <nsq/consumer.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "tests/clients/nsq/fake_nsqd.h"

namespace nsq::client {
namespace {

using Strings = std::vector<std::string>;

// A gate that handlers wait at until the test opens it.
class Gate {
 public:
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [this] { return open_; });
  }
  bool AwaitWaiting(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return waiting_ >= count; });
  }
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

FakeNsqd::Script OneByOne() {
  FakeNsqd::Script script;
  script.wait_for_answer = true;
  return script;
}

Outcome ByBody(Message& message, const std::stop_token& /*stop*/) {
  if (message.body() == "bad") return Outcome::Requeue();
  if (message.body() == "later") {
    return Outcome::Requeue(Duration::zero(), Penalty::kNone);
  }
  if (message.body() == "throw") throw std::runtime_error("thrown");
  return Outcome::Finish();
}

class ConsumerTest : public testing::Test {
 protected:
  static RuntimeOptions Quiet() {
    RuntimeOptions options;
    options.log = nullptr;
    return options;
  }

  static ConsumerOptions OptionsFor(const Strings& nsqds, int max_in_flight) {
    ConsumerOptions options;
    options.topic = "t";
    options.channel = "c";
    options.nsqds = nsqds;
    options.client.max_in_flight = max_in_flight;
    options.client.backoff_multiplier = milliseconds(10);
    options.client.default_requeue_delay = Duration::zero();
    return options;
  }

  Consumer Open(ConsumerOptions options) {
    auto consumer = Consumer::Open(runtime_, std::move(options));
    EXPECT_TRUE(consumer) << consumer.error().detail;
    return std::move(*consumer);
  }

  Runtime runtime_{Quiet()};
};

void AddAll(FakeNsqd* nsqd, const Strings& bodies) {
  for (const std::string& body : bodies) nsqd->Add(body);
}

TEST_F(ConsumerTest, FailuresBackOffAndSuccessesComeBack) {
  FakeNsqd nsqd(OneByOne());
  AddAll(&nsqd, {"good", "good", "good", "bad", "bad", "good", "good"});
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 5));
  ASSERT_TRUE(consumer.Start(ByBody));
  EXPECT_EQ(nsqd.AwaitCommands(17),
            (Strings{"IDENTIFY", "SUB", "RDY 5", "FIN", "FIN", "FIN", "RDY 0", "REQ 0", "RDY 1",
                     "RDY 0", "REQ 0", "RDY 1", "RDY 0", "FIN", "RDY 1", "RDY 5", "FIN"}));
}

TEST_F(ConsumerTest, RequeueWithoutPenaltyRepeatsTheLevel) {
  FakeNsqd nsqd(OneByOne());
  AddAll(&nsqd, {"bad", "later", "good"});
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
  ASSERT_TRUE(consumer.Start(ByBody));
  EXPECT_EQ(nsqd.AwaitCommands(10), (Strings{"IDENTIFY", "SUB", "RDY 1", "RDY 0", "REQ 0", "RDY 1",
                                             "RDY 0", "REQ 0", "RDY 1", "FIN"}));
}

TEST_F(ConsumerTest, BackoffOutlivesTheConnection) {
  FakeNsqd nsqd(OneByOne());
  AddAll(&nsqd, {"bad"});
  ConsumerOptions options = OptionsFor({nsqd.address()}, 5);
  options.client.backoff_multiplier = milliseconds(300);
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start(ByBody));
  EXPECT_EQ(nsqd.AwaitCommands(5), (Strings{"IDENTIFY", "SUB", "RDY 5", "RDY 0", "REQ 0"}));
  nsqd.Disconnect();
  AddAll(&nsqd, {"good"});
  EXPECT_EQ(nsqd.AwaitCommands(11), (Strings{"IDENTIFY", "SUB", "RDY 5", "RDY 0", "REQ 0", "EOF",
                                             "IDENTIFY", "SUB", "RDY 1", "RDY 5", "FIN"}));
}

TEST_F(ConsumerTest, MaxInFlightPausesAndResumes) {
  FakeNsqd nsqd;
  AddAll(&nsqd, {"good"});
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 5));
  ASSERT_TRUE(consumer.Start(ByBody));
  nsqd.AwaitCommands(4);
  consumer.SetMaxInFlight(0);
  nsqd.AwaitCommands(5);
  consumer.SetMaxInFlight(5);
  nsqd.AwaitCommands(6);
  consumer.Pause();
  nsqd.AwaitCommands(7);
  consumer.Resume();
  EXPECT_EQ(nsqd.AwaitCommands(8),
            (Strings{"IDENTIFY", "SUB", "RDY 5", "FIN", "RDY 0", "RDY 5", "RDY 0", "RDY 5"}));
}

TEST_F(ConsumerTest, StopWaitsForWhatIsInHand) {
  FakeNsqd nsqd;
  AddAll(&nsqd, {"a", "b"});
  Gate gate;
  ConsumerOptions options = OptionsFor({nsqd.address()}, 2);
  options.concurrency = 2;
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start([&gate](Message&, const std::stop_token&) {
    gate.Pass();
    return Outcome::Finish();
  }));
  ASSERT_TRUE(gate.AwaitWaiting(2));
  StopReport report;
  std::thread stopper([&] { report = consumer.Stop(kPatience); });
  EXPECT_EQ(nsqd.AwaitCommands(4), (Strings{"IDENTIFY", "SUB", "RDY 2", "CLS"}));
  gate.Open();
  stopper.join();
  EXPECT_TRUE(report.drained);
  EXPECT_EQ(report.requeued, 0u);
  EXPECT_EQ(report.abandoned, 0u);
  EXPECT_EQ(nsqd.AwaitCommands(7),
            (Strings{"IDENTIFY", "SUB", "RDY 2", "CLS", "FIN", "FIN", "EOF"}));
}

TEST_F(ConsumerTest, StopGivesBackWhatNobodyHasBegun) {
  FakeNsqd nsqd;
  AddAll(&nsqd, {"a", "b", "c"});
  Gate gate;
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 3));
  ASSERT_TRUE(consumer.Start([&gate](Message&, const std::stop_token&) {
    gate.Pass();
    return Outcome::Finish();
  }));
  ASSERT_TRUE(gate.AwaitWaiting(1));
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPatience;
  while (consumer.status().received < 3 && std::chrono::steady_clock::now() < deadline) {
  }
  StopReport report;
  std::thread stopper([&] { report = consumer.Stop(kPatience); });
  ASSERT_EQ(nsqd.AwaitCommands(6), (Strings{"IDENTIFY", "SUB", "RDY 3", "CLS", "REQ 0", "REQ 0"}));
  gate.Open();
  stopper.join();
  EXPECT_TRUE(report.drained);
  EXPECT_EQ(report.requeued, 2u);
}

TEST_F(ConsumerTest, StopReportsWhatItHadToAbandon) {
  FakeNsqd nsqd;
  AddAll(&nsqd, {"a"});
  Gate gate;
  {
    Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
    ASSERT_TRUE(consumer.Start([&gate](Message&, const std::stop_token&) {
      gate.Pass();
      return Outcome::Finish();
    }));
    ASSERT_TRUE(gate.AwaitWaiting(1));
    const StopReport report = consumer.Stop(milliseconds(100));
    EXPECT_FALSE(report.drained);
    EXPECT_EQ(report.abandoned, 1u);
  }
  gate.Open();  // the handler comes back when its consumer is gone
  EXPECT_TRUE(nsqd.Await([](const auto& all) { return EndsWith(all, "EOF"); }));
}

TEST_F(ConsumerTest, StopDoesNotNeedCloseWait) {
  FakeNsqd::Script script;
  script.answer_cls = false;
  FakeNsqd nsqd(script);
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
  ASSERT_TRUE(consumer.Start(ByBody));
  nsqd.AwaitCommands(3);
  EXPECT_TRUE(consumer.Stop(kPatience).drained);
}

TEST_F(ConsumerTest, WhatADeadNsqdHadGoesToTheOthers) {
  FakeNsqd a;
  FakeNsqd b;
  auto c = std::make_unique<FakeNsqd>();
  Consumer consumer = Open(OptionsFor({a.address(), b.address(), c->address()}, 10));
  ASSERT_TRUE(consumer.Start(ByBody));
  for (FakeNsqd* nsqd : {&a, &b, c.get()}) {
    ASSERT_TRUE(nsqd->Await([](const auto& all) { return EndsWith(all, "RDY 3"); }));
  }
  c.reset();
  for (FakeNsqd* nsqd : {&a, &b}) {
    EXPECT_TRUE(nsqd->Await([](const auto& all) { return EndsWith(all, "RDY 5"); }));
  }
}

TEST_F(ConsumerTest, WhatAnIdleNsqdDoesNotUseGoesToABusyOneOnDemand) {
  FakeNsqd idle;
  FakeNsqd busy;
  for (int i = 0; i < 20; ++i) busy.Add("x");
  ConsumerOptions options = OptionsFor({idle.address(), busy.address()}, 10);
  options.client.rdy_on_demand = true;
  options.client.rdy_redistribute_interval = milliseconds(50);
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start());
  const auto said = [](const FakeNsqd& nsqd, const char* what) {
    return nsqd.Await(
        [what](const auto& all) { return std::find(all.begin(), all.end(), what) != all.end(); });
  };
  // Nothing is answered: what is taken stays in flight.
  std::vector<Message> kept;
  while (kept.size() < 9) {
    auto message = consumer.Receive(kPatience);
    ASSERT_TRUE(message);
    kept.push_back(std::move(*message));
  }
  EXPECT_TRUE(said(busy, "RDY 9"));
  EXPECT_TRUE(said(idle, "RDY 1"));
}

TEST_F(ConsumerTest, TouchingGivesTimeUpToWhatTheServerAllows) {
  FakeNsqd::Script script;
  script.identify_answer = R"({"msg_timeout":60000,"max_msg_timeout":60000})";
  FakeNsqd nsqd(script);
  nsqd.Add("x");
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
  ASSERT_TRUE(consumer.Start());
  auto message = consumer.Receive(kPatience);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->deadline(), message->last_deadline());
  EXPECT_TRUE(message->Touch());
  EXPECT_EQ(message->deadline(), message->last_deadline());
  EXPECT_TRUE(nsqd.Await([](const auto& all) { return EndsWith(all, "TOUCH"); }));
}

TEST_F(ConsumerTest, StatusSaysHowLongItBacksOff) {
  FakeNsqd nsqd;
  nsqd.Add("bad");
  ConsumerOptions options = OptionsFor({nsqd.address()}, 1);
  options.client.backoff_multiplier = seconds(10);
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start(ByBody));
  ASSERT_TRUE(nsqd.Await([](const auto& all) { return EndsWith(all, "REQ 0"); }));
  const ConsumerStatus status = consumer.status();
  EXPECT_EQ(status.backoff_level, 1);
  EXPECT_GT(status.backoff_left, seconds(10));
  EXPECT_LE(status.backoff_left, seconds(20));
}

TEST_F(ConsumerTest, ASilentServerIsLeftAndTriedAgain) {
  FakeNsqd nsqd;
  ConsumerOptions options = OptionsFor({nsqd.address()}, 1);
  options.client.heartbeat_interval = milliseconds(100);
  options.client.read_timeout = milliseconds(200);
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start(ByBody));
  EXPECT_TRUE(
      nsqd.Await([](const auto& all) { return std::count(all.begin(), all.end(), "SUB") >= 2; }));
}

TEST_F(ConsumerTest, AnErrorAboutOneMessageKeepsTheConnection) {
  FakeNsqd nsqd;
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
  ASSERT_TRUE(consumer.Start(ByBody));
  nsqd.AwaitCommands(3);
  nsqd.SendAll(1, "E_FIN_FAILED FIN 0 failed ID not in flight");
  AddAll(&nsqd, {"good"});
  EXPECT_EQ(nsqd.AwaitCommands(4), (Strings{"IDENTIFY", "SUB", "RDY 1", "FIN"}));
  EXPECT_EQ(consumer.status().late_answers, 1u);
  EXPECT_EQ(nsqd.connections(), 1u);
}

TEST_F(ConsumerTest, AnErrorThatTheServerClosesAfterIsComeBackFrom) {
  FakeNsqd nsqd;
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
  ASSERT_TRUE(consumer.Start(ByBody));
  nsqd.AwaitCommands(3);
  nsqd.SendAll(1, "E_INVALID RDY count 2501 out of range 0-2500");
  nsqd.Disconnect();
  EXPECT_EQ(nsqd.AwaitCommands(7),
            (Strings{"IDENTIFY", "SUB", "RDY 1", "EOF", "IDENTIFY", "SUB", "RDY 1"}));
}

TEST_F(ConsumerTest, HandlersThatAreBusyDoNotKeepHeartbeatsWaiting) {
  FakeNsqd::Script script;
  script.heartbeat_interval = milliseconds(50);
  FakeNsqd nsqd(script);
  AddAll(&nsqd, {"a", "b", "c", "d"});
  Gate gate;
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 4));
  ASSERT_TRUE(consumer.Start([&gate](Message&, const std::stop_token&) {
    gate.Pass();
    return Outcome::Finish();
  }));
  ASSERT_TRUE(gate.AwaitWaiting(1));
  EXPECT_TRUE(
      nsqd.Await([](const auto& all) { return std::count(all.begin(), all.end(), "NOP") >= 10; }));
  gate.Open();
}

TEST_F(ConsumerTest, GivesUpAfterMaxAttempts) {
  FakeNsqd nsqd(OneByOne());
  nsqd.Add("last", 5);
  nsqd.Add("too often", 6);
  std::mutex mutex;
  Strings handled;
  Strings given_up;
  ConsumerOptions options = OptionsFor({nsqd.address()}, 1);
  options.on_giving_up = [&](const Message& message) {
    const std::lock_guard<std::mutex> lock(mutex);
    given_up.emplace_back(message.body());
  };
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start([&](Message& message, const std::stop_token&) {
    const std::lock_guard<std::mutex> lock(mutex);
    handled.emplace_back(message.body());
    return Outcome::Finish();
  }));
  EXPECT_EQ(nsqd.AwaitCommands(5), (Strings{"IDENTIFY", "SUB", "RDY 1", "FIN", "FIN"}));
  const std::lock_guard<std::mutex> lock(mutex);
  EXPECT_EQ(handled, (Strings{"last"}));
  EXPECT_EQ(given_up, (Strings{"too often"}));
}

TEST_F(ConsumerTest, TheUsualDelayGrowsWithTheAttempts) {
  FakeNsqd nsqd;
  nsqd.Add("bad", 3);
  ConsumerOptions options = OptionsFor({nsqd.address()}, 1);
  options.client.default_requeue_delay = seconds(90);
  options.client.max_backoff_duration = Duration::zero();
  options.client.max_attempts = 0;
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start(ByBody));
  nsqd.AwaitCommands(4);
  nsqd.Add("bad", 11);
  EXPECT_EQ(nsqd.AwaitCommands(5),
            (Strings{"IDENTIFY", "SUB", "RDY 1", "REQ 270000", "REQ 900000"}));
}

TEST_F(ConsumerTest, AnExceptionIsAFailure) {
  FakeNsqd nsqd;
  AddAll(&nsqd, {"throw"});
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
  ASSERT_TRUE(consumer.Start(ByBody));
  EXPECT_EQ(nsqd.AwaitCommands(5), (Strings{"IDENTIFY", "SUB", "RDY 1", "RDY 0", "REQ 0"}));
}

TEST_F(ConsumerTest, ReceiveTakesThemOneByOneAndDroppingIsGivingBack) {
  FakeNsqd nsqd;
  AddAll(&nsqd, {"a", "b"});
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
  ASSERT_TRUE(consumer.Start());
  {
    auto message = consumer.Receive(kPatience);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->body(), "a");
    EXPECT_EQ(message->nsqd(), nsqd.address());
    EXPECT_TRUE(message->Touch());
    EXPECT_TRUE(message->Finish());
    EXPECT_TRUE(message->Requeue()) << "a second answer is ignored";
  }
  { auto message = consumer.Receive(kPatience); }
  EXPECT_EQ(nsqd.AwaitCommands(6), (Strings{"IDENTIFY", "SUB", "RDY 1", "TOUCH", "FIN", "REQ 0"}));
  const auto none = consumer.Receive(milliseconds(1));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kTimedOut);
}

TEST_F(ConsumerTest, ABatchEndsWhenNoMoreCanCome) {
  FakeNsqd::Script script;
  script.message_interval = Duration::zero();
  FakeNsqd nsqd(script);
  for (int i = 0; i < 20; ++i) nsqd.Add("x");
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 20));
  ASSERT_TRUE(consumer.Start());
  // 85 % of 20 are in flight: the rest would come, but nobody may count on it.
  auto batch = consumer.ReceiveBatch(100, kPatience, kPatience);
  ASSERT_TRUE(batch);
  EXPECT_GE(batch->size(), 17u);
  for (Message& message : *batch) EXPECT_TRUE(message.Finish());
  EXPECT_FALSE(consumer.IsStarved() && batch->size() == 20);
}

TEST_F(ConsumerTest, StarvedIsOnlyWhoHasTakenWhatCame) {
  FakeNsqd::Script script;
  script.message_interval = Duration::zero();
  FakeNsqd nsqd(script);
  for (int i = 0; i < 10; ++i) nsqd.Add("x");
  Consumer consumer = Open(OptionsFor({nsqd.address()}, 10));
  ASSERT_TRUE(consumer.Start());
  std::vector<Message> taken;
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPatience;
  while (consumer.status().received < 10 && std::chrono::steady_clock::now() < deadline) {
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(consumer.IsStarved()) << i;
    auto message = consumer.Receive(kPatience);
    ASSERT_TRUE(message);
    taken.push_back(std::move(*message));
  }
  EXPECT_TRUE(consumer.IsStarved());
  for (Message& message : taken) EXPECT_TRUE(message.Finish());
  EXPECT_FALSE(consumer.IsStarved());
}

TEST_F(ConsumerTest, AMessageOutlivesItsConsumer) {
  FakeNsqd nsqd;
  AddAll(&nsqd, {"a"});
  std::optional<Message> kept;
  {
    Consumer consumer = Open(OptionsFor({nsqd.address()}, 1));
    ASSERT_TRUE(consumer.Start());
    auto message = consumer.Receive(kPatience);
    ASSERT_TRUE(message);
    kept = std::move(*message);
    EXPECT_EQ(consumer.Stop(milliseconds(50)).abandoned, 1u);
  }
  EXPECT_EQ(kept->body(), "a");
  EXPECT_TRUE(kept->expired());
  const auto late = kept->Finish();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kExpired);
}

TEST_F(ConsumerTest, AutoTouchKeepsWhatIsInHand) {
  FakeNsqd::Script script;
  script.identify_answer = R"({"max_rdy_count":2500,"msg_timeout":200})";
  FakeNsqd nsqd(script);
  AddAll(&nsqd, {"a"});
  Gate gate;
  ConsumerOptions options = OptionsFor({nsqd.address()}, 1);
  options.auto_touch = true;
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start([&gate](Message&, const std::stop_token&) {
    gate.Pass();
    return Outcome::Finish();
  }));
  EXPECT_TRUE(
      nsqd.Await([](const auto& all) { return std::count(all.begin(), all.end(), "TOUCH") >= 3; }));
  gate.Open();
}

TEST_F(ConsumerTest, HandlersOnTheIoThread) {
  FakeNsqd nsqd;
  AddAll(&nsqd, {"good", "good"});
  ConsumerOptions options = OptionsFor({nsqd.address()}, 1);
  options.concurrency = 0;
  Consumer consumer = Open(std::move(options));
  ASSERT_TRUE(consumer.Start(ByBody));
  EXPECT_EQ(nsqd.AwaitCommands(5), (Strings{"IDENTIFY", "SUB", "RDY 1", "FIN", "FIN"}));
  EXPECT_TRUE(consumer.Stop(kPatience).drained);
}

TEST_F(ConsumerTest, FailFastNamesWhatCannotBeReached) {
  FakeNsqd up;
  ConsumerOptions options = OptionsFor({up.address(), "127.0.0.1:1"}, 1);
  options.fail_fast = true;
  Consumer consumer = Open(std::move(options));
  const auto started = consumer.Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().detail, "dial tcp 127.0.0.1:1: connect: connection refused");
}

TEST_F(ConsumerTest, ARefusedSubscriptionIsAnError) {
  FakeNsqd::Script script;
  script.sub_answer = "E_BAD_CHANNEL SUB channel name \"x\" is not valid";
  FakeNsqd nsqd(script);
  ConsumerOptions options = OptionsFor({nsqd.address()}, 1);
  options.fail_fast = true;
  Consumer consumer = Open(std::move(options));
  const auto started = consumer.Start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kServerError);
}

TEST_F(ConsumerTest, NamesAreCheckedWhenItIsMade) {
  ConsumerOptions options = OptionsFor({"127.0.0.1:1"}, 1);
  options.topic = "bad topic";
  EXPECT_EQ(Consumer::Open(runtime_, options).error().code, ErrorCode::kInvalidTopic);
  options.topic = "t";
  options.channel = "";
  EXPECT_EQ(Consumer::Open(runtime_, options).error().code, ErrorCode::kInvalidChannel);
  options.channel = "c";
  options.nsqds.clear();
  EXPECT_EQ(Consumer::Open(runtime_, options).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace nsq::client
