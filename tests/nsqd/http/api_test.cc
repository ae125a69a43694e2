#include <unistd.h>

#include <string>

#include "common/strings.h"
#include "tests/nsqd/http/api_fixture.h"

namespace nsq::nsqd {
namespace {

using Headers = std::map<std::string, std::string>;

TEST_F(ApiTest, PingIsPlain) {
  const Reply reply = Get("/ping?whatever=1");
  EXPECT_EQ(reply.Summary(), "200 OK");
  EXPECT_EQ(reply.headers,
            (Headers{{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Length", "2"}}));
}

TEST_F(ApiTest, PingSaysWhatTheDiskSaid) {
  backend_.health = "NOK - write a/000001.log: No space left on device";
  const Reply reply = Get("/ping");
  EXPECT_EQ(reply.Summary(), "500 NOK - write a/000001.log: No space left on device");
  EXPECT_EQ(reply.headers.count("X-NSQ-Content-Type"), 0u);
}

TEST_F(ApiTest, HeadOfPingIsNotAllowed) {
  const Reply reply = AskRaw("HEAD /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.headers, (Headers{{"Allow", "GET, OPTIONS"},
                                    {"Content-Type", "application/json; charset=utf-8"},
                                    {"X-NSQ-Content-Type", "nsq; version=1.0"},
                                    {"Content-Length", "32"}}));
}

TEST_F(ApiTest, InfoHasTheBoundPortsAndNanoseconds) {
  Options& options = backend_.options_value;
  options.broadcast_address = "127.0.0.1";
  options.topology_zone = "z<1>";
  char hostname[256] = {};
  ASSERT_EQ(gethostname(hostname, sizeof hostname - 1), 0);
  const Reply reply = Get("/info");
  EXPECT_EQ(reply.body,
            StrCat(R"({"version":"1.3.0","broadcast_address":"127.0.0.1","hostname":")", hostname,
                   R"(","http_port":21101,"tcp_port":21100,"start_time":1795214862,)",
                   R"("max_heartbeat_interval":60000000000,"max_output_buffer_size":65536,)",
                   R"("max_output_buffer_timeout":30000000000,"max_deflate_level":6,)",
                   R"("topology_zone":"z\u003c1\u003e","topology_region":""})"));
  EXPECT_EQ(reply.headers.at("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(reply.headers.at("X-NSQ-Content-Type"), "nsq; version=1.0");
}

TEST_F(ApiTest, EveryRouteAllowsItsMethodsOnly) {
  const struct {
    std::string path;
    std::string allow;
  } routes[] = {
      {"/ping", "GET, OPTIONS"},
      {"/info", "GET, OPTIONS"},
      {"/pub", "OPTIONS, POST"},
      {"/mpub", "OPTIONS, POST"},
      {"/stats", "GET, OPTIONS"},
      {"/metrics", "GET, OPTIONS"},
      {"/topic/create", "OPTIONS, POST"},
      {"/topic/delete", "OPTIONS, POST"},
      {"/topic/empty", "OPTIONS, POST"},
      {"/topic/pause", "OPTIONS, POST"},
      {"/topic/unpause", "OPTIONS, POST"},
      {"/channel/create", "OPTIONS, POST"},
      {"/channel/delete", "OPTIONS, POST"},
      {"/channel/empty", "OPTIONS, POST"},
      {"/channel/pause", "OPTIONS, POST"},
      {"/channel/unpause", "OPTIONS, POST"},
      {"/config/log_level", "GET, OPTIONS, PUT"},
      {"/debug/pprof/", "GET, OPTIONS"},
      {"/debug/pprof/cmdline", "GET, OPTIONS"},
      {"/debug/pprof/symbol", "GET, OPTIONS, POST"},
      {"/debug/setblockrate", "OPTIONS, PUT"},
      {"/debug/freememory", "OPTIONS, POST"},
  };
  for (const auto& route : routes) {
    SCOPED_TRACE(route.path);
    const Reply refused = Ask("DELETE", route.path, "");
    EXPECT_EQ(refused.Summary(), "405 METHOD_NOT_ALLOWED");
    EXPECT_EQ(refused.headers.at("Allow"), route.allow);
    const Reply options = Ask("OPTIONS", route.path, "");
    EXPECT_EQ(options.Summary(), "200 ");
    EXPECT_EQ(options.headers.at("Allow"), route.allow);
    EXPECT_EQ(options.headers.count("X-NSQ-Content-Type"), 0u);
  }
}

TEST_F(ApiTest, RoutesOfOtherVersionsAndDaemonsAreNotFound) {
  for (const std::string path :
       {"/", "/put", "/mput", "/create_topic", "/delete_channel", "/v1/stats", "/topic",
        "/topic/tombstone", "/debug/", "/debug/vars", "/debug/pprof/trace", "/debug/pprof/mutex",
        "/config", "/config/a/b", "/favicon.ico"}) {
    EXPECT_EQ(Get(path).Summary(), "404 NOT_FOUND") << path;
    EXPECT_EQ(Post(path).Summary(), "404 NOT_FOUND") << path;
  }
}

TEST_F(ApiTest, AnswersToClientsThatLeftGoNowhere) {
  for (const std::string_view request :
       {"POST /pub?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        "POST /topic/delete?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        "GET /stats?format=json HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /debug/pprof/goroutine HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    AskAndLeave(request);
    backend_.Answer();
  }
  EXPECT_EQ(Get("/ping").Summary(), "200 OK");
}

TEST_F(ApiTest, FreeMemoryAndBlockRateAreAccepted) {
  EXPECT_EQ(Post("/debug/freememory").Summary(), "200 ");
  EXPECT_EQ(Put("/debug/setblockrate?rate=10", "").Summary(), "200 ");
  EXPECT_EQ(Put("/debug/setblockrate?rate=-1", "").Summary(), "200 ");
  EXPECT_EQ(Ask("PUT", "/debug/setblockrate", "rate=5",
                "Content-Type: application/x-www-form-urlencoded\r\n")
                .Summary(),
            "200 ");
  EXPECT_EQ(Put("/debug/setblockrate?rate=x", "").Summary(),
            "400 invalid block rate : strconv.Atoi: parsing \"x\": invalid syntax");
  const Reply missing = Put("/debug/setblockrate", "");
  EXPECT_EQ(missing.Summary(),
            "400 invalid block rate : strconv.Atoi: parsing \"\": invalid syntax");
  EXPECT_EQ(missing.headers.count("X-NSQ-Content-Type"), 0u);
}

}  // namespace
}  // namespace nsq::nsqd
