#include "common/debug/loop_report.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/metrics/exposition.h"
#include "tests/common/metrics/exposition_parser.h"

namespace nsq {
namespace {

std::vector<LoopReport> TwoLoops() {
  std::vector<LoopReport> loops(2);
  loops[0].name = "loop 0";
  loops[0].connections = 3;
  loops[0].topics = 2;
  loops[0].stats.turns = 5;
  loops[0].stats.busy = milliseconds(70);
  loops[0].stats.longest_turn = milliseconds(60);
  loops[0].stats.slow_turns = 1;
  loops[0].stats.letters = 9;
  loops[0].stats.last_letters = 2;
  loops[0].stats.most_letters = 4;
  loops[0].stats.turn_durations.Add(milliseconds(60));
  loops[0].stats.turn_durations.Add(milliseconds(2), 4);
  loops[1].name = "loop 1";
  return loops;
}

TEST(LoopReportTest, EveryLoopIsASampleOfEveryFamily) {
  metrics::Page page;
  AppendLoops(TwoLoops(), &page);
  const metrics::ParseResult result = metrics::ParseExposition(page.Take());
  ASSERT_EQ(result.error, "");
  const auto of = [&](const std::string& name, const std::string& loop) {
    return result.page.Find(name, {{"loop", loop}});
  };
  EXPECT_EQ(of("nsq_loop_turn_duration_seconds_count", "0"), 5);
  EXPECT_EQ(of("nsq_loop_busy_seconds_total", "0"), 0.07);
  EXPECT_EQ(of("nsq_loop_longest_turn_seconds", "0"), 0.06);
  EXPECT_EQ(of("nsq_loop_slow_turns_total", "0"), 1);
  EXPECT_EQ(of("nsq_loop_letters_total", "0"), 9);
  EXPECT_EQ(of("nsq_loop_mailbox_letters", "0"), 2);
  EXPECT_EQ(of("nsq_loop_mailbox_letters_max", "0"), 4);
  EXPECT_EQ(of("nsq_loop_connections", "0"), 3);
  EXPECT_EQ(of("nsq_loop_topics", "0"), 2);
  EXPECT_EQ(of("nsq_loop_connections", "1"), 0);
}

TEST(LoopReportTest, PeopleReadTheSame) {
  EXPECT_TRUE(DescribeLoops(TwoLoops())
                  .starts_with("loop 0:\n"
                               "  turns: 5, busy for 70ms, the longest 60ms, over 50ms: 1\n"
                               "  letters: 9, last time 2, at most 4\n"
                               "  connections: 3, topics: 2, messages in memory: 0 bytes\n"
                               "loop 1:\n"))
      << DescribeLoops(TwoLoops());
  EXPECT_NE(DescribeTurns(TwoLoops()).find("\n2.5ms\t4\t0\n"), std::string::npos);
  EXPECT_NE(DescribeTurns(TwoLoops()).find("\n100ms\t1\t0\n"), std::string::npos);
}

}  // namespace
}  // namespace nsq
