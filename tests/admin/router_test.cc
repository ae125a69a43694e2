#include "admin/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/strings.h"

namespace nsq::admin {
namespace {

using testing::Contains;
using testing::Pair;

// Routes that say who they are and what stood for their names.
std::unique_ptr<Router> MakeRouter(const std::string& base_path) {
  auto router = std::make_unique<Router>(base_path);
  for (const auto& [method, pattern] : std::vector<std::pair<const char*, const char*>>{
           {"GET", "/"},
           {"GET", "/ping"},
           {"GET", "/api/topics"},
           {"POST", "/api/topics"},
           {"GET", "/api/topics/:topic"},
           {"GET", "/api/topics/:topic/:channel"},
           {"GET", "/static/:asset"},
           {"GET", "/static/vendor/:asset"},
       }) {
    router->Add(method, pattern, [name = StrCat(method, " ", pattern)](const Call& call) {
      std::string text = name;
      for (const std::string& param : call.params) text += " " + param;
      return Response::Text(200, call.query.empty() ? text : StrCat(text, " ?", call.query));
    });
  }
  return router;
}

Response Ask(const Router& router, const std::string& method, const std::string& target) {
  return router.Answer({.method = method, .target = target, .body = "", .peer = "", .headers = {}});
}

TEST(RouterTest, FindsTheRouteAndItsNames) {
  const auto router = MakeRouter("/");
  for (const auto& [target, text] : std::vector<std::pair<std::string, std::string>>{
           {"/", "GET /"},
           {"/ping", "GET /ping"},
           {"/pi%6eg?a=b", "GET /ping ?a=b"},
           {"/api/topics/a%23ephemeral", "GET /api/topics/:topic a#ephemeral"},
           {"/api/topics/a%2fb", "GET /api/topics/:topic/:channel a b"},
           {"/api/topics/a/b?x", "GET /api/topics/:topic/:channel a b ?x"},
           {"/static/vendor/x.js", "GET /static/vendor/:asset x.js"},
           {"http://host/api/topics", "GET /api/topics"},
           {"http://host", "GET /"},
       }) {
    EXPECT_EQ(Ask(*router, "GET", target).body, text) << target;
  }
}

TEST(RouterTest, WhatIsNotThere) {
  const auto router = MakeRouter("/");
  for (const char* target : {"/api", "/api/topics/a/b/c", "/nothing", "/..x"}) {
    const Response response = Ask(*router, "GET", target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_EQ(response.body, R"({"message":"NOT_FOUND"})");
  }
  for (const char* target : {"/%zz", "/%", "no-slash", ""}) {
    EXPECT_EQ(Ask(*router, "GET", target).status, 400) << target;
  }
}

TEST(RouterTest, OtherMethodsAreToldWhatIsAllowed) {
  const auto router = MakeRouter("/");
  const Response response = Ask(*router, "DELETE", "/api/topics");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.body, R"({"message":"METHOD_NOT_ALLOWED"})");
  EXPECT_THAT(response.headers, Contains(Pair("Allow", "GET, OPTIONS, POST")));
  EXPECT_EQ(Ask(*router, "HEAD", "/ping").status, 405);

  const Response options = Ask(*router, "OPTIONS", "/ping");
  EXPECT_EQ(options.status, 200);
  EXPECT_EQ(options.body, "");
  EXPECT_THAT(options.headers, Contains(Pair("Allow", "GET, OPTIONS")));
}

TEST(RouterTest, OtherSpellingsAreRedirected) {
  const auto router = MakeRouter("/");
  for (const auto& [target, location] : std::vector<std::pair<std::string, std::string>>{
           {"/ping/", "/ping"},
           {"/PING?a=b", "/ping?a=b"},
           {"//api//topics", "/api/topics"},
           {"/x/../api/topics/T%20t/", "/api/topics/T%20t"},
           {"/Api/Topics/MixedCase", "/api/topics/MixedCase"},
       }) {
    const Response response = Ask(*router, "GET", target);
    EXPECT_EQ(response.status, 301) << target;
    EXPECT_THAT(response.headers, Contains(Pair("Location", location))) << target;
  }
  EXPECT_EQ(Ask(*router, "POST", "/api/topics/").status, 307);
  EXPECT_EQ(Ask(*router, "POST", "/PING").status, 404) << "only among routes of the method";
}

// "//evil.example/%2e%2e" must not become a Location that names another host.
TEST(RouterTest, RedirectsStayOnThisHost) {
  const auto router = MakeRouter("/");
  for (const char* target : {"//evil.example/../api/topics/", "/api/topics/%0d%0aX:y/",
                             "//api/topics/a%22%3E%3Cscript%3E/"}) {
    const Response response = Ask(*router, "GET", target);
    ASSERT_EQ(response.status, 301) << target;
    const std::string& location = response.headers.at(0).second;
    EXPECT_THAT(location, testing::MatchesRegex("/api/topics[-/%A-Za-z0-9:]*"));
    EXPECT_THAT(response.body, testing::Not(testing::HasSubstr("<script")));
  }
}

TEST(RouterTest, AQueryIsNoMarkupInTheRedirectPage) {
  const Response response = Ask(*MakeRouter("/"), "GET", "/ping/?a='&b=\"><script>");
  EXPECT_EQ(response.body,
            "<a href=\"/ping?a=&#39;&amp;b=&#34;&gt;&lt;script&gt;\">Moved Permanently</a>.\n\n");
  EXPECT_THAT(response.headers, Contains(Pair("Location", "/ping?a='&b=\"><script>")));
}

TEST(RouterTest, EverythingLivesUnderTheBasePath) {
  const auto router = MakeRouter("/x/y");
  EXPECT_EQ(Ask(*router, "GET", "/x/y").body, "GET /");
  EXPECT_EQ(Ask(*router, "GET", "/x/y/ping").body, "GET /ping");
  EXPECT_EQ(Ask(*router, "GET", "/ping").status, 404);
  EXPECT_EQ(Ask(*router, "GET", "/").status, 404);
  EXPECT_EQ(Ask(*router, "GET", "/x/y/").status, 301);
}

TEST(RouterTest, BasePathsAreCleaned) {
  for (const auto& [path, clean] :
       std::vector<std::pair<std::string, std::string>>{{"", "/"},
                                                        {"/", "/"},
                                                        {"x", "/x"},
                                                        {"/x/", "/x"},
                                                        {"//x//y/../z/", "/x/z"},
                                                        {".", "/"},
                                                        {"/../..", "/"}}) {
    EXPECT_EQ(CleanPath(path), clean) << path;
  }
}

}  // namespace
}  // namespace nsq::admin
