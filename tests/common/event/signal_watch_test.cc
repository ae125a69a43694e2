#include "common/event/signal_watch.h"

#include <gtest/gtest.h>

#include <csignal>
#include <vector>

namespace nsq {
namespace {

TEST(SignalWatchTest, SignalsBecomeCallsInATurn) {
  EventLoop loop("test loop");
  std::vector<int> got;
  {
    const SignalWatch watch(loop, {SIGUSR1, SIGUSR2},
                            [&got](int signal) { got.push_back(signal); });
    ::raise(SIGUSR2);
    EXPECT_TRUE(got.empty()) << "not where the signal struck";
    while (got.empty()) loop.RunOnce(true);
    ::raise(SIGUSR1);
    while (got.size() < 2) loop.RunOnce(true);
  }
  EXPECT_EQ(got, (std::vector<int>{SIGUSR2, SIGUSR1}));
}

TEST(SignalWatchDeathTest, WithoutTheWatchASignalMeansWhatItMeantBefore) {
  EventLoop loop("test loop");
  {
    const SignalWatch watch(loop, {SIGUSR1}, [](int) {});
  }
  EXPECT_EXIT(::raise(SIGUSR1), testing::KilledBySignal(SIGUSR1), "");
}

TEST(SignalWatchTest, IgnoredSignalsDoNothing) {
  IgnoreSignals({SIGHUP});
  EXPECT_EQ(::raise(SIGHUP), 0);
  std::signal(SIGHUP, SIG_DFL);
}

}  // namespace
}  // namespace nsq
