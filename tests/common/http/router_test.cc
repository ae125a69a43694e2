#include "common/http/router.h"

#include <gtest/gtest.h>

namespace nsq::http {
namespace {

Router NsqdLike() {
  Router router;
  const Handler nothing = [](std::unique_ptr<Exchange>) {};
  router.Add(Method::kGet, "/ping", nothing);
  router.Add(Method::kPost, "/pub", nothing, Access::kQuiet);
  router.Add(Method::kPost, "/topic/create", nothing);
  router.Add(Method::kGet, "/config/:opt", nothing);
  router.Add(Method::kPut, "/config/:opt", nothing);
  router.Add(Method::kGet, "/debug/pprof/", nothing);
  return router;
}

bool Knows(Method method, std::string_view path) {
  std::string param;
  return NsqdLike().Find(method, path, &param) != nullptr;
}

std::string Corrected(Method method, std::string_view path) {
  return NsqdLike().Corrected(method, path).value_or("(none)");
}

TEST(RouterTest, FindsByMethodAndExactPath) {
  EXPECT_TRUE(Knows(Method::kGet, "/ping"));
  EXPECT_FALSE(Knows(Method::kHead, "/ping"));
  EXPECT_FALSE(Knows(Method::kGet, "/pub"));
  EXPECT_FALSE(Knows(Method::kGet, "/ping/"));
  EXPECT_FALSE(Knows(Method::kGet, "/PING"));
  EXPECT_FALSE(Knows(Method::kGet, ""));
}

TEST(RouterTest, AParameterIsOneSegmentThatIsNotEmpty) {
  const Router router = NsqdLike();
  std::string param;
  ASSERT_NE(router.Find(Method::kGet, "/config/log_level", &param), nullptr);
  EXPECT_EQ(param, "log_level");
  EXPECT_FALSE(Knows(Method::kGet, "/config/"));
  EXPECT_FALSE(Knows(Method::kGet, "/config"));
  EXPECT_FALSE(Knows(Method::kGet, "/config/a/b"));
}

TEST(RouterTest, AllowedIsSortedAndHoldsOptions) {
  const Router router = NsqdLike();
  EXPECT_EQ(router.Allowed("/ping"), "GET, OPTIONS");
  EXPECT_EQ(router.Allowed("/pub"), "OPTIONS, POST");
  EXPECT_EQ(router.Allowed("/config/x"), "GET, OPTIONS, PUT");
  EXPECT_EQ(router.Allowed("/nothing"), "");
}

TEST(RouterTest, CorrectsTheEndOfAPath) {
  EXPECT_EQ(Corrected(Method::kGet, "/ping/"), "/ping");
  EXPECT_EQ(Corrected(Method::kPost, "/pub/"), "/pub");
  EXPECT_EQ(Corrected(Method::kGet, "/config/a/"), "/config/a");
  EXPECT_EQ(Corrected(Method::kGet, "/debug/pprof"), "/debug/pprof/");
}

TEST(RouterTest, CorrectsCaseSlashesAndDotsWithinOneMethod) {
  EXPECT_EQ(Corrected(Method::kGet, "/PING"), "/ping");
  EXPECT_EQ(Corrected(Method::kGet, "//ping"), "/ping");
  EXPECT_EQ(Corrected(Method::kGet, "/../ping"), "/ping");
  EXPECT_EQ(Corrected(Method::kGet, "/x/../Ping/"), "/ping");
  EXPECT_EQ(Corrected(Method::kPost, "/Topic//Create"), "/topic/create");
  EXPECT_EQ(Corrected(Method::kGet, "/CONFIG/Log_Level"), "/config/Log_Level");
  EXPECT_EQ(Corrected(Method::kPost, "/PING"), "(none)");
}

TEST(RouterTest, DoesNotCorrectWhatItDoesNotKnow) {
  for (const char* path :
       {"/", "", "*", "/topic", "/config", "/config/", "/config/a/b", "/debug/"}) {
    EXPECT_EQ(Corrected(Method::kGet, path), "(none)") << path;
  }
}

}  // namespace
}  // namespace nsq::http
