#include "nsqd/protocol/answers.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/buffer.h"
#include "common/wire/frame.h"

namespace nsq::nsqd {
namespace {

std::string Frames(const std::vector<std::pair<FrameType, std::string_view>>& frames) {
  Buffer buffer;
  for (const auto& [type, text] : frames) AppendFrame(type, text, &buffer);
  return std::string(buffer.view());
}

constexpr FrameType kResponse = FrameType::kResponse;
constexpr FrameType kError = FrameType::kError;

struct AnswersTest : testing::Test {
  // What Say appends.
  std::string Said() {
    Buffer out;
    open = answers.Say(&out);
    return std::string(out.view());
  }

  Answers answers;
  bool open = true;
};

TEST_F(AnswersTest, WaitForTheFirstOne) {
  const uint64_t first = answers.Promise(Command::kPub);
  const uint64_t second = answers.Promise(Command::kMpub);
  answers.Add(kResponse, "CLOSE_WAIT");
  answers.Give(second);
  EXPECT_EQ(Said(), "");
  EXPECT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers.promised(), 1u);
  answers.Give(first);
  EXPECT_EQ(Said(), Frames({{kResponse, "OK"}, {kResponse, "OK"}, {kResponse, "CLOSE_WAIT"}}));
  EXPECT_TRUE(answers.empty());
  EXPECT_TRUE(open);
}

TEST_F(AnswersTest, ErrorThatIsNotFatalIsFollowedByOthers) {
  answers.Add(Refusal{"E_FIN_FAILED", false});
  answers.Give(answers.Promise(Command::kPub));
  EXPECT_EQ(Said(), Frames({{kError, "E_FIN_FAILED"}, {kResponse, "OK"}}));
  EXPECT_TRUE(open);
}

TEST_F(AnswersTest, NothingFollowsAFatalError) {
  const uint64_t first = answers.Promise(Command::kPub);
  const uint64_t second = answers.Promise(Command::kDpub);
  const uint64_t third = answers.Promise(Command::kPub);
  answers.Give(third);
  EXPECT_EQ(answers.promised_to(second), Command::kDpub);
  answers.Give(first);
  EXPECT_EQ(Said(), Frames({{kResponse, "OK"}}));
  answers.Give(second, Refusal{"E_DPUB_FAILED x"});
  EXPECT_EQ(Said(), Frames({{kError, "E_DPUB_FAILED x"}}));
  EXPECT_FALSE(open);
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(answers.promised(), 0u);
}

TEST_F(AnswersTest, PromisesOutliveAFatalError) {
  const uint64_t first = answers.Promise(Command::kPub);
  const uint64_t second = answers.Promise(Command::kPub);
  answers.Give(first, Refusal{"E_PUB_FAILED x"});
  Said();
  EXPECT_TRUE(answers.empty());
  EXPECT_EQ(answers.promised(), 1u);
  answers.Shrink();
  answers.Give(second, Refusal{"E_PUB_FAILED y"});
  EXPECT_EQ(answers.promised(), 0u);
  EXPECT_EQ(Said(), "");
  EXPECT_FALSE(open);
}

// Against the plain thing: a list in which the front is said once it is known.
TEST_F(AnswersTest, AnyOrderOfGivingIsSaidInOrder) {
  std::mt19937 random(1);
  std::string expected;
  std::string said;
  std::vector<uint64_t> promised;
  for (int step = 0; step < 20000; ++step) {
    if (random() % 500 == 0) answers.Shrink();
    if (random() % 3 != 0 || promised.empty()) {
      if (random() % 8 == 0) {
        answers.Add(kResponse, std::to_string(step));
        expected += Frames({{kResponse, std::to_string(step)}});
      } else {
        promised.push_back(answers.Promise(Command::kPub));
        expected += Frames({{kResponse, "OK"}});
      }
    } else {
      const size_t i = random() % promised.size();
      answers.Give(promised[i]);
      promised.erase(promised.begin() + static_cast<std::ptrdiff_t>(i));
    }
    said += Said();
    ASSERT_EQ(answers.promised(), promised.size());
    ASSERT_EQ(said, expected.substr(0, said.size()));
  }
  for (const uint64_t ticket : promised) answers.Give(ticket);
  said += Said();
  EXPECT_EQ(said, expected);
}

}  // namespace
}  // namespace nsq::nsqd
