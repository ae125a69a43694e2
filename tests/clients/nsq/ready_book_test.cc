#include "clients/nsq/internal/ready_book.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace nsq::client {
namespace {

using Command = ReadyBook::Command;
using Commands = std::vector<Command>;
using Mode = ReadyBook::Mode;

const SteadyTime kStart = SteadyTime() + std::chrono::hours(1);

class ReadyBookTest : public testing::Test {
 protected:
  ReadyBookTest() : book_(options_) {}

  Commands Join(LinkId link, int max_rdy = 2500) {
    book_.Add(link, max_rdy);
    return book_.Plan(now_);
  }
  Commands Leave(LinkId link) {
    book_.Remove(link);
    return book_.Plan(now_);
  }
  Commands Set(int max_in_flight) {
    book_.SetMaxInFlight(max_in_flight);
    return book_.Plan(now_);
  }
  Commands Enter(Mode mode) {
    book_.SetMode(mode);
    return book_.Plan(now_);
  }
  Commands Tick(Duration passed) {
    now_ += passed;
    return book_.Redistribute(now_);
  }

  ClientOptions options_;
  ReadyBook book_;
  SteadyTime now_ = kStart;
};

TEST_F(ReadyBookTest, EachJoinShrinksTheOthersFirst) {
  Set(10);
  EXPECT_EQ(Join(1), (Commands{{1, 10}}));
  EXPECT_EQ(Join(2), (Commands{{1, 5}, {2, 5}}));
  EXPECT_EQ(Join(3), (Commands{{1, 3}, {2, 3}, {3, 3}}));
}

TEST_F(ReadyBookTest, WhatADeadConnectionHadGoesToTheOthers) {
  Set(10);
  Join(1);
  Join(2);
  Join(3);
  EXPECT_EQ(Leave(2), (Commands{{1, 5}, {3, 5}}));
  EXPECT_EQ(Leave(1), (Commands{{3, 10}}));
}

TEST_F(ReadyBookTest, NoMoreThanTheServerAllows) {
  Set(10);
  EXPECT_EQ(Join(1, 4), (Commands{{1, 4}}));
}

TEST_F(ReadyBookTest, PauseAndResume) {
  Set(5);
  Join(1);
  EXPECT_EQ(Set(0), (Commands{{1, 0}}));
  EXPECT_EQ(Set(5), (Commands{{1, 5}}));
  EXPECT_EQ(Set(5), Commands{}) << "only changes are sent";
}

TEST_F(ReadyBookTest, BackingOffNobodyHasAnyThenOneIsTried) {
  Set(10);
  Join(1);
  Join(2);
  EXPECT_EQ(Enter(Mode::kPaused), (Commands{{1, 0}, {2, 0}}));
  EXPECT_EQ(Join(3), Commands{}) << "a new connection has to wait too";
  EXPECT_EQ(Enter(Mode::kTrying), (Commands{{3, 1}})) << "it never had any";
  EXPECT_EQ(Leave(3).size(), 1u) << "the trial goes on elsewhere";
  EXPECT_EQ(Enter(Mode::kNormal).size(), 2u);
}

TEST_F(ReadyBookTest, MoreConnectionsThanMessagesTakeTurns) {
  Set(2);
  for (LinkId link = 1; link <= 5; ++link) Join(link);
  EXPECT_EQ(book_.rdy(1) + book_.rdy(2), 2);
  // Nobody gets a message: each round the idle ones hand on, and everybody has his turn.
  std::set<LinkId> served = {1, 2};
  for (int round = 0; round < 2; ++round) {
    for (const Command& command : Tick(options_.low_rdy_idle_timeout)) {
      if (command.count > 0) served.insert(command.link);
    }
  }
  EXPECT_EQ(served.size(), 5u);
}

TEST_F(ReadyBookTest, ABusyOneHandsOnAfterItsTime) {
  Set(1);
  Join(1);
  Join(2);
  for (Duration passed{0}; passed < options_.low_rdy_timeout - seconds(5); passed += seconds(5)) {
    EXPECT_EQ(Tick(seconds(5)), Commands{});
    book_.OnMessages(1, 1, now_);
    book_.OnAnswer(1);
  }
  EXPECT_EQ(Tick(seconds(5)), (Commands{{1, 0}, {2, 1}}));
}

TEST_F(ReadyBookTest, WhatIsStillInFlightCountsWhenHandingOn) {
  Set(1);
  Join(1);
  Join(2);
  book_.OnMessages(1, 1, now_);
  EXPECT_EQ(Tick(options_.low_rdy_timeout), (Commands{{1, 0}}));
  EXPECT_EQ(book_.Plan(now_), Commands{}) << "it is not answered yet";
  EXPECT_TRUE(book_.waits_for_answers());
  book_.OnAnswer(1);
  EXPECT_EQ(book_.Plan(now_), (Commands{{2, 1}}));
}

class ReadyBookOnDemandTest : public ReadyBookTest {
 protected:
  ReadyBookOnDemandTest() { options_.rdy_on_demand = true; }

  // As a busy nsqd does: sends all that it may, and is answered, step by step, until RDY stays.
  void Saturate(LinkId link) {
    for (int before = -1; before != book_.rdy(link);) {
      before = book_.rdy(link);
      const int count = before - book_.in_flight(link);
      if (count > 0 && book_.OnMessages(link, count, now_)) book_.Plan(now_);
      EXPECT_LE(Taken(), book_.max_in_flight());
    }
  }
  void AnswerAll(LinkId link) {
    while (book_.in_flight(link) > 0) {
      book_.OnAnswer(link);
      if (book_.waits_for_answers()) book_.Plan(now_);
      EXPECT_LE(Taken(), book_.max_in_flight());
    }
  }
  int Taken() const {
    int taken = 0;
    for (LinkId link = 1; link <= 3; ++link) {
      taken += std::max(book_.rdy(link), book_.in_flight(link));
    }
    return taken;
  }
};

TEST_F(ReadyBookOnDemandTest, WhatIdleOnesDoNotUseGoesToTheBusyOne) {
  Set(100);
  for (LinkId link = 1; link <= 3; ++link) Join(link);
  EXPECT_EQ(book_.rdy(1) + book_.rdy(2) + book_.rdy(3), 100) << "no remainder is left unused";
  for (int round = 0; round < 3; ++round) {
    Saturate(1);
    AnswerAll(1);
    Tick(seconds(5));
  }
  Saturate(1);
  EXPECT_EQ(book_.rdy(1), 98);
  EXPECT_EQ(book_.rdy(2), 1) << "one that is idle can still be heard";
  EXPECT_EQ(book_.rdy(3), 1);
}

TEST_F(ReadyBookOnDemandTest, AnIdleOneThatGetsBusyHasItsPartWithoutWaitingForATick) {
  Set(100);
  Join(1);
  Join(2);
  for (int round = 0; round < 3; ++round) {
    Saturate(1);
    AnswerAll(1);
    Tick(seconds(5));
  }
  Saturate(1);
  EXPECT_EQ(book_.rdy(1), 99);
  for (int message = 0; message < 200; ++message) {
    // Both have all in flight that they may have; the one answers, bit by bit.
    Saturate(2);
    if (book_.in_flight(1) > book_.rdy(1)) book_.OnAnswer(1);
    if (book_.waits_for_answers()) book_.Plan(now_);
    EXPECT_LE(Taken(), 100) << "what is still in flight there is not given away here";
  }
  EXPECT_EQ(book_.rdy(1), 50);
  EXPECT_EQ(book_.rdy(2), 50);
}

TEST_F(ReadyBookOnDemandTest, AQuietOneTakesNoMoreThanItUses) {
  Set(100);
  Join(1);
  Join(2);
  for (int round = 0; round < 5; ++round) {
    Saturate(1);
    if (book_.OnMessages(2, 1, now_)) book_.Plan(now_);
    AnswerAll(1);
    AnswerAll(2);
    Tick(seconds(5));
  }
  Saturate(1);
  EXPECT_GE(book_.rdy(1), 95);
  EXPECT_GE(book_.rdy(2), 1);
}

TEST_F(ReadyBookOnDemandTest, WithinWhatTheServersAllow) {
  Set(100);
  Join(1, 10);
  Join(2, 20);
  EXPECT_EQ(book_.rdy(1), 10);
  EXPECT_EQ(book_.rdy(2), 20);
}

TEST_F(ReadyBookTest, AnIdleTrialMovesOn) {
  Set(10);
  Join(1);
  Join(2);
  Enter(Mode::kPaused);
  Enter(Mode::kTrying);
  const LinkId tried = book_.rdy(1) > 0 ? 1 : 2;
  EXPECT_EQ(Tick(options_.low_rdy_idle_timeout), (Commands{{tried, 0}, {3 - tried, 1}}));
}

}  // namespace
}  // namespace nsq::client
