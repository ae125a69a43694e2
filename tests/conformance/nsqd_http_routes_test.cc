// Every route of nsqd with every status it can have (spec: nsqd-http 2 to 5, 9).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/strings.h"
#include "tests/conformance/conformance_fixture.h"
#include "tests/conformance/http_rows.h"

namespace nsq::conformance {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

std::string Error(int status, std::string_view code) {
  return StrCat(status, " v1 json | {\"message\":\"", code, "\"}");
}

// Each row is a request and its only answer, on a connection that goes on.
struct Route {
  std::string request;
  std::string body;
  std::string expected;
};

class NsqdHttpRoutes : public NsqdConformance {
 protected:
  using NsqdConformance::NsqdConformance;
  void Check(const std::vector<HttpRow>& rows) { CheckHttpRows(http_port(), rows); }
  void CheckRoutes(const std::vector<Route>& routes) {
    std::vector<HttpRow> rows;
    for (const Route& route : routes) {
      rows.push_back({Request(route.request, route.body), {route.expected}});
    }
    Check(rows);
  }
  // The part of /stats?format=json that tells of `topic`.
  std::string Stats(const std::string& topic) {
    return HttpBody(http_port(), "GET /stats?format=json&include_mem=false&topic=" + topic);
  }
};

const std::string kOk = "200 v1 text | OK";
const std::string kDone = "200 v1";
const std::string kBadQuery = Error(400, "INVALID_REQUEST");
const std::string kNoTopic = Error(404, "TOPIC_NOT_FOUND");
const std::string kNotFound = Error(404, "NOT_FOUND");

TEST_P(NsqdHttpRoutes, PingAndInfo) {
  CheckRoutes({
      {"GET /ping", "", "200 text | OK"},
      {"GET /ping?a=%zz;", "ignored", "200 text | OK"},
  });
  EXPECT_THAT(
      HttpBody(http_port(), "GET /info?x=%zz"),
      MatchesRegex(R"(\{"version":"1\.3\.0","broadcast_address":"[^"]+","hostname":"[^"]+",)" +
                   StrCat(R"("http_port":)", http_port(), R"(,"tcp_port":)", tcp_port()) +
                   R"(,"start_time":1[0-9]{9},"max_heartbeat_interval":60000000000,)"
                   R"("max_output_buffer_size":65536,"max_output_buffer_timeout":30000000000,)"
                   R"("max_deflate_level":6,"topology_zone":"","topology_region":""\})"));
}

TEST_P(NsqdHttpRoutes, Pub) {
  const std::string big(1048577, 'x');
  CheckRoutes({
      {"POST /pub?topic=pub", "m", kOk},
      {"POST /pub?topic=pub&topic=b@d", "m", kOk},
      {"POST /pub?topic=pub%23ephemeral", "m", kOk},
      {"POST /pub?topic=pub&defer=1000", "m", kOk},
      {"POST /pub?topic=pub&defer=%2B1", "m", kOk},
      {"POST /pub?topic=pub&defer=0", "m", kOk},
      {"POST /pub?topic=pub&defer=3600000", "m", kOk},
      {"POST /pub?topic=pub", big.substr(1), kOk},
      {"POST /pub", "", Error(400, "MSG_EMPTY")},
      {"POST /pub?topic=pub", "", Error(400, "MSG_EMPTY")},
      {"POST /pub?topic=pub&x=%zz", "m", kBadQuery},
      {"POST /pub?topic=pub;x=1", "m", kBadQuery},
      {"POST /pub", "m", Error(400, "MISSING_ARG_TOPIC")},
      {"POST /pub?Topic=pub", "m", Error(400, "MISSING_ARG_TOPIC")},
      {"POST /pub?topic=", "m", Error(400, "INVALID_TOPIC")},
      {"POST /pub?topic=b@d", "m", Error(400, "INVALID_TOPIC")},
      {"POST /pub?topic=a+b", "m", Error(400, "INVALID_TOPIC")},
      {"POST /pub?topic=late&defer=", "m", Error(400, "INVALID_DEFER")},
      {"POST /pub?topic=late&defer=x", "m", Error(400, "INVALID_DEFER")},
      {"POST /pub?topic=late&defer=-1", "m", Error(400, "INVALID_DEFER")},
      {"POST /pub?topic=late&defer=1.5", "m", Error(400, "INVALID_DEFER")},
      {"POST /pub?topic=late&defer=1_0", "m", Error(400, "INVALID_DEFER")},
      {"POST /pub?topic=late&defer=3600001", "m", Error(400, "INVALID_DEFER")},
  });
  EXPECT_THAT(Stats("late"), HasSubstr(R"("topic_name":"late","channels":[],"depth":0)"))
      << "the topic is created before defer is looked at";
  const std::string too_big = "413 v1 json close | {\"message\":\"MSG_TOO_BIG\"}";
  Check({
      {Request("POST /pub?topic=pub", big), {too_big}, End::kCloses},
      {"POST /pub HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx",
       {too_big},
       End::kCloses},
      {"POST /pub?topic=pub HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
       "99999999\r\n\r\n",
       {too_big},
       End::kCloses},
      {"POST /pub?topic=pub HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n" +
           big + "\r\n0\r\n\r\n",
       {Error(413, "MSG_TOO_BIG")}},
      {"POST /pub?topic=pub HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
       "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n",
       {kOk}},
      {"POST /pub?topic=pub HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
       "5\r\n\r\nhello",
       {"100", kOk}},
      // Cut off, the body is not a message.
      {"POST /pub?topic=cut HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       End::kCut,
       {{Error(500, "INTERNAL_ERROR")}}},
      {"POST /pub?topic=cut HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       End::kCloses},
  });
  EXPECT_THAT(Stats("cut"), Not(HasSubstr("topic_name")));
}

TEST_P(NsqdHttpRoutes, Mpub) {
  const std::string two = Size(2) + Body("a") + Body("b");
  CheckRoutes({
      {"POST /mpub?topic=text", "a\nb\r\n\n\nc", kOk},
      {"POST /mpub?topic=empty", "", kOk},
      {"POST /mpub?topic=empty", "\n\n", kOk},
      {"POST /mpub?topic=empty&defer=x", "\n", kOk},
      {"POST /mpub?topic=binary&binary=true", two, kOk},
      {"POST /mpub?topic=binary&binary=1", two + "ignored", kOk},
      {"POST /mpub?topic=binary&binary=TRUE", two, kOk},
      {"POST /mpub?topic=binary&binary=", two, kOk},
      {"POST /mpub?topic=text&binary=false", "d", kOk},
      {"POST /mpub?topic=text&binary=0", "e", kOk},
      {"POST /mpub?topic=x&%zz", "a", kBadQuery},
      {"POST /mpub", "a", Error(400, "MISSING_ARG_TOPIC")},
      {"POST /mpub?topic=b@d", "a", Error(400, "INVALID_TOPIC")},
      {"POST /mpub?topic=bad&binary=true", "", Error(413, "BAD_BODY")},
      {"POST /mpub?topic=bad&binary=true", "abc", Error(413, "BAD_BODY")},
      {"POST /mpub?topic=bad&binary=true", Size(0), Error(413, "BAD_BODY")},
      {"POST /mpub?topic=bad&binary=true", Size(-1), Error(413, "BAD_BODY")},
      {"POST /mpub?topic=bad&binary=true", Size(1048576), Error(413, "BAD_BODY")},
      {"POST /mpub?topic=bad&binary=true", Size(1), Error(413, "BAD_MESSAGE")},
      {"POST /mpub?topic=bad&binary=true", Size(1) + Size(0), Error(413, "BAD_MESSAGE")},
      {"POST /mpub?topic=bad&binary=true", Size(1) + Size(-1), Error(413, "BAD_MESSAGE")},
      {"POST /mpub?topic=bad&binary=true", Size(1) + Size(1048577), Error(413, "BAD_MESSAGE")},
      {"POST /mpub?topic=bad&binary=true", Size(2) + Body("a") + Size(9) + "b",
       Error(413, "BAD_MESSAGE")},
      {"POST /mpub?topic=bad", "a\n" + std::string(1048577, 'x') + "\nb",
       Error(413, "MSG_TOO_BIG")},
  });
  EXPECT_THAT(Stats("text"), HasSubstr(R"("depth":5)"));
  EXPECT_THAT(Stats("binary"), HasSubstr(R"("depth":8)"));
  EXPECT_THAT(Stats("empty"), HasSubstr(R"("depth":0)"));
  EXPECT_THAT(Stats("bad"), HasSubstr(R"("depth":0)")) << "whole or not at all";
  Check({
      {"POST /mpub HTTP/1.1\r\nHost: x\r\nContent-Length: 5242881\r\n\r\n",
       {"413 v1 json close | {\"message\":\"BODY_TOO_BIG\"}"},
       End::kCloses},
      {"POST /mpub?topic=cut HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na\nb\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       End::kCut,
       {{Error(500, "INTERNAL_ERROR")}}},
  });
  EXPECT_THAT(Stats("cut"), HasSubstr(R"("topic_name":"cut","channels":[],"depth":0)"));
}

TEST_P(NsqdHttpRoutes, Topics) {
  std::vector<Route> routes;
  for (const std::string action : {"create", "delete", "empty", "pause", "unpause"}) {
    const std::string path = "POST /topic/" + action;
    routes.push_back({path, "", Error(400, "MISSING_ARG_TOPIC")});
    routes.push_back({path, "topic=t", Error(400, "MISSING_ARG_TOPIC")});
    routes.push_back({path + "?topic=%zz", "", kBadQuery});
    const bool validates = action == "create" || action == "empty";
    routes.push_back({path + "?topic=b@d", "", validates ? Error(400, "INVALID_TOPIC") : kNoTopic});
    routes.push_back({path + "?topic=", "", validates ? Error(400, "INVALID_TOPIC") : kNoTopic});
    if (action != "create") routes.push_back({path + "?topic=none", "", kNoTopic});
  }
  CheckRoutes(routes);
  CheckRoutes({
      {"POST /topic/create?topic=topics", "", kDone},
      {"POST /topic/create?topic=topics", "ignored", kDone},
      {"POST /topic/create?topic=topics%23ephemeral", "", kDone},
      {"POST /pub?topic=topics", "m", kOk},
      {"POST /topic/pause?topic=topics", "", kDone},
      {"POST /topic/pause?topic=topics", "", kDone},
  });
  EXPECT_THAT(Stats("topics"), HasSubstr(R"("depth":1,"backend_depth":)"));
  EXPECT_THAT(Stats("topics"), HasSubstr(R"("paused":true)"));
  CheckRoutes({
      {"POST /topic/unpause?topic=topics", "", kDone},
      {"POST /topic/unpause?topic=topics", "", kDone},
      {"POST /topic/empty?topic=topics", "", kDone},
      {"POST /topic/empty?topic=topics", "", kDone},
  });
  EXPECT_THAT(
      Stats("topics"),
      HasSubstr(
          R"("depth":0,"backend_depth":0,"message_count":1,"message_bytes":1,"paused":false)"));
  CheckRoutes({
      {"POST /topic/delete?topic=topics", "", kDone},
      {"POST /topic/delete?topic=topics", "", kNoTopic},
  });
  Check(
      {{"POST /topic/pause?topic=topics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\nzz\r\n",
        {"400 v1 json close | {\"message\":\"INVALID_REQUEST\"}"},
        End::kCloses}});
}

TEST_P(NsqdHttpRoutes, Channels) {
  std::vector<Route> routes = {{"POST /topic/create?topic=channels", "", kDone}};
  for (const std::string action : {"create", "delete", "empty", "pause", "unpause"}) {
    const std::string path = "POST /channel/" + action;
    routes.push_back({path, "", Error(400, "MISSING_ARG_TOPIC")});
    routes.push_back({path + "?%zz", "", kBadQuery});
    routes.push_back({path + "?topic=b@d", "", Error(400, "INVALID_ARG_TOPIC")});
    routes.push_back({path + "?topic=&channel=c", "", Error(400, "INVALID_ARG_TOPIC")});
    routes.push_back({path + "?topic=none", "", Error(400, "MISSING_ARG_CHANNEL")});
    routes.push_back({path + "?topic=none&channel=", "", Error(400, "INVALID_ARG_CHANNEL")});
    routes.push_back({path + "?topic=none&channel=b@d", "", Error(400, "INVALID_ARG_CHANNEL")});
    routes.push_back({path + "?topic=none&channel=c", "", kNoTopic});
    if (action != "create") {
      routes.push_back({path + "?topic=channels&channel=c", "", Error(404, "CHANNEL_NOT_FOUND")});
    }
  }
  CheckRoutes(routes);
  CheckRoutes({
      {"POST /channel/create?topic=channels&channel=c", "", kDone},
      {"POST /channel/create?topic=channels&channel=c", "", kDone},
      {"POST /channel/create?topic=channels&channel=e%23ephemeral", "", kDone},
      {"POST /channel/pause?topic=channels&channel=c", "", kDone},
      {"POST /channel/pause?topic=channels&channel=c", "", kDone},
  });
  EXPECT_THAT(Stats("channels"), HasSubstr(R"("clients":[],"paused":true,)"));
  CheckRoutes({
      {"POST /channel/unpause?topic=channels&channel=c", "", kDone},
      {"POST /channel/empty?topic=channels&channel=c", "", kDone},
      {"POST /channel/delete?topic=channels&channel=c", "", kDone},
      {"POST /channel/delete?topic=channels&channel=c", "", Error(404, "CHANNEL_NOT_FOUND")},
  });
}

TEST_P(NsqdHttpRoutes, Config) {
  const std::string invalid = Error(413, "INVALID_VALUE");
  const std::string wrong = Error(400, "INVALID_VALUE");
  const std::string unknown = Error(400, "INVALID_OPTION");
  const std::string addresses = "/config/nsqlookupd_tcp_addresses";
  CheckRoutes({
      {"GET /config/log_level", "", "200 v1 json | 2"},
      {"PUT /config/log_level", "DEBUG", "200 v1 json | 1"},
      {"PUT /config/log_level", "warn", "200 v1 json | 3"},
      {"PUT /config/log_level", "error", "200 v1 json | 4"},
      {"PUT /config/log_level", "fatal", "200 v1 json | 5"},
      {"PUT /config/log_level", "Info", "200 v1 json | 2"},
      {"PUT /config/log_level", "", invalid},
      {"PUT /config/log_level", "\"info\"", wrong},
      {"PUT /config/log_level", "info\n", wrong},
      {"PUT /config/log_level", "warning", wrong},
      {"GET " + addresses, "", "200 v1 json | []"},
      {"PUT " + addresses, R"(["127.0.0.1:1", "127.0.0.1:2"])",
       R"(200 v1 json | ["127.0.0.1:1","127.0.0.1:2"])"},
      {"GET " + addresses, "", R"(200 v1 json | ["127.0.0.1:1","127.0.0.1:2"])"},
      {"PUT " + addresses, "rubbish", wrong},
      {"PUT " + addresses, "[] x", wrong},
      {"PUT " + addresses, R"({"a":1})", wrong},
      {"PUT " + addresses, "", invalid},
      {"PUT " + addresses, "[]", "200 v1 json | []"},
      {"PUT " + addresses, "null", "200 v1 json | null"},
      {"GET /config/none", "", unknown},
      {"GET /config/verbose", "", unknown},
      {"GET /config/node_id", "", unknown},
      {"PUT /config/none", "x", unknown},
      {"PUT /config/none", "", invalid},
      {"PUT /config/max_msg_size", "1", unknown},
      {"GET /config/max_msg_size", "", "200 v1 json | 1048576"},
      {"GET /config/msg_timeout", "", "200 v1 json | 60000000000"},
      {"GET /config/statsd_prefix?x=%zz", "",
       StrCat("200 v1 text | nsq.127_0_0_1_", http_port(), ".")},
      {"GET /config/tls_cert", "", kDone},
      {"GET /config/tls_required", "", "200 v1 json | 0"},
      {"GET /config/tls_min_version", "", "200 v1 json | 769"},
      {"GET /config/deflate_enabled", "", unknown},
      {"GET /config/deflate", "", "200 v1 json | true"},
      {"GET /config/snappy", "", "200 v1 json | true"},
      {"GET /config/auth_http_addresses", "", "200 v1 json | []"},
      {"GET /config/e2e_processing_latency_percentiles", "", "200 v1 json | []"},
      {"GET /config/broadcast_http_port", "", StrCat("200 v1 json | ", http_port())},
      {"GET /config/log_prefix", "", "200 v1 text | [nsqd] "},
      {"POST /config/log_level", "info",
       "405 v1 json allow=GET, OPTIONS, PUT | {\"message\":\"METHOD_NOT_ALLOWED\"}"},
  });
  const std::string first = R"(200 v1 json | ["127.0.0.1:1","y"])";
  Check({
      {Request("PUT " + addresses, R"(["127.0.0.1:1","y"])"), {first}},
      {Request("PUT " + addresses, R"(["x",1])"), {wrong}},
      {Request("GET " + addresses), {first}, End::kStays, {{R"(200 v1 json | ["x","y"])"}}},
      {Request("PUT " + addresses, "null"), {"200 v1 json | null"}},
      {Request("GET " + addresses), {"200 v1 json | []"}, End::kStays, {{"200 v1 json | null"}}},
  });
}

TEST_P(NsqdHttpRoutes, Router) {
  CheckRoutes({
      {"GET /", "", kNotFound},
      {"GET /none", "", kNotFound},
      {"POST /put?topic=t", "m", kNotFound},
      {"POST /mput?topic=t", "m", kNotFound},
      {"POST /create_topic?topic=t", "", kNotFound},
      {"POST /topic/tombstone?topic=t", "", kNotFound},
      {"POST /topic", "", kNotFound},
      {"GET /config", "", kNotFound},
      {"GET /config/", "", kNotFound},
      {"GET /config/a/b", "", kNotFound},
      {"GET /debug/", "", kNotFound},
      {"GET /debug/vars", "", kNotFound},
      {"POST /PING", "", kNotFound},
      {"OPTIONS /none", "", kNotFound},
      {"GET /pi%6eg", "", "200 text | OK"},
      {"GET http://elsewhere/ping", "", "200 text | OK"},
      {"POST /ping", "", "405 v1 json allow=GET, OPTIONS | {\"message\":\"METHOD_NOT_ALLOWED\"}"},
      {"BREW /ping", "", "405 v1 json allow=GET, OPTIONS | {\"message\":\"METHOD_NOT_ALLOWED\"}"},
      {"HEAD /ping", "", "405 v1 json allow=GET, OPTIONS"},
      {"GET /pub?topic=t", "",
       "405 v1 json allow=OPTIONS, POST | {\"message\":\"METHOD_NOT_ALLOWED\"}"},
      {"PUT /topic/create?topic=t", "",
       "405 v1 json allow=OPTIONS, POST | {\"message\":\"METHOD_NOT_ALLOWED\"}"},
      {"OPTIONS /ping", "", "200 allow=GET, OPTIONS"},
      {"OPTIONS /pub", "", "200 allow=OPTIONS, POST"},
      {"OPTIONS /config/x", "", "200 allow=GET, OPTIONS, PUT"},
      {"GET /ping/?a=b", "",
       "301 html to=/ping?a=b | <a href=\"/ping?a=b\">Moved Permanently</a>.\n\n"},
      {"GET /PING", "", "301 html to=/ping | <a href=\"/ping\">Moved Permanently</a>.\n\n"},
      {"GET /../ping", "", "301 html to=/ping | <a href=\"/ping\">Moved Permanently</a>.\n\n"},
      {"GET /config/a/", "",
       "301 html to=/config/a | <a href=\"/config/a\">Moved Permanently</a>.\n\n"},
      {"GET /CONFIG/Log_Level", "",
       "301 html to=/config/Log_Level | <a href=\"/config/Log_Level\">Moved Permanently</a>.\n\n"},
      {"POST /pub/?topic=t", "m", "307 to=/pub?topic=t"},
      {"POST //pub", "m", "307 to=/pub"},
      {"PUT /config/log_level/", "info", "307 to=/config/log_level"},
  });
}

TEST_P(NsqdHttpRoutes, Debug) {
  const std::string failed = Error(500, "INTERNAL_ERROR");
  Check({
      {Request("POST /debug/freememory"), {"200"}, End::kStays, {{failed}}},
      {Request("PUT /debug/setblockrate?rate=1"), {"200"}, End::kStays, {{failed}}},
      {Request("PUT /debug/setblockrate?rate=x"),
       {"400 text | invalid block rate : strconv.Atoi: parsing \"x\": invalid syntax"}},
      {Request("PUT /debug/setblockrate"),
       {"400 text | invalid block rate : strconv.Atoi: parsing \"\": invalid syntax"}},
      {Request("POST /debug/pprof/"),
       {"405 v1 json allow=GET, OPTIONS | {\"message\":\"METHOD_NOT_ALLOWED\"}"}},
      {Request("GET /debug/pprof"),
       {"301 html to=/debug/pprof/ | <a href=\"/debug/pprof/\">Moved Permanently</a>.\n\n"}},
      {Request("GET /debug/pprof/trace"), {kNotFound}},
  });
  EXPECT_THAT(HttpBody(http_port(), "GET /debug/pprof/cmdline"), HasSubstr("nsqd"));
  EXPECT_THAT(HttpBody(http_port(), "GET /debug/pprof/"), HasSubstr("<html>"));
}

INSTANTIATE_TEST_SUITE_P(, NsqdHttpRoutes, testing::ValuesIn(Loops()), LoopsName);

}  // namespace
}  // namespace nsq::conformance
