#include "admin/sampler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace nsq::admin {
namespace {

TEST(SamplerTest, AFreshReportIsSharedAndAnOldOneReplaced) {
  SteadyTime now;
  int taken = 0;
  Sampler sampler([&taken] { return ++taken, ClusterSample(); }, [&now] { return now; });
  const auto first = sampler.Report();
  now += Sampler::kFreshFor - milliseconds(1);
  EXPECT_EQ(sampler.Report(), first);
  EXPECT_EQ(taken, 1);
  now += milliseconds(1);
  EXPECT_NE(sampler.Report(), first);
  EXPECT_EQ(taken, 2);
}

TEST(SamplerTest, ManyWatchersAskTheClusterOnce) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  std::atomic<int> taken{0};
  Sampler sampler(
      [&] {
        ++taken;
        gone.wait();
        return ClusterSample();
      },
      [] { return SteadyTime(); });
  std::vector<std::thread> watchers;
  std::atomic<int> answered{0};
  for (int i = 0; i < 8; ++i) {
    watchers.emplace_back([&] {
      if (sampler.Report() != nullptr) ++answered;
    });
  }
  while (taken == 0) std::this_thread::yield();
  go.set_value();
  for (std::thread& watcher : watchers) watcher.join();
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(answered, 8);
}

TEST(SamplerTest, WhatTookLongIsUsedLongerWithinReason) {
  SteadyTime now;
  Duration takes = milliseconds(700);
  int taken = 0;
  Sampler sampler(
      [&] {
        now += takes;
        return ++taken, ClusterSample();
      },
      [&] { return now; });
  sampler.Report();
  now += milliseconds(1399);
  sampler.Report();
  EXPECT_EQ(taken, 1);
  now += milliseconds(1);
  takes = seconds(10);  // a daemon hangs
  sampler.Report();
  EXPECT_EQ(taken, 2);
  now += Sampler::kLongestFresh;
  sampler.Report();
  EXPECT_EQ(taken, 3);
}

}  // namespace
}  // namespace nsq::admin
