#include "nsqd/http/stats_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>

#include "common/version.h"
#include "tests/nsqd/http/sample_page.h"

namespace nsq::nsqd {
namespace {

// In a time zone of the test's choice.
class StatsTextTest : public testing::Test {
 public:
  StatsTextTest() {
    if (const char* const zone = std::getenv("TZ")) before_ = zone;
    SetZone("UTC");
  }
  ~StatsTextTest() override {
    if (before_) {
      SetZone(before_->c_str());
    } else {
      unsetenv("TZ");
      tzset();
    }
  }
  static void SetZone(const char* zone) {
    setenv("TZ", zone, 1);
    tzset();
  }

 private:
  std::optional<std::string> before_;
};

std::string Head(const std::string& start_time) {
  return VersionLine("nsqd") + "\nstart_time " + start_time + "\nuptime 3m3.539434814s\n";
}

TEST_F(StatsTextTest, IsTheOriginalsToTheByte) {
  StatsPage page = SamplePage();
  page.memory = MemoryStats{38411, 630784, 48816128, 589824};
  ChannelStats& channel = page.stats.topics[0].channels[0];
  ClientStats& nameless = channel.clients->emplace_back();
  nameless.hostname = "127.0.0.1";
  nameless.remote_address = "127.0.0.1:60866";
  nameless.state = 3;
  nameless.connected_at = page.now - seconds(3723) - milliseconds(1);
  EXPECT_EQ(StatsText(page),
            Head("2026-11-20T22:47:42Z") +
                "\n"
                "Health: OK\n"
                "\n"
                "Memory:\n"
                "   heap_objects             \t38411\n"
                "   heap_idle_bytes          \t630784\n"
                "   heap_in_use_bytes        \t48816128\n"
                "   heap_released_bytes      \t589824\n"
                "   gc_pause_usec_100        \t0\n"
                "   gc_pause_usec_99         \t0\n"
                "   gc_pause_usec_95         \t0\n"
                "   next_gc_bytes            \t0\n"
                "   gc_total_runs            \t0\n"
                "\n"
                "Topics:\n"
                "   [orders         ] depth: 0     be-depth: 0     msgs: 3        e2e%: \n"
                "      [billing                  ] depth: 0     be-depth: 0     inflt: 1    "
                "def: 1    re-q: 1     timeout: 0     msgs: 3        e2e%: \n"
                "        [V2 chost:60850 probe/1.0] state: 3 inflt: 1    rdy: 3    fin: 1        "
                "re-q: 1        msgs: 3        connected: 0s\n"
                "        [V2 127.0.0.1:60866      ] state: 3 inflt: 0    rdy: 0    fin: 0        "
                "re-q: 0        msgs: 0        connected: 1h2m3s\n"
                "\n"
                "Producers:\n"
                "   [V2 phost:60838 probe/1.0] msgs: 3        topics: orders=3 connected: 0s\n");
}

TEST_F(StatsTextTest, WhatIsNotThereIsNone) {
  StatsPage page = SamplePage();
  const std::string nothing = Head("2026-11-20T22:47:42Z") +
                              "\nHealth: OK\n"
                              "\nTopics: None\n"
                              "\nProducers: None\n";
  page.unknown_topic = true;
  EXPECT_EQ(StatsText(page), nothing);
  page = SamplePage();
  page.stats = DaemonStats();
  EXPECT_EQ(StatsText(page), nothing);
}

TEST_F(StatsTextTest, PausedIsMarkedInFront) {
  StatsPage page = SamplePage();
  page.filter.include_clients = false;
  page.stats.topics[0].paused = true;
  page.stats.topics[0].channels[0].paused = true;
  page.stats.topics.push_back(page.stats.topics[0]);
  const std::string topic =
      "\n*P [orders         ] depth: 0     be-depth: 0     msgs: 3        e2e%: \n"
      "   *P [billing                  ] depth: 0     be-depth: 0     inflt: 1    def: 1    "
      "re-q: 1     timeout: 0     msgs: 3        e2e%: \n";
  EXPECT_EQ(StatsText(page), Head("2026-11-20T22:47:42Z") + "\nHealth: OK\n\nTopics:" + topic +
                                 topic + "\nProducers: None\n");
}

TEST_F(StatsTextTest, TheTimeIsLocal) {
  const StatsPage page = SamplePage();
  SetZone("EST5");
  EXPECT_TRUE(StatsText(page).starts_with(Head("2026-11-20T17:47:42-05:00")));
  SetZone("IST-5:30");
  EXPECT_TRUE(StatsText(page).starts_with(Head("2026-11-21T04:17:42+05:30")));
}

TEST_F(StatsTextTest, WhoHasPublishedIsShownAsAProducer) {
  StatsPage page = SamplePage();
  ClientStats& consumer = (*page.stats.topics[0].channels[0].clients)[0];
  consumer.connected_at = page.now;
  consumer.pub_counts = {{"a", 1}, {"b", 2}};
  EXPECT_NE(
      StatsText(page).find(
          "        [V2 chost:60850 probe/1.0] msgs: 3        topics: a=1,b=2 connected: 0s\n"),
      std::string::npos);
  page.filter.topic = "b";
  EXPECT_NE(StatsText(page).find("] msgs: 2        topics: b=2 connected: 0s\n"),
            std::string::npos);
  EXPECT_NE(StatsText(page).find("   [V2 phost:60838 probe/1.0] state: 0 inflt: 0    "),
            std::string::npos)
      << "without a count for the topic it prints as a consumer";
}

TEST_F(StatsTextTest, PadsByCharactersAndCutsNothing) {
  StatsPage page = SamplePage();
  page.stats.topics[0].name = "a-name-longer-than-its-column";
  ClientStats& producer = page.stats.producers[0];
  producer.hostname = "h\xC3\xB6st";
  producer.remote_address = "@";
  producer.user_agent = "u";
  const std::string text = StatsText(page);
  EXPECT_NE(text.find("   [a-name-longer-than-its-column] depth: 0     "), std::string::npos);
  EXPECT_NE(text.find("   [V2 h\xC3\xB6st: u              ] msgs: "), std::string::npos) << text;
}

TEST_F(StatsTextTest, LatenciesAreInTheUnitTheyExceedOneOf) {
  StatsPage page = SamplePage();
  page.filter.include_clients = false;
  page.stats.topics[0].e2e = {1, {{1.0, 3'801'229}, {0.99, 1'000'000}, {0.5, 1'000'001}}};
  page.stats.topics[0].channels[0].e2e = {
      1, {{1.0, 61'200'000'000}, {0.9, 1000}, {0.5, 1001}, {0.1, 0}}};
  const std::string text = StatsText(page);
  EXPECT_NE(text.find("msgs: 3        e2e%: 3.8ms, 1000.0us, 1.0ms\n"), std::string::npos) << text;
  EXPECT_NE(text.find("msgs: 3        e2e%: 61.2s, 1000.0ns, 1.0us, 0.0ns\n"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace nsq::nsqd
