// /stats: which keys in which order, null or [], and the text (spec: nsqd-http 6 and 7).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/strings.h"
#include "tests/conformance/conformance_fixture.h"
#include "tests/conformance/http_rows.h"
#include "tests/conformance/open_connection.h"

namespace nsq::conformance {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

// `text` with every number as 0, but those in quotes, and the daemon's own additions taken out.
std::string Shape(std::string text) {
  // Here, not in the original: COMPATIBILITY.md, durability of each topic.
  constexpr std::string_view kOurs = R"("durability":"os",)";
  for (size_t at = text.find(kOurs); at != std::string::npos; at = text.find(kOurs)) {
    text.erase(at, kOurs.size());
  }
  std::string shape;
  bool quoted = false;
  for (const char c : text) {
    const bool digit = (c >= '0' && c <= '9') || c == '.';
    if (c == '"') quoted = !quoted;
    if (quoted || !digit) {
      shape += c;
    } else if (shape.empty() || shape.back() != '0') {
      shape += '0';
    }
  }
  return shape;
}

class NsqdHttpStats : public NsqdConformance {
 protected:
  explicit NsqdHttpStats(
      std::vector<std::string> flags = {"-e2e-processing-latency-percentile=1.0,0.99"})
      : NsqdConformance(std::move(flags)) {}

  std::string Get(const std::string& query) { return HttpBody(http_port(), "GET /stats?" + query); }
  void Post(const std::string& target, std::string_view body = {}) {
    HttpBody(http_port(), "POST " + target, body);
  }
};

const std::string kHead = R"({"version":"1.3.0","health":"OK","start_time":0,"topics":)";
const std::string kMemory =
    R"("memory":{"heap_objects":0,"heap_idle_bytes":0,"heap_in_use_bytes":0,"heap_released_bytes":0,)"
    R"("gc_pause_usec_100":0,"gc_pause_usec_99":0,"gc_pause_usec_95":0,"next_gc_bytes":0,"gc_total_runs":0},)";

TEST_P(NsqdHttpStats, NullOrEmpty) {
  EXPECT_EQ(Shape(Get("format=json")), kHead + "[]," + kMemory + R"("producers":null})");
  EXPECT_EQ(Shape(Get("format=json&include_mem=false")), kHead + R"([],"producers":null})");
  EXPECT_EQ(Shape(Get("format=json&include_mem=FALSE")), Shape(Get("format=json")))
      << "as if not said";
  const std::string none = kHead + R"(null,"producers":null})";
  EXPECT_EQ(Shape(Get("format=json&include_mem=0&topic=none")), none);
  Post("/topic/create?topic=t");
  const std::string no_latency = R"("e2e_processing_latency":{"count":0,"percentiles":null}})";
  const std::string topic =
      R"("depth":0,"backend_depth":0,"message_count":0,"message_bytes":0,"paused":false,)";
  EXPECT_EQ(Shape(Get("format=json&include_mem=false")),
            kHead + R"([{"topic_name":"t","channels":[],)" + topic + no_latency +
                R"(],"producers":null})");
  EXPECT_EQ(Shape(Get("format=json&include_mem=false&topic=none")), none);
  EXPECT_EQ(Shape(Get("format=json&include_mem=false&channel=none")),
            kHead + R"([],"producers":null})");
  Post("/channel/create?topic=t&channel=c");
  const std::string latency =
      R"("e2e_processing_latency":{"count":0,"percentiles":[{"quantile":0,"value":0},{"quantile":0,"value":0}]}})";
  const std::string channel =
      R"([{"channel_name":"c","depth":0,"backend_depth":0,"in_flight_count":0,"deferred_count":0,)"
      R"("message_count":0,"requeue_count":0,"timeout_count":0,"client_count":0,"clients":)";
  EXPECT_EQ(Shape(Get("format=json&include_mem=false")),
            kHead + R"([{"topic_name":"t","channels":)" + channel + R"([],"paused":false,)" +
                latency + "]," + topic + latency + R"(],"producers":null})");
  EXPECT_EQ(Shape(Get("format=json&include_mem=false&include_clients=0&channel=c")),
            kHead + R"([{"topic_name":"t","channels":)" + channel + R"(null,"paused":false,)" +
                latency + "]," + topic + latency + R"(],"producers":null})");
}

TEST_P(NsqdHttpStats, AConsumerAndAProducer) {
  const std::string who =
      R"({"client_id":"i","hostname":"<h>","user_agent":"a/1","topology_zone":"z"})";
  OpenConnection producer(tcp_port(), Protocol::kV2,
                          "  V2IDENTIFY\n" + Body(who) + "PUB t\n" + Body("m"));
  EXPECT_EQ(producer.Next(), "OK");
  EXPECT_EQ(producer.Next(), "OK");
  OpenConnection consumer(tcp_port(), Protocol::kV2,
                          "  V2IDENTIFY\n" + Body(who) + "SUB t c\nRDY 1\n");
  EXPECT_EQ(consumer.Next(), "OK");
  EXPECT_EQ(consumer.Next(), "OK");
  EXPECT_EQ(consumer.Next(), "message 1 m");
  const std::string of_all =
      R"("client_id":"i","hostname":"\u003ch\u003e","version":"V2","remote_address":"127\.0\.0\.1:[0-9]+","state":0,)"
      R"("ready_count":0,"in_flight_count":0,"message_count":0,"finish_count":0,"requeue_count":0,)"
      R"("connect_ts":0,"sample_rate":0,"deflate":false,"snappy":false,"user_agent":"a/1",)"
      R"("topology_zone":"z","topology_region":"",)";
  const std::string no_tls =
      R"("tls":false,"tls_cipher_suite":"","tls_version":"","tls_negotiated_protocol":"",)"
      R"("tls_negotiated_protocol_is_mutual":false)";
  std::string escaped = of_all;
  for (size_t at = escaped.find("\\u00"); at != std::string::npos;
       at = escaped.find("\\u00", at + 2)) {
    escaped.insert(at, "\\");
  }
  const std::string json = Shape(Get("format=json&include_mem=false"));
  EXPECT_THAT(json, MatchesRegex(R"(.*"client_count":0,"clients":\[\{)" + escaped + no_tls +
                                 R"(\}\],"paused":false.*)"));
  EXPECT_THAT(json, HasSubstr(R"("message_count":0,"global_msg_count":0,"requeue_count":0)"));
  EXPECT_THAT(
      json, MatchesRegex(R"(.*"producers":\[\{)" + escaped +
                         R"("pub_counts":\[\{"topic":"t","count":0\}\],)" + no_tls + R"(\}\]\})"));
  EXPECT_THAT(Get("format=json"),
              HasSubstr(R"("state":3,"ready_count":1,"in_flight_count":1,"message_count":1,)"));
  EXPECT_THAT(Get("format=json&include_clients=false"),
              HasSubstr(R"("client_count":1,"clients":null,)"));
}

TEST_P(NsqdHttpStats, Text) {
  const std::string head =
      "nsqd v1\\.3\\.0 \\(built w/[^)]+\\)\nstart_time 20[0-9]{2}-[0-9:T-]+(Z|[+-][0-9:]+)\nuptime "
      "[0-9.]+[mµ]?s\n\nHealth: OK\n";
  const std::string memory =
      "\nMemory:\n   heap_objects             \t[0-9]+\n   heap_idle_bytes          \t[0-9]+\n"
      "   heap_in_use_bytes        \t[0-9]+\n   heap_released_bytes      \t[0-9]+\n"
      "   gc_pause_usec_100        \t[0-9]+\n   gc_pause_usec_99         \t[0-9]+\n"
      "   gc_pause_usec_95         \t[0-9]+\n   next_gc_bytes            \t[0-9]+\n"
      "   gc_total_runs            \t[0-9]+\n";
  EXPECT_THAT(Get(""), MatchesRegex(head + memory + "\nTopics: None\n\nProducers: None\n"));
  EXPECT_THAT(Get("include_mem=false&format=JSON"),
              MatchesRegex(head + "\nTopics: None\n\nProducers: None\n"));
  Post("/topic/create?topic=t");
  Post("/channel/create?topic=t&channel=c");
  Post("/channel/pause?topic=t&channel=c");
  Post("/topic/pause?topic=t");
  Post("/pub?topic=t", "m");
  EXPECT_THAT(
      Get("include_mem=false"),
      testing::EndsWith(
          "\nTopics:\n"
          "*P [t              ] depth: 1     be-depth: 0     msgs: 1        e2e%: 0.0ns, 0.0ns\n"
          "   *P [c                        ] depth: 0     be-depth: 0     inflt: 0    def: 0    "
          "re-q: 0     "
          "timeout: 0     msgs: 0        e2e%: 0.0ns, 0.0ns\n"
          "\nProducers: None\n"));
  OpenConnection producer(
      tcp_port(), Protocol::kV2,
      "  V2IDENTIFY\n" + Body(R"({"hostname":"h","user_agent":"a/1"})") + "PUB t\n" + Body("m"));
  EXPECT_EQ(producer.Next(), "OK");
  EXPECT_EQ(producer.Next(), "OK");
  EXPECT_THAT(Get("include_mem=false"),
              MatchesRegex("(.|\n)*\nProducers:\n   \\[V2 h:[0-9]+ a/1 +\\] msgs: 1        topics: "
                           "t=1 connected: [0-9]s\n"));
}

INSTANTIATE_TEST_SUITE_P(, NsqdHttpStats, testing::ValuesIn(Loops()), LoopsName);

}  // namespace
}  // namespace nsq::conformance
