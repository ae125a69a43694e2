#include "common/event/timer.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace nsq {
namespace {

TEST(TimerTest, NeverCallsBeforeItsTimeAndInOrder) {
  EventLoop loop("test loop");
  std::mt19937 random(5);
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<SteadyTime> called;
  for (int i = 0; i < 200; ++i) {
    const SteadyTime when =
        std::chrono::steady_clock::now() + microseconds(random() % 20'000) + nanoseconds(1);
    timers.push_back(std::make_unique<Timer>(loop, [&called, when] {
      EXPECT_GE(std::chrono::steady_clock::now(), when);
      called.push_back(when);
    }));
    timers.back()->ArmAt(when);
  }
  while (called.size() < timers.size()) loop.RunOnce(true);
}

TEST(TimerTest, CallsOnceForEachArming) {
  EventLoop loop("test loop");
  int calls = 0;
  Timer timer(loop, [&calls] { ++calls; });
  timer.ArmAfter(milliseconds(1));
  EXPECT_TRUE(timer.armed());
  while (calls == 0) loop.RunOnce(true);
  EXPECT_FALSE(timer.armed());
  for (int i = 0; i < 5; ++i) loop.RunOnce(false);
  EXPECT_EQ(calls, 1);
  timer.ArmAfter(Duration::zero());
  while (calls == 1) loop.RunOnce(true);
}

TEST(TimerTest, ArmingAgainMovesIt) {
  EventLoop loop("test loop");
  bool called = false;
  const SteadyTime late = std::chrono::steady_clock::now() + milliseconds(20);
  Timer timer(loop, [&] {
    EXPECT_GE(std::chrono::steady_clock::now(), late);
    called = true;
  });
  timer.ArmAt(std::chrono::steady_clock::now());
  timer.ArmAt(late);
  EXPECT_EQ(timer.when(), late);
  while (!called) loop.RunOnce(true);
}

TEST(TimerTest, ACancelledOrDestroyedTimerDoesNotCall) {
  EventLoop loop("test loop");
  bool done = false;
  Timer cancelled(loop, [] { ADD_FAILURE() << "cancelled"; });
  auto destroyed = std::make_unique<Timer>(loop, [] { ADD_FAILURE() << "destroyed"; });
  Timer last(loop, [&done] { done = true; });
  cancelled.ArmAfter(milliseconds(1));
  destroyed->ArmAfter(milliseconds(1));
  last.ArmAfter(milliseconds(5));
  cancelled.Cancel();
  destroyed.reset();
  while (!done) loop.RunOnce(true);
}

TEST(TimerTest, OneThatIsMovedToTheFrontIsNotLate) {
  EventLoop loop("test loop");
  bool early = false;
  bool late = false;
  Timer second(loop, [&late] { late = true; });
  Timer first(loop, [&early] { early = true; });
  second.ArmAfter(seconds(100));
  first.ArmAfter(seconds(200));
  loop.RunOnce(false);  // the kernel knows of the hundred seconds
  first.ArmAfter(milliseconds(1));
  while (!early) loop.RunOnce(true);
  EXPECT_FALSE(late);
  second.ArmAfter(milliseconds(1));
  while (!late) loop.RunOnce(true);
}

// A turn ends, however busy its timers are.
TEST(TimerTest, TwoThatAreAlwaysDueDoNotKeepATurn) {
  EventLoop loop("test loop");
  int calls = 0;
  Timer* timers[2] = {};
  Timer one(loop, [&] { ++calls, timers[0]->ArmAfter(Duration::zero()); });
  Timer other(loop, [&] { ++calls, timers[1]->ArmAfter(Duration::zero()); });
  timers[0] = &one;
  timers[1] = &other;
  one.ArmAfter(Duration::zero());
  other.ArmAfter(Duration::zero());
  for (int turn = 1; turn <= 10; ++turn) {
    loop.RunOnce(true);
    EXPECT_LE(calls, 2 * turn);
  }
}

TEST(TimerTest, TheLongestDelayIsNotOverAtOnce) {
  EventLoop loop("test loop");
  bool done = false;
  Timer endless(loop, [] { ADD_FAILURE() << "it overflowed"; });
  Timer last(loop, [&done] { done = true; });
  endless.ArmAfter(Duration::max());
  EXPECT_EQ(endless.when(), SteadyTime::max());
  last.ArmAfter(milliseconds(5));
  while (!done) loop.RunOnce(true);
}

TEST(TimerTest, MayArmItselfAgainInItsCallback) {
  EventLoop loop("test loop");
  int calls = 0;
  Timer* self = nullptr;
  Timer timer(loop, [&] {
    if (++calls < 5) self->ArmAfter(microseconds(100));
  });
  self = &timer;
  timer.ArmAfter(Duration::zero());
  while (calls < 5) loop.RunOnce(true);
}

}  // namespace
}  // namespace nsq
