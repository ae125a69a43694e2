#include "common/event/helper_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/event/event_loop.h"

namespace nsq {
namespace {

struct CountingJob : Job {
  CountingJob(std::atomic<int>* r, int* o, EventLoop* l) : run(r), opened(o), loop(l) {}
  void Run() noexcept override {
    EXPECT_FALSE(loop->home().IsHere());
    ++*run;
  }
  void Open() noexcept override {
    EXPECT_TRUE(loop->home().IsHere());
    ++*opened;
  }
  std::atomic<int>* const run;
  int* const opened;
  EventLoop* const loop;
};

TEST(HelperPoolTest, JobsRunOnThePoolAndAreOpenedOnTheLoopThatAsked) {
  std::atomic<int> run = 0;
  int opened = 0;
  EventLoop loop("test loop");
  HelperPool pool(3);
  for (int i = 0; i < 100; ++i) {
    pool.Submit(std::make_unique<CountingJob>(&run, &opened, &loop), &loop);
  }
  while (opened < 100) loop.RunOnce(true);
  EXPECT_EQ(run, 100);
}

TEST(HelperPoolTest, DestroyingItRunsWhatWasSubmitted) {
  std::atomic<int> run = 0;
  int opened = 0;
  EventLoop loop("test loop");
  {
    HelperPool pool(1);
    for (int i = 0; i < 50; ++i) {
      pool.Submit(std::make_unique<CountingJob>(&run, &opened, &loop), &loop);
    }
  }
  EXPECT_EQ(run, 50);
  loop.RunOnce(false);
  EXPECT_EQ(opened, 50);
}

}  // namespace
}  // namespace nsq
