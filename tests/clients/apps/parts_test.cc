#include <gtest/gtest.h>

#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "clients/apps/file_name.h"
#include "clients/apps/json_filter.h"
#include "clients/apps/left_behind.h"
#include "clients/apps/pieces.h"
#include "clients/apps/timer_metrics.h"
#include "clients/apps/url_template.h"

namespace nsq::apps {
namespace {

TEST(FileNameTest, DatetimeKnowsItsLettersAndKeepsTheRest) {
  tm time{};
  time.tm_year = 126;
  time.tm_mon = 10;
  time.tm_mday = 2;
  time.tm_hour = 15;
  time.tm_min = 4;
  time.tm_sec = 5;
  time.tm_wday = 1;
  time.tm_zone = "UTC";
  EXPECT_EQ(FormatDatetime("%Y-%m-%d_%H %I:%M:%S %p %B %b %A %a %y %Z %z %%", time),
            "2026-11-02_15 03:04:05 PM November Nov Monday Mon 26 UTC +0000 %");
  EXPECT_EQ(FormatDatetime("x2006 Jan2 15 %j%e%", time), "x2006 Jan2 15 %j%e%");
}

TEST(LeftBehindNameTest, FindsTheRevision) {
  const auto revision = [](std::string_view format, std::string_view name) {
    const auto parts = MatchName(format, name);
    return parts ? parts->revision : -1;
  };
  constexpr std::string_view kUsual = "t.vm<REV>.<DATETIME>.log";
  EXPECT_EQ(revision(kUsual, "t.vm-000012.2026-11-20_22.log"), 12);
  EXPECT_EQ(revision(kUsual, "t.vm-1234567.x.log"), 1234567);
  EXPECT_EQ(revision("<DATETIME><REV>", "2026-11-20-000003"), 3);
  EXPECT_EQ(revision("a<REV>b", "a-000000b"), 0);
  for (const char* other : {"t.vm.2026.log", "t.vm-00012.x.log", "t.vm-000012.x.log.gz", "",
                            "u.vm-000012.x.log", "t.vm-00001a.x.log", "t.vm-000012"}) {
    EXPECT_EQ(revision(kUsual, other), -1) << other;
  }
  EXPECT_EQ(revision("t.<DATETIME>", "t.x"), -1) << "no revision at all";
  EXPECT_EQ(MatchName(kUsual, "t.vm-000012.x.log")->WithRevision(7), "t.vm-000007.x.log");
}

TEST(PiecesTest, CutsAcrossReadsAndKeepsTheLast) {
  std::vector<std::string> seen;
  const auto take = [&seen](std::string_view piece) { seen.emplace_back(piece); };
  Pieces pieces('\n');
  for (const char* read : {"on", "e\n", "\ntwo\nth", "ree"}) pieces.Add(read, take);
  pieces.End(take);
  EXPECT_EQ(seen, (std::vector<std::string>{"one", "", "two", "three"}));
}

TEST(UrlTemplateTest, ExactlyOnePlaceAndDoubledPercents) {
  EXPECT_FALSE(UrlTemplate::Parse("http://h/"));
  EXPECT_FALSE(UrlTemplate::Parse("http://h/%s/%s"));
  EXPECT_FALSE(UrlTemplate::Parse("http://h/%%s"));
  const auto url = UrlTemplate::Parse("http://h/?a=%%20&x=%s&y");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->Fill("a b/\xff~"), "http://h/?a=%20&x=a+b%2F%FF~&y");
}

TEST(TimerMetricsTest, ALineForEachFullRound) {
  TimerMetrics metrics(4, "[aggregate]:");
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(metrics.Add(milliseconds(i)), "");
  EXPECT_EQ(metrics.Add(milliseconds(5)),
            "[aggregate]: finished 4 - 99th: 4ms - 95th: 4ms - avg: 2.5ms");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(metrics.Add(milliseconds(1)), "");
  EXPECT_NE(metrics.Add(milliseconds(1)), "");
  TimerMetrics off(0, "");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(off.Add(milliseconds(1)), "");
}

// What becomes of `body`: itself, what it is changed to, or a word.
std::string Judged(const JsonFilter& filter, const std::string& body) {
  std::optional<std::string> changed;
  switch (filter.Judge(body, &changed)) {
    case JsonFilter::Verdict::kPass:
      return changed ? *changed : body;
    case JsonFilter::Verdict::kDrop:
      return "drop";
    case JsonFilter::Verdict::kBad:
      return "bad";
    case JsonFilter::Verdict::kFail:
      return "fail";
  }
  return "";
}

TEST(JsonFilterTest, WithoutRulesNothingIsLookedAt) {
  EXPECT_EQ(Judged(JsonFilter("", "", {}), "not json"), "not json");
  EXPECT_EQ(Judged(JsonFilter("", "v", {}), "not json"), "not json");
}

TEST(JsonFilterTest, RequiredField) {
  const JsonFilter filter("f", "", {});
  EXPECT_EQ(Judged(filter, R"({ "f": null })"), R"({ "f": null })") << "as it came";
  EXPECT_EQ(Judged(filter, R"({"g":1})"), "drop");
  EXPECT_EQ(Judged(filter, "null"), "drop");
  for (const char* bad : {"", "[]", "\"f\"", "{", R"({"f":1} x)"}) {
    EXPECT_EQ(Judged(filter, bad), "bad") << bad;
  }
}

TEST(JsonFilterTest, RequiredValue) {
  const JsonFilter one("f", "1", {});
  for (const char* body : {R"({"f":1})", R"({"f":1.0})", R"({"f":"1"})", R"({"f":1e0})"}) {
    EXPECT_EQ(Judged(one, body), body);
  }
  EXPECT_EQ(Judged(one, R"({"f":2})"), "drop");
  EXPECT_EQ(Judged(one, R"({"g":1})"), "fail");
  const JsonFilter truth("f", "true", {});
  EXPECT_EQ(Judged(truth, R"({"f":true})"), "drop");
  EXPECT_EQ(Judged(truth, R"({"f":"true"})"), R"({"f":"true"})");
}

TEST(JsonFilterTest, WhitelistSortsAndKeepsNumbers) {
  const JsonFilter filter("", "", {"b", "a", "gone"});
  EXPECT_EQ(Judged(filter, R"({"a": 12345678901234567890, "c": 1, "b": [1.0, {"z":1e3,"y":"<"}]})"),
            R"({"a":12345678901234567890,"b":[1.0,{"y":"\u003c","z":1e3}]})");
  EXPECT_EQ(Judged(filter, R"({"x":1})"), "{}");
  EXPECT_EQ(Judged(filter, "{\"a\":\"\xff\"}"), "{\"a\":\"\xEF\xBF\xBD\"}");
}

}  // namespace
}  // namespace nsq::apps
