#include "common/event/helper_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
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

// As one that asks a name server which does not answer.
struct StuckJob : Job {
  StuckJob(std::shared_ptr<std::promise<void>> b, std::shared_future<void> e,
           std::shared_ptr<std::promise<void>> d)
      : begun(std::move(b)), end(std::move(e)), destroyed(std::move(d)) {}
  ~StuckJob() override { destroyed->set_value(); }
  void Run() noexcept override {
    begun->set_value();
    end.wait();
  }
  void Open() noexcept override { ADD_FAILURE() << "nobody waits for it any more"; }
  const std::shared_ptr<std::promise<void>> begun;
  const std::shared_future<void> end;
  const std::shared_ptr<std::promise<void>> destroyed;
};

TEST(HelperPoolTest, WithPatienceItLeavesWhatDoesNotEnd) {
  const auto begun = std::make_shared<std::promise<void>>();
  const auto destroyed = std::make_shared<std::promise<void>>();
  std::promise<void> end;
  std::atomic<int> run = 0;
  int opened = 0;
  auto loop = std::make_unique<EventLoop>("test loop");
  {
    HelperPool pool(1, milliseconds(1));
    pool.Submit(std::make_unique<StuckJob>(begun, end.get_future().share(), destroyed), loop.get());
    begun->get_future().wait();
    pool.Submit(std::make_unique<CountingJob>(&run, &opened, loop.get()), loop.get());
  }
  loop.reset();
  end.set_value();
  destroyed->get_future().wait();
  EXPECT_EQ(run, 0) << "what had not begun is dropped";
}

TEST(HelperPoolTest, WithPatienceItWaitsNoLongerThanNeeded) {
  EventLoop loop("test loop");
  std::atomic<int> run = 0;
  int opened = 0;
  {
    HelperPool pool(2, std::chrono::hours(1));
    pool.Submit(std::make_unique<CountingJob>(&run, &opened, &loop), &loop);
    while (opened == 0) loop.RunOnce(true);
  }
  EXPECT_EQ(run, 1);
}

}  // namespace
}  // namespace nsq
