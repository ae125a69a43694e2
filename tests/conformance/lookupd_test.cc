// nsqlookupd: every command and error of its TCP port, every route and status (spec: nsqlookupd).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/strings.h"
#include "tests/cluster/support/patience.h"
#include "tests/conformance/conformance_fixture.h"
#include "tests/conformance/http_rows.h"
#include "tests/conformance/open_connection.h"

namespace nsq::conformance {
namespace {

using enum End;
using testing::HasSubstr;
using testing::MatchesRegex;

constexpr std::string_view kNode =
    R"({"broadcast_address":"node","hostname":"h","http_port":4151,"tcp_port":4150,)"
    R"("topology_region":"r","topology_zone":"z","version":"1.3.0"})";

std::string Identify(std::string_view json = kNode) { return StrCat("IDENTIFY\n", Body(json)); }

std::string Many(size_t count) { return std::string(count, 'a'); }

std::string Error(int status, std::string_view code) {
  return StrCat(status, " v1 json | {\"message\":\"", code, "\"}");
}

// A node with all that is asked for and `fields` behind.
std::string NodeWith(std::string_view fields) {
  std::string json(kNode);
  json.pop_back();
  return StrCat(json, ",", fields, "}");
}

class LookupdTcp : public LookupdConformance {
 protected:
  void Check(std::vector<Row> rows) {
    for (Row& row : rows) row.say.insert(0, "  V1");
    CheckRows(tcp_port(), Protocol::kV1, rows);
  }
  // The rows of a client that has said who it is.
  void CheckIdentified(std::vector<Row> rows) {
    const std::string answer =
        Say(tcp_port(), Protocol::kV1, "  V1" + Identify(), kStays).frames.at(0);
    for (Row& row : rows) {
      row.say.insert(0, Identify());
      row.expected.frames.insert(row.expected.frames.begin(), answer);
      if (row.original.has_value()) {
        row.original->frames.insert(row.original->frames.begin(), answer);
      }
    }
    Check(std::move(rows));
  }
};

TEST_P(LookupdTcp, Magic) {
  CheckRows(tcp_port(), Protocol::kV1,
            {
                {"  V2", {{"E_BAD_PROTOCOL"}, kCloses}},
                {"GET / HTTP/1.0\r\n\r\n", {{"E_BAD_PROTOCOL"}, kCloses}},
                {"  V1", {{}, kStays}},
                {"  V", {{}, kCut}},
                {"", {{}, kCut}},
            });
}

TEST_P(LookupdTcp, LinesAndPing) {
  Check({
      {"PING\n", {{"OK"}, kStays}},
      {"PING\r\n", {{"OK"}, kStays}},
      {"PING\r\r\n", {{"OK"}, kStays}},
      {"   PING  \n\tPING\t\nPING and more\n", {{"OK", "OK", "OK"}, kStays}},
      {"ping\n", {{"E_INVALID invalid command ping"}, kCloses}},
      {"PING\tx\n", {{"E_INVALID invalid command PING\tx"}, kCloses}},
      {"\n", {{"E_INVALID invalid command "}, kCloses}},
      {"NOP\n", {{"E_INVALID invalid command NOP"}, kCloses}},
      {"PING\nPIN", {{"OK"}, kCut}},
  });
}

TEST_P(LookupdTcp, Identify) {
  const std::string undecodable = "E_BAD_BODY IDENTIFY failed to decode JSON body";
  const std::string missing = "E_BAD_BODY IDENTIFY missing fields";
  Check({
      {"IDENTIFY\n", {{"E_BAD_BODY IDENTIFY failed to read body size"}, kCut}},
      {"IDENTIFY\n" + Size(2).substr(2), {{"E_BAD_BODY IDENTIFY failed to read body size"}, kCut}},
      {"IDENTIFY\n" + Size(9) + "{}", {{"E_BAD_BODY IDENTIFY failed to read body"}, kCut}},
      {Identify(""), {{undecodable}, kCloses}},
      {Identify("[]"), {{undecodable}, kCloses}},
      {Identify("rubbish"), {{undecodable}, kCloses}},
      {Identify("{} x"), {{undecodable}, kCloses}},
      {Identify(NodeWith(R"("tcp_port":"4150")")), {{undecodable}, kCloses}},
      {Identify(NodeWith(R"("tcp_port":4150.5)")), {{undecodable}, kCloses}},
      {Identify(NodeWith(R"("hostname":1)")), {{undecodable}, kCloses}},
      {Identify("null"), {{missing}, kCloses}},
      {Identify("{}"), {{missing}, kCloses}},
      {Identify(NodeWith(R"("tcp_port":0)")), {{missing}, kCloses}},
      {Identify(NodeWith(R"("http_port":0)")), {{missing}, kCloses}},
      {Identify(NodeWith(R"("version":"")")), {{missing}, kCloses}},
      {Identify(NodeWith(R"("broadcast_address":"")")), {{missing}, kCloses}},
      {"REGISTER t\n", {{"E_INVALID client must IDENTIFY"}, kCloses}},
      {"UNREGISTER t\n", {{"E_INVALID client must IDENTIFY"}, kCloses}},
      {"REGISTER\n", {{"E_INVALID client must IDENTIFY"}, kCloses}},
  });
  CheckIdentified({
      {"", {{}, kStays}},
      {"PING\n", {{"OK"}, kStays}},
      {"IDENTIFY\n", {{"E_INVALID cannot IDENTIFY again"}, kCloses}},
  });
  for (const std::string& taken :
       {Identify(NodeWith(R"("tcp_port":-1,"http_port":70000,"hostname":null,"x":[{}])")),
        Identify(R"({"Broadcast_Address":"a","TCP_PORT":1,"http_port":1,"version":"v"})"),
        std::string("IDENTIFY and more\n") + Body(kNode)}) {
    const Heard heard = Say(tcp_port(), Protocol::kV1, "  V1" + taken, kStays);
    EXPECT_EQ(heard.end, kStays) << Printable(taken);
    EXPECT_THAT(heard.frames.at(0),
                MatchesRegex(R"(\{"broadcast_address":"[^"]+","hostname":"[^"]+","http_port":)" +
                             StrCat(http_port(), R"(,"tcp_port":)", tcp_port()) +
                             R"(,"version":"1\.3\.0"\})"));
  }
}

// The original crashes, or takes the memory it is told to.
TEST_P(LookupdTcp, IdentifyOfImpossibleSizes) {
  if (IsOriginal()) GTEST_SKIP() << "it would not survive this";
  const std::string unread = "E_BAD_BODY IDENTIFY failed to read body";
  Check({
      {"IDENTIFY\n" + Size(-1), {{unread}, kCloses}},
      {"IDENTIFY\n" + Size(65537), {{unread}, kCloses}},
      {"IDENTIFY\n" + Size(2147483647), {{unread}, kCloses}},
      {Many(20000) + "\n", {{"E_INVALID command line too long"}, kCloses}},
      {Many(100000), {{"E_INVALID command line too long"}, kCloses}},
  });
}

TEST_P(LookupdTcp, RegisterAndUnregister) {
  std::vector<Row> rows;
  for (const std::string command : {"REGISTER", "UNREGISTER"}) {
    const std::string topic = StrCat("E_BAD_TOPIC ", command, " topic name '");
    const std::string channel = StrCat("E_BAD_CHANNEL ", command, " channel name '");
    const std::string no_words = StrCat("E_INVALID ", command, " insufficient number of params");
    rows.push_back({command + " t c and more\n", {{"OK"}, kStays}});
    rows.push_back({command + " t  c\n", {{"OK"}, kStays}});
    rows.push_back({command + " t\n", {{"OK"}, kStays}});
    rows.push_back({command + " " + Many(64) + " " + Many(54) + "#ephemeral\n", {{"OK"}, kStays}});
    rows.push_back({command + "\n", {{no_words}, kCloses}});
    rows.push_back({command + " b@d c\n", {{topic + "b@d' is not valid"}, kCloses}});
    rows.push_back({command + "  c\n", {{topic + "' is not valid"}, kCloses}});
    rows.push_back(
        {command + " " + Many(65) + "\n", {{topic + Many(65) + "' is not valid"}, kCloses}});
    rows.push_back({command + " t b@d\n", {{channel + "b@d' is not valid"}, kCloses}});
    rows.push_back({command + " t a#foo\n", {{channel + "a#foo' is not valid"}, kCloses}});
  }
  CheckIdentified(std::move(rows));
}

INSTANTIATE_TEST_SUITE_P(, LookupdTcp, testing::Values(0));

class LookupdHttp : public LookupdConformance {
 protected:
  LookupdHttp() : LookupdConformance({"-tombstone-lifetime=600ms"}) {}

  struct Route {
    std::string request;
    std::string expected;
  };
  void CheckRoutes(const std::vector<Route>& routes) {
    std::vector<HttpRow> rows;
    for (const Route& route : routes) rows.push_back({Request(route.request), {route.expected}});
    CheckHttpRows(http_port(), rows);
  }
  std::string Get(const std::string& target) { return HttpBody(http_port(), "GET " + target); }
  static std::string Producer(const std::string& node) {
    return StrCat(R"("hostname":"h","broadcast_address":")", node,
                  R"(","tcp_port":4150,"http_port":4151,"version":"1.3.0",)",
                  R"("topology_zone":"z","topology_region":"r")");
  }
};

TEST_P(LookupdHttp, Routes) {
  const std::string not_found = Error(404, "NOT_FOUND");
  const std::string bad_query = Error(400, "INVALID_REQUEST");
  const std::string no_topic = Error(400, "MISSING_ARG_TOPIC");
  const std::string done = "200 v1";
  CheckRoutes({
      {"GET /ping", "200 text | OK"},
      {"GET /info", "200 v1 json | {\"version\":\"1.3.0\"}"},
      {"GET /topics", "200 v1 json | {\"topics\":[]}"},
      {"GET /nodes", "200 v1 json | {\"producers\":[]}"},
      {"GET /debug", "200 v1 json | {}"},
      {"GET /channels", no_topic},
      {"GET /channels?topic=none", "200 v1 json | {\"channels\":[]}"},
      {"GET /channels?topic=b@d", "200 v1 json | {\"channels\":[]}"},
      {"GET /channels?topic=", "200 v1 json | {\"channels\":[]}"},
      {"GET /channels?topic=%zz", bad_query},
      {"GET /lookup", no_topic},
      {"GET /lookup?topic=none", Error(404, "TOPIC_NOT_FOUND")},
      {"GET /lookup?topic=b@d", Error(404, "TOPIC_NOT_FOUND")},
      {"GET /lookup?a;b", bad_query},

      {"POST /topic/create", no_topic},
      {"POST /topic/create?topic=", Error(400, "INVALID_ARG_TOPIC")},
      {"POST /topic/create?topic=b@d", Error(400, "INVALID_ARG_TOPIC")},
      {"POST /topic/create?topic=%zz", bad_query},
      {"POST /topic/create?topic=t1&topic=t2", done},
      {"POST /topic/create?topic=t1", done},
      {"GET /topics", "200 v1 json | {\"topics\":[\"t1\"]}"},
      {"GET /lookup?topic=t1", "200 v1 json | {\"channels\":[],\"producers\":[]}"},

      {"POST /channel/create", no_topic},
      {"POST /channel/create?topic=b@d", Error(400, "INVALID_ARG_TOPIC")},
      {"POST /channel/create?topic=t3", Error(400, "MISSING_ARG_CHANNEL")},
      {"POST /channel/create?topic=t3&channel=b@d", Error(400, "INVALID_ARG_CHANNEL")},
      {"POST /channel/create?topic=t3&channel=c", done},
      {"GET /channels?topic=t3", "200 v1 json | {\"channels\":[\"c\"]}"},
      {"GET /lookup?topic=t3", "200 v1 json | {\"channels\":[\"c\"],\"producers\":[]}"},

      {"POST /channel/delete", no_topic},
      {"POST /channel/delete?topic=b@d", Error(400, "INVALID_ARG_TOPIC")},
      {"POST /channel/delete?topic=t3", Error(400, "MISSING_ARG_CHANNEL")},
      {"POST /channel/delete?topic=t3&channel=b@d", Error(400, "INVALID_ARG_CHANNEL")},
      {"POST /channel/delete?topic=t3&channel=none", Error(404, "CHANNEL_NOT_FOUND")},
      {"POST /channel/delete?topic=t3&channel=c", done},
      {"GET /lookup?topic=t3", "200 v1 json | {\"channels\":[],\"producers\":[]}"},

      {"POST /topic/delete", no_topic},
      {"POST /topic/delete?topic=none", done},
      {"POST /topic/delete?topic=b@d", done},
      {"POST /topic/delete?topic=t3", done},
      {"GET /lookup?topic=t3", Error(404, "TOPIC_NOT_FOUND")},

      {"POST /topic/tombstone", no_topic},
      {"POST /topic/tombstone?topic=t1", Error(400, "MISSING_ARG_NODE")},
      {"POST /topic/tombstone?topic=none&node=n:1", done},

      {"GET /none", not_found},
      {"POST /create_topic?topic=t", not_found},
      {"POST /tombstone_topic_producer?topic=t&node=n", not_found},
      {"POST /lookup?topic=t",
       "405 v1 json allow=GET, OPTIONS | {\"message\":\"METHOD_NOT_ALLOWED\"}"},
      {"GET /topic/create?topic=t",
       "405 v1 json allow=OPTIONS, POST | {\"message\":\"METHOD_NOT_ALLOWED\"}"},
      {"HEAD /ping", "405 v1 json allow=GET, OPTIONS"},
      {"OPTIONS /lookup", "200 allow=GET, OPTIONS"},
      {"OPTIONS /none", not_found},
      {"GET /LOOKUP?topic=t",
       "301 html to=/lookup?topic=t | <a href=\"/lookup?topic=t\">Moved Permanently</a>.\n\n"},
      {"POST /topic/delete/?topic=t", "307 to=/topic/delete?topic=t"},
  });
  CheckHttpRows(http_port(), {{Request("POST /topic/create", "topic=x"), {no_topic}},
                              {"GET /ping HTTP/1.1\r\n\r\n",
                               {"400 text close | 400 Bad Request: missing required Host header"},
                               kCloses},
                              {"RUBBISH\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses}});
}

// What a node registers, as everybody who asks sees it, until it leaves.
TEST_P(LookupdHttp, ANodeComesIsTombstonedAndGoes) {
  {
    OpenConnection node(tcp_port(), Protocol::kV1, "  V1" + Identify());
    EXPECT_THAT(node.Next(), HasSubstr("tcp_port"));
    for (const std::string command :
         {"REGISTER b c2", "REGISTER b c1", "REGISTER a", "REGISTER e#ephemeral c#ephemeral"}) {
      node.Send(command + "\n");
      EXPECT_EQ(node.Next(), "OK");
    }
    EXPECT_THAT(
        Get("/lookup?topic=b"),
        MatchesRegex(StrCat(
            R"(\{"channels":\["c[12]","c[12]"\],"producers":\[\{"remote_address":"127\.0\.0\.1:[0-9]+",)",
            Producer("node"), R"(\}\]\})")));
    EXPECT_THAT(Get("/topics"),
                AllOf(HasSubstr("\"a\""), HasSubstr("\"b\""), HasSubstr("\"e#ephemeral\"")));
    EXPECT_THAT(
        Get("/nodes"),
        MatchesRegex(StrCat(R"(\{"producers":\[\{"remote_address":"[^"]+",)", Producer("node"),
                            R"(,"tombstones":\[false,false,false\],"topics":\[.*\]\}\]\})")));
    const std::string debug = Get("/debug");
    for (const char* key : {R"("client::":[)", R"("topic:a:":[)", R"("channel:b:c1":[)"}) {
      EXPECT_THAT(debug, HasSubstr(key));
    }
    EXPECT_THAT(debug, MatchesRegex(R"(.*\{"broadcast_address":"node","hostname":"h",)"
                                    R"("http_port":4151,"id":"[^"]+","last_update":1[0-9]{18},)"
                                    R"("tcp_port":4150,"tombstoned":false,)"
                                    R"("tombstoned_at":-6795364578871345152,)"
                                    R"("topology_region":"r","topology_zone":"z",)"
                                    R"("version":"1\.3\.0"\}.*)"));

    CheckRoutes({{"POST /topic/tombstone?topic=b&node=node:4150", "200 v1"}});
    EXPECT_THAT(Get("/lookup?topic=b"), HasSubstr("node")) << "its HTTP port is what counts";
    CheckRoutes({{"POST /topic/tombstone?topic=b&node=node:4151", "200 v1"}});
    EXPECT_THAT(Get("/lookup?topic=b"), HasSubstr(R"("producers":[]})"));
    EXPECT_THAT(Get("/nodes"), HasSubstr("true"));
    EXPECT_TRUE(cluster::Eventually([&] {
      return Get("/lookup?topic=b").find("node") != std::string::npos;
    })) << "a tombstone has an end";

    node.Send("UNREGISTER b c1\n");
    EXPECT_EQ(node.Next(), "OK");
    EXPECT_THAT(Get("/channels?topic=b"), HasSubstr("c1")) << "the channel's key stays";
    node.Send("UNREGISTER b\n");
    EXPECT_EQ(node.Next(), "OK");
    EXPECT_THAT(Get("/lookup?topic=b"), HasSubstr(R"("producers":[]})"));
  }
  EXPECT_TRUE(cluster::Eventually([&] { return Get("/nodes") == R"({"producers":[]})"; }));
  EXPECT_EQ(Get("/debug"), "{}");
  EXPECT_THAT(Get("/topics"), HasSubstr("\"a\"")) << "topics outlive their nodes";
  EXPECT_EQ(Get("/topics").find("e#ephemeral") != std::string::npos, IsOriginal());
}

// `*` is a wildcard of the original; here it is a name that nobody has.
TEST_P(LookupdHttp, AStarIsAName) {
  CheckRoutes({{"POST /channel/create?topic=t&channel=c", "200 v1"},
               {"POST /topic/delete?topic=*", "200 v1"}});
  EXPECT_EQ(Get("/topics"), IsOriginal() ? R"({"topics":[]})" : R"({"topics":["t"]})");
}

TEST_P(LookupdHttp, LongListsComeWhole) {
  for (int i = 0; i < 200; ++i) {
    CheckRoutes({{StrCat("POST /topic/create?topic=a-topic-of-many-", i), "200 v1"}});
  }
  const std::string topics = Get("/topics");
  for (int i = 0; i < 200; ++i) {
    EXPECT_THAT(topics, HasSubstr(StrCat("\"a-topic-of-many-", i, "\"")));
  }
}

INSTANTIATE_TEST_SUITE_P(, LookupdHttp, testing::Values(0));

}  // namespace
}  // namespace nsq::conformance
