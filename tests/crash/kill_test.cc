// The daemon is ended at random moments of its work: by kill -9, stopped for a while before it, by
// a clean stop; by a power cut that takes what was not synced.

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/crash/crash_fixture.h"

namespace nsq::crash {
namespace {

class KillTest : public CrashTest {
 protected:
  void EndInAnyWay() {
    switch (random()() % 4) {
      case 0:
        // Everything it has under way finds out that nobody answers.
        nsqd().process().Signal(SIGSTOP);
        std::this_thread::sleep_for(milliseconds(random()() % 600));
        nsqd().process().Signal(SIGCONT);
        std::this_thread::sleep_for(milliseconds(random()() % 20));
        nsqd().Kill();
        break;
      case 1:
        EXPECT_EQ(nsqd().Stop(), 0);
        break;
      default:
        nsqd().Kill();
    }
  }
};

TEST_P(KillTest, NothingAcknowledgedIsLostWithDurabilityOs) {
  Begin("os", Ledger::Promise::kAll);
  for (int round = 0; round < Rounds(5); ++round) Round([this] { EndInAnyWay(); });
  Finish();
}

TEST_P(KillTest, NothingAcknowledgedIsLostWithDurabilityFsync) {
  Begin("fsync", Ledger::Promise::kAll);
  for (int round = 0; round < Rounds(3); ++round) Round([this] { EndInAnyWay(); });
  Finish();
}

// The topic's own setting, kept over every end.
TEST_P(KillTest, NothingAcknowledgedIsLostOfATopicThatIsSafer) {
  Begin("memory", Ledger::Promise::kAll);
  EXPECT_EQ(nsqd().Post("/topic/config?topic=t&durability=os").status, 200);
  for (int round = 0; round < Rounds(3); ++round) Round([this] { EndInAnyWay(); });
  Finish();
}

// With a channel that nobody reads everything stays, and comes to it in the end.
TEST_P(KillTest, ABacklogStays) {
  Begin("os", Ledger::Promise::kAll);
  load_.channels = {"c0"};  // "c1" is there too
  load_.meddles = false;
  for (int round = 0; round < Rounds(3); ++round) Round([this] { EndInAnyWay(); });
  Finish();
}

TEST_P(KillTest, WhatIsDueMuchLaterKeepsItselfOnly) {
  Begin("os", Ledger::Promise::kAll);
  load_.meddles = false;
  much_later_ = true;
  for (int round = 0; round < Rounds(4); ++round) Round([this] { EndInAnyWay(); });
  Finish();
}

TEST_P(KillTest, APowerCutTakesNothingAcknowledgedWithDurabilityFsync) {
  Begin("fsync", Ledger::Promise::kMessagesOnly);
  nsqd().Stop();
  disk().FollowSyncs();
  StartAgain();
  load_.meddles = false;  // what is asked over HTTP is not promised to be on the disk
  for (int round = 0; round < Rounds(5); ++round) {
    Round([this] {
      nsqd().Kill();
      disk().CutPower(&random());
    });
  }
  Finish();
}

INSTANTIATE_TEST_SUITE_P(, KillTest, testing::Values(1, 4), cluster::LoopsName);

}  // namespace
}  // namespace nsq::crash
