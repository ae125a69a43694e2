#include "admin/graphite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/flags.h"
#include "admin/http_server.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

using testing::HasSubstr;

// A graphite that tells what it was asked.
class GraphiteTest : public testing::Test {
 protected:
  GraphiteTest() {
    EXPECT_TRUE(server.Listen("127.0.0.1:0").ok());
    options.graphite_url = "http://" + server.address();
    options.statsd_interval = seconds(60);
    options.connect_timeout = options.request_timeout = seconds(5);
  }

  Response Get(const std::string& target) {
    Graphite graphite(options);
    Router router("/");
    graphite.AddRoutes(&router);
    return router.Answer(
        {.method = "GET", .target = target, .body = "", .peer = "10.0.0.1:5", .headers = {}});
  }

  Request asked;
  Response says = Response::Json(R"([{"target":"x","datapoints":[[1234.5,1],[2,3]]}])");
  HttpServer server{[this](const Request& request) {
    asked = request;
    return says;
  }};
  Options options;
};

TEST_F(GraphiteTest, TheRateIsTheFirstDatapointASecond) {
  const Response response = Get("/api/graphite?metric=rate&target=sum(a.*)");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"rate":"20.57"})");
  EXPECT_EQ(asked.target, "/render?format=json&from=-120sec&target=sum%28a.%2A%29&until=-60sec");
}

TEST_F(GraphiteTest, WhatGraphiteDoesNotKnow) {
  for (const auto& [body, status, text] : std::vector<std::tuple<std::string, int, std::string>>{
           {R"([{"datapoints":[[-1,1]]}])", 200, R"({"rate":"N/A"})"},
           {"[]", 500, R"({"message":"INTERNAL_ERROR"})"},
           {R"([{"datapoints":[[null,1]]}])", 500, R"({"message":"INTERNAL_ERROR"})"},
           {"<html>", 500, R"({"message":"INTERNAL_ERROR"})"},
       }) {
    says = Response::Json(body);
    const Response response = Get("/api/graphite?metric=rate&target=x");
    EXPECT_EQ(response.status, status) << body;
    EXPECT_EQ(response.body, text);
  }
}

TEST_F(GraphiteTest, BadQuestions) {
  EXPECT_THAT(Get("/api/graphite?metric=%zz").body, HasSubstr("INVALID_REQUEST"));
  EXPECT_THAT(Get("/api/graphite?target=x").body, HasSubstr("INVALID_ARG_METRIC"));
  EXPECT_THAT(Get("/api/graphite?metric=depth").body, HasSubstr("INVALID_ARG_METRIC"));
  EXPECT_THAT(Get("/api/graphite?metric=rate").body, HasSubstr("INVALID_ARG_TARGET"));
}

TEST_F(GraphiteTest, TheProxyPassesPicturesOn) {
  EXPECT_EQ(Get("/render?target=x").status, 404) << "only with -proxy-graphite";
  options.proxy_graphite = true;
  options.graphite_url = StrCat("http://user:pw@", server.address(), "/ignored");
  says = {.content_type = "image/png", .body = "\x89PNG"};
  const Response response = Get("/render?target=a%2Cb&from=-2h");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "image/png");
  EXPECT_EQ(response.body, "\x89PNG");
  EXPECT_EQ(asked.target, "/render?target=a%2Cb&from=-2h");
  EXPECT_EQ(asked.Header("Authorization"), "Basic dXNlcjpwdw==");
  EXPECT_EQ(asked.Header("X-Forwarded-For"), "10.0.0.1");
  server.Stop();
  EXPECT_EQ(Get("/render?target=x").status, 502);
}

}  // namespace
}  // namespace nsq::admin
