#include "admin/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace nsq::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

class PagesTest : public testing::Test {
 protected:
  std::string graphite_url;

  Response Get(const std::string& target,
               std::vector<std::pair<std::string, std::string>> headers = {},
               const std::string& base_path = "/", const std::string& dev_static_dir = "") {
    Pages pages(
        {.base_path = base_path,
         .graphite_url = graphite_url,
         .statsd_prefix = "nsq.%s",
         .statsd_counter_format = "%s",
         .statsd_gauge_format = "%s"},
        [] { return std::vector<std::string>{"l:4161"}; },
        [](const Request& request) { return request.Header("X-User") == "root"; }, dev_static_dir);
    Router router(base_path);
    pages.AddRoutes(&router);
    return router.Answer(
        {.method = "GET", .target = target, .body = "", .peer = "", .headers = std::move(headers)});
  }
};

TEST_F(PagesTest, EveryPageIsTheIndexDocument) {
  const std::string index = Get("/").body;
  EXPECT_THAT(index, HasSubstr("<!doctype html>"));
  EXPECT_THAT(index, HasSubstr("static/main.js"));
  EXPECT_THAT(index, Not(HasSubstr("{{")));
  for (const char* url :
       {"/topics", "/topics/t", "/topics/t/c", "/nodes", "/nodes/a:1", "/counter", "/lookup"}) {
    const Response response = Get(url);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, index) << url;
    EXPECT_EQ(response.content_type, "text/html");
  }
}

TEST_F(PagesTest, TheDocumentKnowsTheBasePathAndWhoAsks) {
  const std::string body = Get("/a\"b", {{"x-user", "root"}}, "/a\"b").body;
  EXPECT_THAT(body, HasSubstr("/a&#34;b/static/main.js"));
  EXPECT_THAT(body, HasSubstr("&#34;is_admin&#34;:true"));
  EXPECT_THAT(Get("/").body, HasSubstr("&#34;is_admin&#34;:false"));
}

// The page itself loads nothing from elsewhere; only graphite's pictures come from there.
TEST_F(PagesTest, GraphiteMayDeliverPictures) {
  const auto policy = [this] {
    const Response response = Get("/");
    for (const auto& [name, value] : response.headers) {
      if (name == "Content-Security-Policy") return value;
    }
    return std::string();
  };
  EXPECT_EQ(policy(), "") << "the server's own";
  graphite_url = "https://user:pw@graphite:8080/x?y";
  EXPECT_THAT(policy(), HasSubstr("img-src 'self' https://graphite:8080;"));
  EXPECT_THAT(policy(), HasSubstr("script-src 'self';"));
  graphite_url = "https://g; script-src *";
  EXPECT_EQ(policy(), "") << "nothing can be added to the policy";
}

TEST_F(PagesTest, FilesAreServedFromTheProgramItself) {
  const Response script = Get("/static/main.js");
  EXPECT_EQ(script.status, 200);
  EXPECT_EQ(script.content_type, "text/javascript; charset=utf-8");
  EXPECT_FALSE(script.body.empty());
  EXPECT_EQ(Get("/static/vendor/uPlot.esm.js").status, 200);
  const Response missing = Get("/static/missing.js");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "NOT_FOUND");
}

TEST_F(PagesTest, AnUnchangedFileIsNotSentAgain) {
  std::string tag;
  for (const auto& [name, value] : Get("/static/main.js").headers) {
    if (name == "ETag") tag = value;
  }
  ASSERT_FALSE(tag.empty());
  const Response again = Get("/static/main.js", {{"if-none-match", tag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_TRUE(again.body.empty());
}

TEST_F(PagesTest, DevelopersReadFilesFromAFolder) {
  std::string folder = testing::TempDir() + "nsqadmin-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/main.js") << "changed";
  EXPECT_EQ(Get("/static/main.js", {}, "/", folder).body, "changed");
  EXPECT_EQ(Get("/static/app.css", {}, "/", folder).status, 404);
  EXPECT_EQ(Get("/static/..", {}, "/", folder).status, 404);
  EXPECT_EQ(Get("/static/vendor/..", {}, "/", folder).status, 404);
  EXPECT_THAT(Get("/", {}, "/", folder).body, HasSubstr("<!doctype html>"));
}

}  // namespace
}  // namespace nsq::admin
