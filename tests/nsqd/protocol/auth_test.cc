#include "nsqd/protocol/auth.h"

#include <gtest/gtest.h>

#include <string>

namespace nsq::nsqd {
namespace {

using Permission = Authorizations::Permission;

// An answer with one authorization.
std::string One(const std::string& topic, const std::string& channels,
                const std::string& permissions) {
  return R"({"ttl":1,"authorizations":[{"topic":")" + topic + R"(","channels":)" + channels +
         R"(,"permissions":)" + permissions + "}]}";
}

bool Allows(const std::string& json, Permission permission, std::string_view topic,
            std::string_view channel = {}) {
  const auto parsed = Authorizations::Parse(json);
  EXPECT_TRUE(parsed.ok()) << parsed.status().ToString();
  return parsed.ok() && (*parsed)->Allows(permission, topic, channel);
}

TEST(AuthorizationsTest, HoldsWhatTheServerSays) {
  const auto parsed = Authorizations::Parse(
      R"({"ttl":3600,"identity":"me","identity_url":"http://me","extra":[1],"authorizations":[)"
      R"({"topic":"a","channels":["b"],"permissions":["publish"]},{}]})");
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ((*parsed)->ttl(), std::chrono::hours(1));
  EXPECT_EQ((*parsed)->identity(), "me");
  EXPECT_EQ((*parsed)->identity_url(), "http://me");
  EXPECT_EQ((*parsed)->size(), 2u);
}

TEST(AuthorizationsTest, ReadsKeysAsGoDoes) {
  const auto parsed =
      Authorizations::Parse(R"({"TTL":5,"identity":null,"Identity":"x","authorizations":null})");
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ((*parsed)->ttl(), seconds(5));
  EXPECT_EQ((*parsed)->identity(), "x");
  EXPECT_TRUE((*parsed)->empty());
}

TEST(AuthorizationsTest, BytesThatAreNoTextAreReplacedAsInGo) {
  const auto parsed = Authorizations::Parse(
      "{\"ttl\":5,\"identity\":\"\xe9\",\"identity_url\":\"\\ud800\",\"authorizations\":[null]}");
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ((*parsed)->identity(), "\xEF\xBF\xBD");
  EXPECT_EQ((*parsed)->identity_url(), "\xEF\xBF\xBD");
  EXPECT_EQ((*parsed)->size(), 1u);
  EXPECT_FALSE((*parsed)->Allows(Permission::kPublish, "t", ""));
}

TEST(AuthorizationsTest, ALongLifeDoesNotWrapAround) {
  for (const char* const ttl : {"9223372036854775807", "9300000000"}) {
    const auto parsed = Authorizations::Parse(std::string(R"({"ttl":)") + ttl + "}");
    ASSERT_TRUE(parsed.ok()) << ttl;
    EXPECT_GT((*parsed)->ttl(), std::chrono::hours(24 * 365)) << ttl;
  }
}

TEST(AuthorizationsTest, WhatCannotBeTrustedIsRefused) {
  for (const std::string& json : {
           std::string(),
           std::string("null"),
           std::string("[]"),
           std::string("{}"),
           std::string("<html>"),
           std::string(R"({"ttl":0})"),
           std::string(R"({"ttl":-1})"),
           std::string(R"({"ttl":1.5})"),
           std::string(R"({"ttl":18446744073709551615})"),
           std::string("\xEF\xBB\xBF{\"ttl\":1}"),
           One("\\\\C", R"(["a"])", R"(["publish"])"),
           std::string(R"({"ttl":"1"})"),
           std::string(R"({"ttl":1} x)"),
           std::string(R"({"ttl":1)"),
           std::string(R"({"ttl":1,"identity":1})"),
           std::string(R"({"ttl":1,"authorizations":{}})"),
           std::string(R"({"ttl":1,"authorizations":["a"]})"),
           One("(", R"(["a"])", R"(["publish"])"),
           One("a", R"(["("])", R"(["publish"])"),
           One("a", R"x(["(?=b)"])x", R"(["publish"])"),
           One(R"((a)\\1)", R"(["b"])", R"(["publish"])"),
           One("a", R"("b")", R"(["publish"])"),
           One("a", R"([1])", R"(["publish"])"),
           One("a", R"(["b"])", R"(["consume"])"),
           One("a", R"(["b"])", R"(["Publish"])"),
           One("a", R"(["b"])", R"("publish")"),
           One("a{1001}", R"(["b"])", R"(["publish"])"),
       }) {
    EXPECT_FALSE(Authorizations::Parse(json).ok()) << json;
  }
}

TEST(AuthorizationsTest, ExpressionsAreSearchedForNotAnchored) {
  const std::string json = One("es", R"(["^c$"])", R"(["subscribe"])");
  EXPECT_TRUE(Allows(json, Permission::kSubscribe, "test", "c"));
  EXPECT_FALSE(Allows(json, Permission::kSubscribe, "test", "cc"));
  EXPECT_FALSE(Allows(json, Permission::kSubscribe, "t", "c"));
  EXPECT_TRUE(Allows(One(R"(^a\\.b#)", R"([""])", R"(["subscribe"])"), Permission::kSubscribe,
                     "a.b#ephemeral", "any"));
  EXPECT_TRUE(Allows(One(R"((?i)^T\\d+$)", R"([".*"])", R"(["subscribe"])"), Permission::kSubscribe,
                     "t12", "c"));
}

TEST(AuthorizationsTest, PublishingNeedsAChannelExpressionThatMatchesNothing) {
  const auto may_publish = [](const std::string& channels) {
    return Allows(One("t", channels, R"(["publish"])"), Permission::kPublish, "t");
  };
  EXPECT_TRUE(may_publish(R"([".*"])"));
  EXPECT_TRUE(may_publish(R"([""])"));
  EXPECT_TRUE(may_publish(R"(["ch",".*"])"));
  EXPECT_TRUE(may_publish(R"([null])"));
  EXPECT_FALSE(may_publish("[]"));
  EXPECT_FALSE(may_publish("null"));
  EXPECT_FALSE(may_publish(R"(["ch"])"));
  EXPECT_FALSE(may_publish(R"([".+"])"));
}

TEST(AuthorizationsTest, PermissionsAreApart) {
  const std::string publish = One(".*", R"([".*"])", R"(["publish"])");
  EXPECT_TRUE(Allows(publish, Permission::kPublish, "t"));
  EXPECT_FALSE(Allows(publish, Permission::kSubscribe, "t", "c"));
  const std::string subscribe = One(".*", R"([".*"])", R"(["subscribe"])");
  EXPECT_FALSE(Allows(subscribe, Permission::kPublish, "t"));
  EXPECT_TRUE(Allows(subscribe, Permission::kSubscribe, "t", "c"));
  EXPECT_FALSE(Allows(One(".*", R"([".*"])", "[]"), Permission::kPublish, "t"));
  // Of several entries one has to say all of it.
  const std::string split =
      R"({"ttl":1,"authorizations":[{"topic":"a","channels":["x"],"permissions":["subscribe"]},)"
      R"({"topic":"b","channels":[".*"],"permissions":["subscribe","publish"]}]})";
  EXPECT_TRUE(Allows(split, Permission::kSubscribe, "a", "x"));
  EXPECT_FALSE(Allows(split, Permission::kSubscribe, "a", "y"));
  EXPECT_FALSE(Allows(split, Permission::kPublish, "a"));
  EXPECT_TRUE(Allows(split, Permission::kPublish, "b"));
}

// An expression that takes other engines for ever.
TEST(AuthorizationsTest, NoExpressionTakesLong) {
  const std::string json = One("(a*)*(a*)*(a*)*b", R"([".*"])", R"(["publish"])");
  EXPECT_FALSE(Allows(json, Permission::kPublish, std::string(64, 'a')));
}

}  // namespace
}  // namespace nsq::nsqd
