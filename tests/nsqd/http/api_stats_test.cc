#include <string>

#include "tests/nsqd/http/api_fixture.h"

namespace nsq::nsqd {
namespace {

TopicStats Topic(const std::string& name, const std::vector<std::string>& channels) {
  TopicStats topic;
  topic.name = name;
  for (const std::string& channel : channels) topic.channels.emplace_back().name = channel;
  return topic;
}

// The names of what is in the answer: "t1(a,b) t2()".
std::string Names(const std::string& json) {
  std::string names;
  for (size_t at = 0; (at = json.find("_name\":\"", at)) != std::string::npos;) {
    const bool is_topic = json.substr(at - 5, 5) == "topic";
    at += 8;
    const std::string name = json.substr(at, json.find('"', at) - at);
    names += (is_topic ? (names.empty() ? "" : " ") : ".") + name;
  }
  return names;
}

TEST_F(ApiTest, StatsAreTextUnlessFormatIsExactlyJson) {
  const Reply json = Get("/stats?format=json");
  EXPECT_EQ(json.status, 200);
  EXPECT_EQ(json.headers.at("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(json.headers.at("X-NSQ-Content-Type"), "nsq; version=1.0");
  EXPECT_EQ(json.body,
            R"({"version":"1.3.0","health":"OK","start_time":1795214862,"topics":[],)"
            R"("memory":{"heap_objects":1,"heap_idle_bytes":2,"heap_in_use_bytes":3,)"
            R"("heap_released_bytes":4,"gc_pause_usec_100":0,"gc_pause_usec_99":0,)"
            R"("gc_pause_usec_95":0,"next_gc_bytes":0,"gc_total_runs":0},"producers":null})");
  for (const std::string query : {"", "?format=text", "?format=JSON", "?format=", "?Format=json"}) {
    const Reply text = Get("/stats" + query);
    EXPECT_EQ(text.status, 200) << query;
    EXPECT_EQ(text.headers.at("Content-Type"), "text/plain; charset=utf-8") << query;
    EXPECT_EQ(text.headers.at("X-NSQ-Content-Type"), "nsq; version=1.0") << query;
    EXPECT_TRUE(text.body.starts_with("nsqd v1.3.0 (built w/")) << text.body;
    EXPECT_NE(text.body.find("\nMemory:\n"), std::string::npos);
  }
  EXPECT_EQ(Get("/stats?format=json;").Summary(), "400 INVALID_REQUEST");
}

TEST_F(ApiTest, StatsParametersReachTheDaemon) {
  Get("/stats?topic=t1&include_clients=false");
  EXPECT_EQ(backend_.filters.back().topic, "t1");
  EXPECT_FALSE(backend_.filters.back().include_clients);
  Get("/stats?channel=c1%23ephemeral&include_clients=0");
  EXPECT_EQ(backend_.filters.back().topic, "");
  EXPECT_EQ(backend_.filters.back().channel, "c1#ephemeral");
  EXPECT_FALSE(backend_.filters.back().include_clients);
  for (const std::string value : {"true", "1", "FALSE", "no", ""}) {
    Get("/stats?include_clients=" + value);
    EXPECT_TRUE(backend_.filters.back().include_clients) << value;
  }
}

TEST_F(ApiTest, StatsWithoutMemory) {
  for (const std::string value : {"false", "0"}) {
    EXPECT_EQ(Get("/stats?format=json&include_mem=" + value).body,
              R"({"version":"1.3.0","health":"OK","start_time":1795214862,"topics":[],)"
              R"("producers":null})");
  }
  EXPECT_EQ(Get("/stats?include_mem=0").body.find("Memory"), std::string::npos);
}

TEST_F(ApiTest, StatsOfOneTopicOrChannel) {
  const auto names = [this](const std::string& query) {
    const std::string json = Get("/stats?format=json&include_mem=0&" + query).body;
    if (json.find("\"topics\":null") != std::string::npos) return std::string("null");
    return Names(json);
  };
  backend_.stats.topics = {Topic("t1", {"a", "b"}), Topic("t2", {})};
  EXPECT_EQ(names(""), "t1.a.b t2");
  EXPECT_EQ(names("topic=&channel="), "t1.a.b t2");
  EXPECT_EQ(names("channel=b"), "t1.b");
  EXPECT_EQ(names("channel=x"), "");

  backend_.stats.topics = {Topic("t1", {"a", "b"})};
  EXPECT_EQ(names("topic=t1"), "t1.a.b");
  EXPECT_EQ(names("topic=t1&channel=b"), "t1.b");
  EXPECT_EQ(names("topic=t1&channel=x"), "") << "the topic is there: an empty list";

  backend_.stats.topics.clear();
  EXPECT_EQ(names("topic=none"), "null");
  EXPECT_EQ(names("topic=none&channel=b"), "null");
}

}  // namespace
}  // namespace nsq::nsqd
