#include "common/event/event_loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "common/event/timer.h"

namespace nsq {
namespace {

struct Task : TurnTask {
  explicit Task(std::function<void()> a) : action(std::move(a)) {}
  void AtTurnEnd() noexcept override { action(); }
  const std::function<void()> action;
};

struct Note : Letter {
  explicit Note(std::function<void()> a) : action(std::move(a)) {}
  void Open() noexcept override { action(); }
  const std::function<void()> action;
};

struct Tombstone : Deferrable {
  explicit Tombstone(std::function<void()> a) : action(std::move(a)) {}
  ~Tombstone() override { action(); }
  const std::function<void()> action;
};

class EventLoopTest : public testing::Test {
 protected:
  std::function<void()> Says(std::string word) {
    return [this, word = std::move(word)] { said_ += word + " "; };
  }

  EventLoop loop_{"test loop"};
  std::string said_;
};

TEST_F(EventLoopTest, PhasesRunInTheirOrderWhateverTheOrderOfAsking) {
  Task log(Says("log"));
  Task dispatch(Says("dispatch"));
  Task journal(Says("journal"));
  Task mail(Says("mail"));
  Task socket(Says("socket"));
  loop_.AtTurnEnd(TurnPhase::kSocket, &socket);
  loop_.AtTurnEnd(TurnPhase::kJournal, &journal);
  loop_.AtTurnEnd(TurnPhase::kMail, &mail);
  loop_.AtTurnEnd(TurnPhase::kLog, &log);
  loop_.AtTurnEnd(TurnPhase::kDispatch, &dispatch);
  loop_.RunOnce(false);
  EXPECT_EQ(said_, "log dispatch journal mail socket ");
}

TEST_F(EventLoopTest, AskingTwiceIsAskingOnce) {
  Task task(Says("x"));
  loop_.AtTurnEnd(TurnPhase::kLog, &task);
  loop_.AtTurnEnd(TurnPhase::kLog, &task);
  loop_.RunOnce(false);
  loop_.RunOnce(false);
  EXPECT_EQ(said_, "x ");
}

TEST_F(EventLoopTest, ALaterPhaseAskedForInAnEarlierOneRunsInTheSameTurn) {
  Task socket(Says("socket"));
  Task log([&] { loop_.AtTurnEnd(TurnPhase::kSocket, &socket); });
  loop_.AtTurnEnd(TurnPhase::kLog, &log);
  loop_.RunOnce(false);
  EXPECT_EQ(said_, "socket ");
}

TEST_F(EventLoopTest, ATaskThatAsksAgainRunsInTheNextTurnWhichDoesNotWait) {
  int runs = 0;
  Task* self = nullptr;
  Task task([&] {
    if (++runs < 3) loop_.AtTurnEnd(TurnPhase::kDispatch, self);
  });
  self = &task;
  loop_.AtTurnEnd(TurnPhase::kDispatch, &task);
  loop_.RunOnce(false);
  EXPECT_EQ(runs, 1);
  loop_.RunOnce(true);
  loop_.RunOnce(true);
  EXPECT_EQ(runs, 3);
}

TEST_F(EventLoopTest, ADestroyedTaskDoesNotRun) {
  auto later = std::make_unique<Task>(Says("later"));
  auto same_phase = std::make_unique<Task>(Says("same phase"));
  Task killer([&] {
    same_phase.reset();
    later.reset();
  });
  loop_.AtTurnEnd(TurnPhase::kLog, &killer);
  loop_.AtTurnEnd(TurnPhase::kLog, same_phase.get());
  loop_.AtTurnEnd(TurnPhase::kSocket, later.get());
  loop_.RunOnce(false);
  EXPECT_EQ(said_, "");
}

TEST_F(EventLoopTest, WhatIsDeferredDiesAfterTheLastPhase) {
  Task socket(Says("socket"));
  loop_.AtTurnEnd(TurnPhase::kSocket, &socket);
  loop_.DeferDelete(std::make_unique<Tombstone>([this] {
    said_ += "dead ";
    loop_.DeferDelete(std::make_unique<Tombstone>(Says("its child too")));
  }));
  loop_.RunOnce(true);
  EXPECT_EQ(said_, "socket dead its child too ");
}

TEST_F(EventLoopTest, LettersAreOpenedOnTheLoopBeforeTheTurnEnds) {
  Task socket(Says("socket"));
  loop_.Post(std::make_unique<Note>([&] {
    EXPECT_TRUE(loop_.home().IsHere());
    said_ += "letter ";
    loop_.AtTurnEnd(TurnPhase::kSocket, &socket);
  }));
  loop_.RunOnce(true);
  EXPECT_EQ(said_, "letter socket ");
}

TEST_F(EventLoopTest, RunEndsWithTheTurnInWhichStopArrivesAndMayBeRunAgain) {
  for (int round = 0; round < 2; ++round) {
    std::thread thread([this] { loop_.Run(); });
    loop_.Post(std::make_unique<Note>(Says("letter")));
    loop_.Stop();
    thread.join();
  }
  EXPECT_EQ(said_, "letter letter ");
}

TEST_F(EventLoopTest, LettersNobodyOpensAreDestroyedWithTheLoop) {
  bool destroyed = false;
  {
    EventLoop loop("short-lived");
    struct Parcel : Letter {
      explicit Parcel(bool* d) : destroyed(d) {}
      ~Parcel() override { *destroyed = true; }
      void Open() noexcept override { ADD_FAILURE() << "opened"; }
      bool* const destroyed;
    };
    loop.Post(std::make_unique<Parcel>(&destroyed));
  }
  EXPECT_TRUE(destroyed);
}

TEST_F(EventLoopTest, TheClockStandsStillWithinATurn) {
  Task socket([this] {
    const SteadyTime now = loop_.Now();
    while (std::chrono::steady_clock::now() == now) {
    }
    EXPECT_EQ(loop_.Now(), now);
  });
  loop_.AtTurnEnd(TurnPhase::kSocket, &socket);
  loop_.RunOnce(false);
}

TEST_F(EventLoopTest, ASlowTurnIsCountedAndLoggedWithWhatItDid) {
  Task slow([] {
    const SteadyTime end =
        std::chrono::steady_clock::now() + EventLoop::kSlowTurn + milliseconds(5);
    while (std::chrono::steady_clock::now() < end) {
    }
  });
  loop_.AtTurnEnd(TurnPhase::kJournal, &slow);
  testing::internal::CaptureStderr();
  loop_.RunOnce(false);
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("WARNING: test loop: a turn took "), std::string::npos) << line;
  EXPECT_NE(line.find("ms (journal "), std::string::npos) << line;
  EXPECT_EQ(loop_.stats().slow_turns, 1u);
  EXPECT_GT(loop_.stats().longest_turn, EventLoop::kSlowTurn);
  loop_.RunOnce(false);
  const LoopStats stats = loop_.stats();
  EXPECT_EQ(stats.slow_turns, 1u);
  EXPECT_EQ(stats.turns, 2u);
  EXPECT_EQ(stats.turn_durations.count(), 2u);
  EXPECT_NEAR(stats.turn_durations.sum_seconds(), static_cast<double>(stats.busy.count()) / 1e9,
              1e-9);
}

TEST_F(EventLoopTest, WaitingIsNotPartOfATurn) {
  constexpr Duration kWait = milliseconds(300);
  Timer timer(loop_, Says("time"));
  timer.ArmAfter(kWait);  // asks for the time before the turn begins
  while (said_.empty()) loop_.RunOnce(true);
  EXPECT_LT(loop_.stats().longest_turn, kWait);
}

}  // namespace
}  // namespace nsq
