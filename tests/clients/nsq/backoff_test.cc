#include "clients/nsq/internal/backoff.h"

#include <gtest/gtest.h>

#include <vector>

namespace nsq::client {
namespace {

using Action = Backoff::Action;
using Signal = Backoff::Signal;

ClientOptions Short() {
  ClientOptions options;
  options.backoff_multiplier = milliseconds(100);
  options.max_backoff_duration = seconds(1);
  return options;
}

// The pauses of `count` failures in a row, in milliseconds.
std::vector<int64_t> Pauses(const ClientOptions& options, int count) {
  Backoff backoff(options, 1);
  std::vector<int64_t> pauses;
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(backoff.On(Signal::kFailure), Action::kPause);
    pauses.push_back(std::chrono::duration_cast<milliseconds>(backoff.pause()).count());
    backoff.PauseOver();
  }
  return pauses;
}

TEST(BackoffTest, DoublesUpToItsMaximum) {
  EXPECT_EQ(Pauses(Short(), 6), (std::vector<int64_t>{200, 400, 800, 1000, 1000, 1000}));
}

TEST(BackoffTest, MaximumBelowTheFirstPauseStillBacksOff) {
  ClientOptions options;
  options.max_backoff_duration = seconds(1);
  EXPECT_EQ(Pauses(options, 2), (std::vector<int64_t>{1000, 1000}));
}

TEST(BackoffTest, ZeroMaximumNeverBacksOff) {
  ClientOptions options;
  options.max_backoff_duration = Duration::zero();
  Backoff backoff(options, 1);
  EXPECT_EQ(backoff.On(Signal::kFailure), Action::kNone);
  EXPECT_EQ(backoff.On(Signal::kSuccess), Action::kNone);
}

TEST(BackoffTest, OneResultForEachPause) {
  Backoff backoff(Short(), 1);
  EXPECT_EQ(backoff.On(Signal::kFailure), Action::kPause);
  EXPECT_EQ(backoff.On(Signal::kFailure), Action::kNone);
  EXPECT_EQ(backoff.On(Signal::kSuccess), Action::kNone);
  EXPECT_EQ(backoff.level(), 1);
}

TEST(BackoffTest, WalksDownLevelByLevel) {
  Backoff backoff(Short(), 1);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(backoff.On(Signal::kFailure), Action::kPause);
    backoff.PauseOver();
  }
  EXPECT_EQ(backoff.On(Signal::kSuccess), Action::kPause);
  EXPECT_EQ(backoff.pause(), milliseconds(200));
  backoff.PauseOver();
  EXPECT_EQ(backoff.On(Signal::kSuccess), Action::kLeave);
  EXPECT_EQ(backoff.On(Signal::kSuccess), Action::kNone);
}

TEST(BackoffTest, NeitherRepeatsTheLevel) {
  Backoff backoff(Short(), 1);
  EXPECT_EQ(backoff.On(Signal::kNeither), Action::kNone) << "not backing off";
  EXPECT_EQ(backoff.On(Signal::kFailure), Action::kPause);
  backoff.PauseOver();
  EXPECT_EQ(backoff.On(Signal::kNeither), Action::kPause);
  EXPECT_EQ(backoff.pause(), milliseconds(200));
}

TEST(BackoffTest, FullJitterStaysBelowTheExponential) {
  ClientOptions options = Short();
  options.backoff_strategy = BackoffStrategy::kFullJitter;
  const std::vector<int64_t> most = {200, 400, 800, 1000, 1000};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Backoff backoff(options, seed);
    for (const int64_t limit : most) {
      EXPECT_EQ(backoff.On(Signal::kFailure), Action::kPause);
      EXPECT_LE(backoff.pause(), milliseconds(limit));
      EXPECT_GE(backoff.pause(), Duration::zero());
      backoff.PauseOver();
    }
  }
}

TEST(BackoffTest, ManyFailuresDoNotOverflow) {
  ClientOptions options;
  options.backoff_multiplier = std::chrono::minutes(60);
  options.max_backoff_duration = std::chrono::minutes(60);
  for (const int64_t pause : Pauses(options, 100)) EXPECT_EQ(pause, 3600 * 1000);
}

}  // namespace
}  // namespace nsq::client
