#include "common/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nsq {
namespace {

using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  LogTest() { InitLogging("nsqd", "[nsqd] ", LogLevel::kInfo); }
  void TearDown() override { SetLogLevel(LogLevel::kInfo); }

  template <typename Action>
  std::string Logged(Action action) {
    testing::internal::CaptureStderr();
    action();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, ALineHasNsqsForm) {
  EXPECT_THAT(Logged([] { NSQ_LOG(kWarn, "TOPIC(", "t", "): ", 5); }),
              MatchesRegex("\\[nsqd\\] [0-9]{4}/[0-9]{2}/[0-9]{2} "
                           "[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6} WARNING: TOPIC\\(t\\): 5\n"));
}

TEST_F(LogTest, LessThanTheLevelIsNotShownNorPutTogether) {
  int evaluated = 0;
  const auto count = [&evaluated] { return ++evaluated; };
  EXPECT_EQ(Logged([&] { NSQ_LOG(kDebug, "x", count()); }), "");
  EXPECT_EQ(evaluated, 0);
  SetLogLevel(LogLevel::kDebug);
  EXPECT_NE(Logged([&] { NSQ_LOG(kDebug, "x", count()); }), "");
  SetLogLevel(LogLevel::kFatal);
  EXPECT_EQ(Logged([&] { NSQ_LOG(kError, "x"); }), "");
  EXPECT_NE(Logged([&] { NSQ_LOG(kFatal, "x"); }), "") << "and the process goes on";
}

TEST_F(LogTest, LevelsHaveNsqsWordsInAnyCase) {
  EXPECT_EQ(ParseLogLevel("INFO"), LogLevel::kInfo);
  EXPECT_EQ(ParseLogLevel("Warn"), LogLevel::kWarn);
  for (const char* word : {"", "warning", "info ", "3"}) {
    EXPECT_EQ(ParseLogLevel(word), std::nullopt) << word;
  }
}

}  // namespace
}  // namespace nsq
