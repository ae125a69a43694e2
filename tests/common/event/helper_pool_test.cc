#include "common/event/helper_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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

// Says when it has begun, and ends when it is told to.
struct GatedJob : Job {
  GatedJob(std::string n, std::shared_future<void> g, std::vector<std::string>* l, std::mutex* m)
      : name(std::move(n)), gate(std::move(g)), begun(l), mutex(m) {}
  void Run() noexcept override {
    {
      const std::lock_guard<std::mutex> lock(*mutex);
      begun->push_back(name);
    }
    gate.wait();
  }
  void Open() noexcept override {}
  const std::string name;
  const std::shared_future<void> gate;
  std::vector<std::string>* const begun;
  std::mutex* const mutex;
};

struct LanesTest : testing::Test {
  void Submit(HelperPool& pool, const std::string& name, Lane lane,
              const std::shared_future<void>& until) {
    pool.Submit(std::make_unique<GatedJob>(name, until, &begun, &mutex), &loop, lane);
  }
  size_t Begun() {
    const std::lock_guard<std::mutex> lock(mutex);
    return begun.size();
  }

  EventLoop loop{"test loop"};
  std::mutex mutex;
  std::vector<std::string> begun;
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
};

TEST_F(LanesTest, WhatIsAwaitedFindsAThreadHoweverMuchIsInTheBackground) {
  {
    HelperPool pool(3);
    for (int i = 0; i < 10; ++i) Submit(pool, "background", Lane::kBackground, ended);
    while (Begun() < 2) std::this_thread::yield();
    Submit(pool, "awaited", Lane::kAwaited, ended);
    while (Begun() < 3) std::this_thread::yield();
    end.set_value();
  }
  EXPECT_EQ(begun[2], "awaited");
  EXPECT_EQ(begun.size(), 11u) << "the background is worked off too";
}

TEST_F(LanesTest, TheBackgroundGetsOnHoweverMuchIsAwaited) {
  {
    HelperPool pool(1);
    Submit(pool, "first", Lane::kAwaited, ended);
    while (Begun() < 1) std::this_thread::yield();
    for (int i = 0; i < 2; ++i) Submit(pool, "background", Lane::kBackground, ended);
    for (int i = 0; i < 30; ++i) Submit(pool, "awaited", Lane::kAwaited, ended);
    end.set_value();
  }
  ASSERT_EQ(begun.size(), 33u);
  EXPECT_EQ(begun[1], "awaited") << "it goes first";
  const auto half = begun.begin() + 20;
  EXPECT_EQ(std::count(begun.begin(), half, "background"), 2);
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
