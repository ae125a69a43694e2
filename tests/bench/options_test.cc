#include "tests/bench/options.h"

#include <gtest/gtest.h>

namespace nsq::bench {
namespace {

TEST(OptionsTest, BothWaysToGiveAValue) {
  const Result<RunOptions> options =
      ParseRunOptions(Mode::kMpub, {"--size=64", "--messages", "1000", "--json"});
  ASSERT_TRUE(options.ok()) << options.status().detail();
  EXPECT_EQ(options->workload.size_bytes, 64);
  EXPECT_EQ(options->workload.messages, 1000);
  EXPECT_EQ(options->workload.batch, 200) << "the mode's default";
  EXPECT_TRUE(options->json);
}

TEST(OptionsTest, WhatFollowsTheDashesIsForTheServer) {
  const Result<RunOptions> options =
      ParseRunOptions(Mode::kPub, {"--spawn", "nsqd", "--", "--mem-queue-size=0", "-v"});
  ASSERT_TRUE(options.ok()) << options.status().detail();
  EXPECT_EQ(options->server.flags, (std::vector<std::string>{"--mem-queue-size=0", "-v"}));
}

TEST(OptionsTest, SecondsReplaceTheDefaultNumberOfMessages) {
  const Result<RunOptions> options = ParseRunOptions(Mode::kPub, {"--seconds", "2.5"});
  ASSERT_TRUE(options.ok()) << options.status().detail();
  EXPECT_EQ(options->workload.messages, 0);
  EXPECT_EQ(options->workload.seconds, 2.5);
}

TEST(OptionsTest, LayersOfARunAndOfAComparison) {
  const Result<RunOptions> run =
      ParseRunOptions(Mode::kSub, {"--tls", "--deflate", "--deflate-level=9"});
  ASSERT_TRUE(run.ok()) << run.status().detail();
  EXPECT_TRUE(run->workload.layers.tls && run->workload.layers.deflate);
  EXPECT_EQ(run->workload.layers.deflate_level, 9);
  const Result<CompareOptions> compare = ParseCompareOptions({"--ours=nsqd", "--snappy"});
  ASSERT_TRUE(compare.ok()) << compare.status().detail();
  EXPECT_TRUE(compare->layers.snappy);
  EXPECT_FALSE(ParseRunOptions(Mode::kPub, {"--snappy", "--deflate"}).ok());
  EXPECT_FALSE(ParseRunOptions(Mode::kPub, {"--deflate", "--deflate-level=10"}).ok());
  EXPECT_FALSE(ParseRunOptions(Mode::kHttp, {"--tls"}).ok());
  EXPECT_FALSE(ParseCompareOptions({"--ours=nsqd", "--snappy", "--deflate"}).ok());
}

TEST(OptionsTest, NonsenseIsRefused) {
  const std::vector<std::vector<std::string>> lines = {{"--nonsense=1"},
                                                       {"pub"},
                                                       {"--size"},
                                                       {"--size=0"},
                                                       {"--size=-1"},
                                                       {"--size=12x"},
                                                       {"--json=yes"},
                                                       {"--connections=0"},
                                                       {"--tcp=localhost:abc"},
                                                       {"--batch=two"},
                                                       {"--consumers=3"},
                                                       {"--seconds=fast"},
                                                       {"--topics=20000"},
                                                       {"--pipeline="},
                                                       {"--size=99999999999999999999"}};
  for (const std::vector<std::string>& words : lines) {
    EXPECT_FALSE(ParseRunOptions(Mode::kPub, words).ok()) << words.front();
  }
}

TEST(OptionsTest, TheOthersQueueSizeBecomesAFlag) {
  const Result<CompareOptions> options = ParseCompareOptions(
      {"--ours=a", "--vs=b", "--vs-flags", "-x  -y", "--mem-queue-size-vs", "0"});
  ASSERT_TRUE(options.ok()) << options.status().detail();
  EXPECT_EQ(options->vs_flags, (std::vector<std::string>{"-x", "-y", "--mem-queue-size=0"}));
}

}  // namespace
}  // namespace nsq::bench
