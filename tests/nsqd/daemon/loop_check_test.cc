#include "nsqd/daemon/loop_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace nsq::nsqd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Two loops that this thread turns, or does not.
class LoopCheckTest : public testing::Test {
 protected:
  void Check() {
    check_.Check([this](const std::vector<std::string>& silent) { answers_.push_back(silent); });
  }

  EventLoop here_{"here"};
  EventLoop there_{"there"};
  LoopCheck check_{here_, {&here_, &there_}};
  std::vector<std::vector<std::string>> answers_;
};

TEST_F(LoopCheckTest, AllThatTurnAreWell) {
  Check();
  EXPECT_THAT(answers_, IsEmpty()) << "never from inside the call";
  here_.RunOnce(false);
  there_.RunOnce(false);
  here_.RunOnce(false);
  EXPECT_THAT(answers_, ElementsAre(IsEmpty()));
}

TEST_F(LoopCheckTest, ManyWhoAskAtOnceAreAnsweredByOneRound) {
  Check();
  Check();
  Check();
  here_.RunOnce(false);
  there_.RunOnce(false);
  here_.RunOnce(false);
  EXPECT_EQ(answers_.size(), 3u);
}

TEST_F(LoopCheckTest, OneThatDoesNotTurnIsNamedAndForgivenWhenItTurnsAgain) {
  Check();
  while (answers_.empty()) here_.RunOnce(true);
  EXPECT_THAT(answers_, ElementsAre(ElementsAre("there")));

  // Its late answer does not count for the next round.
  Check();
  there_.RunOnce(false);
  here_.RunOnce(false);
  here_.RunOnce(false);
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_THAT(answers_[1], IsEmpty());
}

}  // namespace
}  // namespace nsq::nsqd
