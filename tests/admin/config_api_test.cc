#include "admin/config_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/flags.h"
#include "common/config/config.h"
#include "common/log.h"

namespace nsq::admin {
namespace {

using testing::ElementsAre;

class ConfigApiTest : public testing::Test {
 protected:
  ConfigApiTest() {
    std::string out;
    std::string err;
    const std::vector<std::string> arguments = {"-lookupd-http-address=127.0.0.1:4161"};
    EXPECT_EQ(config.Load(arguments, &out, &err), std::nullopt);
    api.AddRoutes(&router);
  }
  void TearDown() override { SetLogLevel(level_before); }

  Response Ask(const std::string& method, const std::string& option, const std::string& body = "",
               const std::string& peer = "127.0.0.1:5") {
    return router.Answer({.method = method,
                          .target = "/config/" + option,
                          .body = body,
                          .peer = peer,
                          .headers = headers});
  }

  const LogLevel level_before = GetLogLevel();
  Config config{"nsqadmin", Flags()};
  std::vector<std::string> lookupds{"before"};
  std::vector<std::pair<std::string, std::string>> headers;
  ConfigApi api{&config, *Cidr::Parse("127.0.0.1/8"),
                [this](std::vector<std::string> to) { lookupds = std::move(to); }};
  Router router{"/"};
};

TEST_F(ConfigApiTest, ShowsOptionsByTheirNameInTheFile) {
  EXPECT_EQ(Ask("GET", "log_level").body, "2");
  EXPECT_EQ(Ask("GET", "statsd_interval").body, "60000000000");
  EXPECT_EQ(Ask("GET", "nsqlookupd_http_addresses").body, R"(["127.0.0.1:4161"])");
  EXPECT_EQ(Ask("GET", "proxy_graphite").body, "false");
  const Response text = Ask("GET", "statsd_prefix");
  EXPECT_EQ(text.body, "nsq.%s");
  EXPECT_EQ(text.content_type, "text/plain; charset=utf-8");
  for (const char* unknown : {"lookupd_http_address", "admin_user", "config", "version"}) {
    const Response response = Ask("GET", unknown);
    EXPECT_EQ(response.status, 400) << unknown;
    EXPECT_EQ(response.body, R"({"message":"INVALID_OPTION"})");
  }
}

TEST_F(ConfigApiTest, TwoOptionsCanBeChanged) {
  EXPECT_EQ(Ask("PUT", "log_level", "debug").body, "1");
  EXPECT_EQ(GetLogLevel(), LogLevel::kDebug);
  EXPECT_EQ(Ask("PUT", "nsqlookupd_http_addresses", R"(["a:1","b:2"])").body, R"(["a:1","b:2"])");
  EXPECT_THAT(lookupds, ElementsAre("a:1", "b:2"));
  EXPECT_EQ(Ask("PUT", "base_path", "/x").body, R"({"message":"INVALID_OPTION"})");
}

TEST_F(ConfigApiTest, WhatIsRefusedChangesNothing) {
  EXPECT_EQ(Ask("PUT", "log_level", "loud").status, 400);
  EXPECT_EQ(Ask("PUT", "log_level", "").status, 413);
  for (const char* wrong : {R"(["zz:1",5])", "x", "{}", R"("a:1")"}) {
    const Response response = Ask("PUT", "nsqlookupd_http_addresses", wrong);
    EXPECT_EQ(response.status, 400) << wrong;
    EXPECT_EQ(response.body, R"({"message":"INVALID_VALUE"})");
  }
  EXPECT_THAT(lookupds, ElementsAre("before"));
  EXPECT_EQ(Ask("GET", "nsqlookupd_http_addresses").body, R"(["127.0.0.1:4161"])");
}

TEST_F(ConfigApiTest, OnlyForTheNetworkThatMay) {
  EXPECT_EQ(Ask("GET", "log_level", "", "10.0.0.1:5").status, 403);
  EXPECT_EQ(Ask("GET", "nonsense", "", "[::1]:5").status, 403) << "asked before anything else";
  EXPECT_EQ(Ask("PUT", "log_level", "debug", "10.0.0.1:5").status, 403);
  ConfigApi open(&config, std::nullopt, [](auto&&) {});
  Router open_router("/");
  open.AddRoutes(&open_router);
  EXPECT_EQ(open_router
                .Answer({.method = "GET",
                         .target = "/config/log_level",
                         .body = "",
                         .peer = "10.0.0.1:5",
                         .headers = {}})
                .status,
            200);
}

TEST_F(ConfigApiTest, OtherSitesCannotUseABrowserToChangeIt) {
  headers = {{"Host", "q:4171"}, {"Origin", "http://evil"}};
  EXPECT_EQ(Ask("PUT", "nsqlookupd_http_addresses", R"(["evil:1"])").status, 403);
  EXPECT_THAT(lookupds, ElementsAre("before"));
}

}  // namespace
}  // namespace nsq::admin
