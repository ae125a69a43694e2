#include "clients/nsq/internal/lookup.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nsq::client {
namespace {

std::string Url(std::string_view lookupd, std::string_view topic = "t") {
  const auto url = LookupUrl(lookupd, topic);
  return url ? *url : "! " + url.error().detail;
}

TEST(LookupTest, UrlsFromWhatUsersWrite) {
  EXPECT_EQ(Url("h:4161"), "http://h:4161/lookup?topic=t");
  EXPECT_EQ(Url("http://h:4161"), "http://h:4161/lookup?topic=t");
  EXPECT_EQ(Url("http://h:4161/"), "http://h:4161/lookup?topic=t");
  EXPECT_EQ(Url("https://u:p@h:4161/a/b?x=1"), "https://u:p@h:4161/a/b?x=1&topic=t");
  EXPECT_EQ(Url("http://h:4161/a?topic=other&x=1"), "http://h:4161/a?x=1&topic=t");
  EXPECT_EQ(Url("h:4161", "t#ephemeral"), "http://h:4161/lookup?topic=t%23ephemeral");
  EXPECT_EQ(Url("[::1]:4161"), "http://[::1]:4161/lookup?topic=t");
  EXPECT_EQ(Url("h"), "! address h: missing port in address");
  EXPECT_EQ(Url("ftp://h:1"), "! unsupported address ftp://h:1");
}

TEST(LookupTest, ProducersOfNewAndOldAnswers) {
  std::vector<std::string> found;
  EXPECT_TRUE(ParseProducers(
      R"({"channels":[],"producers":[{"broadcast_address":"a","tcp_port":1}]})", &found));
  EXPECT_TRUE(ParseProducers(
      R"({"status_code":200,"data":{"producers":[{"broadcast_address":"::1","tcp_port":2}]}})",
      &found));
  EXPECT_EQ(found, (std::vector<std::string>{"a:1", "[::1]:2"}));
}

TEST(LookupTest, RubbishIsNoAnswer) {
  for (const char* text : {"", "[]", "{}", "<html>", R"({"producers":3})"}) {
    std::vector<std::string> found;
    EXPECT_FALSE(ParseProducers(text, &found)) << text;
  }
  std::vector<std::string> found;
  EXPECT_TRUE(ParseProducers(R"({"producers":null})", &found));
  EXPECT_TRUE(
      ParseProducers(R"({"producers":[7,{"broadcast_address":""},{"tcp_port":"x"}]})", &found));
  EXPECT_TRUE(found.empty());
}

}  // namespace
}  // namespace nsq::client
