#include "common/metrics/exposition.h"

#include <gtest/gtest.h>

#include "common/metrics/histogram.h"
#include "tests/common/metrics/exposition_parser.h"

namespace nsq::metrics {
namespace {

constexpr Family kDepth{"nsq_depth", Type::kGauge, "Messages that wait."};
constexpr Family kMessages{"nsq_messages_total", Type::kCounter, "Messages accepted."};
constexpr Family kTook{"nsq_took_seconds", Type::kHistogram, "Time it took."};

TEST(ExpositionTest, APageToTheByte) {
  Samples here(kDepth);
  here.Add(Labels("topic", "a").Add("channel", "b"), 7);
  Samples there(kDepth);
  there.Add(Labels("topic", "c"), -1);
  there.Add(Labels("topic", "d"), 0.25);
  there.Add(Labels("topic", "e"), true);
  there.Add(Labels("topic", "f"), Duration(milliseconds(1500)));
  Page page;
  page.Begin(kDepth);
  page.Append(here);
  page.Append(there);
  page.Add(kMessages, ~uint64_t{0});
  EXPECT_EQ(page.Take(),
            "# HELP nsq_depth Messages that wait.\n"
            "# TYPE nsq_depth gauge\n"
            "nsq_depth{topic=\"a\",channel=\"b\"} 7\n"
            "nsq_depth{topic=\"c\"} -1\n"
            "nsq_depth{topic=\"d\"} 0.25\n"
            "nsq_depth{topic=\"e\"} 1\n"
            "nsq_depth{topic=\"f\"} 1.5\n"
            "# HELP nsq_messages_total Messages accepted.\n"
            "# TYPE nsq_messages_total counter\n"
            "nsq_messages_total 18446744073709551615\n");
}

TEST(ExpositionTest, LabelValuesOfAnyBytesComeBack) {
  const std::string nasty = "a\\b\"c\nd,e}f{g=\"h #ephemeral \xff\xc3\xa9";
  Page page;
  Samples samples(kDepth);
  samples.Add(Labels("topic", nasty).Add("channel", ""), 1);
  page.Add(kDepth, samples);
  const ParseResult parsed = ParseExposition(page.Take());
  ASSERT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.page.Find("nsq_depth", {{"topic", nasty}, {"channel", ""}}), 1);
}

TEST(ExpositionTest, AHistogramIsCumulative) {
  Histogram histogram;
  histogram.Add(microseconds(5), 2);
  histogram.Add(milliseconds(3));
  histogram.Add(std::chrono::hours(5));
  Samples samples(kTook);
  samples.Add(Labels("loop", "0"), histogram);
  Page page;
  page.Add(kTook, samples);
  const ParseResult parsed = ParseExposition(page.Take());
  ASSERT_EQ(parsed.error, "");
  const auto bucket = [&](const std::string& le) {
    return parsed.page.Find("nsq_took_seconds_bucket", {{"loop", "0"}, {"le", le}});
  };
  EXPECT_EQ(bucket("5e-06"), 2);
  EXPECT_EQ(bucket("0.0025"), 2);
  EXPECT_EQ(bucket("0.005"), 3);
  EXPECT_EQ(bucket("3600"), 3);
  EXPECT_EQ(bucket("+Inf"), 4);
  EXPECT_EQ(parsed.page.Find("nsq_took_seconds_count", {{"loop", "0"}}), 4);
  EXPECT_NEAR(*parsed.page.Find("nsq_took_seconds_sum", {{"loop", "0"}}), 18000.00301, 1e-9);
}

// The parser that other tests rely on must not let errors pass.
TEST(ExpositionParserTest, RefusesWhatIsNotTheFormat) {
  const std::string header = "# HELP m h\n# TYPE m gauge\n";
  const std::string histogram = "# HELP m h\n# TYPE m histogram\n";
  const std::string bad[] = {
      "m 1\n",                                                // no header
      "# TYPE m gauge\nm 1\n",                                // no HELP
      "# HELP m h\nm 1\n",                                    // no TYPE
      "# HELP m h\n# TYPE m thing\n",                         //
      "# HELP m h\n# TYPE m counter\nm 1\n",                  // no _total
      "# HELP m_total h\n# TYPE m_total gauge\nm_total 1\n",  //
      header + "m 1",                                         // no end of line
      header + "m\n",                                         //
      header + "m one\n",                                     //
      header + "m 1 \n",                                      //
      header + "other 1\n",                                   //
      header + "m{a=\"b\" 1\n",                               //
      header + "m{a=\"b\"}1\n",                               //
      header + "m{a=b} 1\n",                                  //
      header + "m{1a=\"b\"} 1\n",                             //
      header + "m{a=\"\\t\"} 1\n",                            // an escape that is none
      header + "m{a=\"b\",a=\"c\"} 1\n",                      //
      header + "m 1\nm 1\n",                                  // twice
      header + "m{a=\"b\"} 1\nm{a=\"b\"} 2\n",                //
      header + "m 1\n" + "# HELP n h\n# TYPE n gauge\nn 1\n" + header + "m{a=\"b\"} 1\n",
      header + "m{quantile=\"0.5\"} 1\n",
      "# HELP m h\n# TYPE m summary\nm 1\n",
      header + "\n",
      histogram + "m_bucket{le=\"1\"} 2\nm_bucket{le=\"+Inf\"} 1\nm_sum 1\nm_count 1\n",
      histogram + "m_bucket{le=\"1\"} 1\nm_sum 1\nm_count 1\n",
      histogram + "m_bucket{le=\"+Inf\"} 1\nm_sum 1\nm_count 2\n",
      histogram + "m_bucket{le=\"+Inf\"} 1\nm_sum 1\n",
      histogram + "m 1\n",
  };
  for (const std::string& text : bad) {
    EXPECT_NE(ParseExposition(text).error, "") << text;
  }
  EXPECT_EQ(ParseExposition(header + "m 1\nm{a=\"b\"} +Inf\n").error, "");
}

}  // namespace
}  // namespace nsq::metrics
