#include "admin/actions_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "admin/cluster_actions.h"
#include "admin/cluster_view.h"
#include "tests/admin/fake_cluster.h"

namespace nsq::admin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr char kDone[] = R"({"message":""})";

// Two lookupds, of which only the first knows the topic "t"; two nodes have it.
class ActionsTest : public testing::Test {
 protected:
  ActionsTest() {
    api.AddRoutes(&router);
    for (const char* lookupd : {"l1:4161", "l2:4161"}) {
      cluster.Answer(
          StrCat(lookupd, "/lookup?topic=t"),
          StrCat(R"({"producers":[)", ProducerJson("a", 4151), ",", ProducerJson("b", 4151), "]}"));
      cluster.Answer(StrCat(lookupd, "/nodes"),
                     StrCat(R"({"producers":[)", ProducerJson("a", 4151), "]}"));
      cluster.Answer(StrCat(lookupd, "/lookup?topic=new"), R"({"producers":[]})");
      cluster.Fail(StrCat(lookupd, "/lookup?topic=none"), TopicNotFound());
    }
  }

  Response Ask(const std::string& method, const std::string& target, const std::string& body = "",
               Headers headers = {}) {
    return router.Answer({.method = method,
                          .target = target,
                          .body = body,
                          .peer = "",
                          .headers = std::move(headers)});
  }

  // What was told, from one number to another: steps come one after the other, the daemons of one
  // step side by side.
  std::vector<std::string> Told(ptrdiff_t from, ptrdiff_t to) {
    const std::vector<std::string> told = cluster.told();
    if (static_cast<ptrdiff_t>(told.size()) < to) return {};
    return {told.begin() + from, told.begin() + to};
  }

  FakeCluster cluster;
  ClusterView view{&cluster, {.lookupds = {"l1:4161", "l2:4161"}, .nsqds = {}}};
  ClusterActions actions{&view};
  std::vector<std::string> notified;
  AccessRule rule{"X-Forwarded-User", {}};
  ActionsApi api{&actions, &rule,
                 [this](std::string_view action, const std::string& topic,
                        const std::string& channel, const std::string& node, const Request&) {
                   notified.push_back(StrCat(action, " ", topic, " ", channel, " ", node));
                 }};
  Router router{"/"};
};

TEST_F(ActionsTest, TellEveryNodeThatHasTheTopic) {
  struct Case {
    const char* target;
    const char* action;
    const char* told;
  };
  for (const Case& c : std::vector<Case>{
           {"/api/topics/t", "pause", "/topic/pause?topic=t"},
           {"/api/topics/t", "unpause", "/topic/unpause?topic=t"},
           {"/api/topics/t", "empty", "/topic/empty?topic=t"},
           {"/api/topics/t/c%23ephemeral", "pause", "/channel/pause?topic=t&channel=c%23ephemeral"},
           {"/api/topics/t/c", "unpause", "/channel/unpause?topic=t&channel=c"},
           {"/api/topics/t/c", "empty", "/channel/empty?topic=t&channel=c"},
           {"/api/topics/t", R"(durability","durability":"fsync)",
            "/topic/config?topic=t&durability=fsync"},
       }) {
    const size_t before = cluster.told().size();
    const Response response = Ask("POST", c.target, StrCat(R"({"action":")", c.action, "\"}"));
    EXPECT_EQ(response.body, kDone);
    const std::vector<std::string> told = cluster.told();
    EXPECT_THAT(
        std::vector<std::string>(told.begin() + static_cast<std::ptrdiff_t>(before), told.end()),
        UnorderedElementsAre(StrCat("a:4151", c.told), StrCat("b:4151", c.told)));
  }
}

TEST_F(ActionsTest, DeleteTellsLookupdsBeforeNodes) {
  EXPECT_EQ(Ask("DELETE", "/api/topics/t").body, kDone);
  EXPECT_THAT(Told(0, 2),
              UnorderedElementsAre("l1:4161/topic/delete?topic=t", "l2:4161/topic/delete?topic=t"));
  EXPECT_THAT(Told(2, 4),
              UnorderedElementsAre("a:4151/topic/delete?topic=t", "b:4151/topic/delete?topic=t"));
}

TEST_F(ActionsTest, DeleteChannel) {
  Ask("DELETE", "/api/topics/t/c");
  EXPECT_THAT(Told(0, 2), UnorderedElementsAre("l1:4161/channel/delete?topic=t&channel=c",
                                               "l2:4161/channel/delete?topic=t&channel=c"));
  EXPECT_THAT(Told(2, 4), UnorderedElementsAre("a:4151/channel/delete?topic=t&channel=c",
                                               "b:4151/channel/delete?topic=t&channel=c"));
}

TEST_F(ActionsTest, CreateTellsLookupdsAndMakesChannelsWhereTheTopicIs) {
  EXPECT_EQ(Ask("POST", "/api/topics", R"({"topic":"new"})").body, kDone);
  EXPECT_THAT(cluster.told(), UnorderedElementsAre("l1:4161/topic/create?topic=new",
                                                   "l2:4161/topic/create?topic=new"));
  EXPECT_EQ(Ask("POST", "/api/topics", R"({"Topic":"t","CHANNEL":"c"} trailing)").body, kDone);
  EXPECT_THAT(Told(6, 8), UnorderedElementsAre("a:4151/channel/create?topic=t&channel=c",
                                               "b:4151/channel/create?topic=t&channel=c"));
}

TEST_F(ActionsTest, CreateWithoutLookupdsMakesItOnEveryNode) {
  ClusterView direct(&cluster, {.lookupds = {}, .nsqds = {"x:4151"}});
  ClusterActions there(&direct);
  EXPECT_TRUE(there.Create("t", "c").ok());
  EXPECT_THAT(cluster.told(), ElementsAre("x:4151/topic/create?topic=t",
                                          "x:4151/channel/create?topic=t&channel=c"));
}

TEST_F(ActionsTest, TombstoneHidesThenDeletes) {
  EXPECT_EQ(Ask("DELETE", "/api/nodes/a:4151", R"({"topic":"t"})").body, kDone);
  EXPECT_THAT(Told(0, 2), UnorderedElementsAre("l1:4161/topic/tombstone?topic=t&node=a%3A4151",
                                               "l2:4161/topic/tombstone?topic=t&node=a%3A4151"));
  EXPECT_THAT(Told(2, 3), ElementsAre("a:4151/topic/delete?topic=t"));
}

// nsqadmin must not be a way to send requests to any host one names.
TEST_F(ActionsTest, TombstoneOfAStrangerAsksNobody) {
  EXPECT_EQ(Ask("DELETE", "/api/nodes/169.254.169.254:80", R"({"topic":"t"})").status, 404);
  EXPECT_THAT(cluster.told(), IsEmpty());
}

TEST_F(ActionsTest, AFailingDaemonIsAWarningAndTheOthersAreTold) {
  cluster.Fail("a:4151/topic/pause?topic=t", Status(Code::kUnavailable, "a is down"));
  cluster.Fail("b:4151/topic/pause?topic=t", Status(Code::kUnavailable, "b is down"));
  const Response response = Ask("POST", "/api/topics/t", R"({"action":"pause"})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"message":"WARNING: a is down\nb is down"})");
  EXPECT_EQ(cluster.told().size(), 2u);
}

TEST_F(ActionsTest, BadRequestsChangeNothing) {
  struct Case {
    const char* method;
    const char* target;
    const char* body;
    int status;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {"POST", "/api/topics", "", 400, "EOF"},
           {"POST", "/api/topics", "x", 400,
            "invalid character 'x' looking for beginning of value"},
           {"POST", "/api/topics", "{", 400, "unexpected EOF"},
           {"POST", "/api/topics", "{}", 400, "INVALID_TOPIC"},
           {"POST", "/api/topics", R"({"topic":7})", 400, "json: cannot unmarshal number"},
           {"POST", "/api/topics", R"({"topic":"a b"})", 400, "INVALID_TOPIC"},
           {"POST", "/api/topics", R"({"topic":"a","channel":"b c"})", 400, "INVALID_CHANNEL"},
           {"POST", "/api/topics/t", "", 400, "EOF"},
           {"POST", "/api/topics/t", R"({"action":"drop"})", 400, "INVALID_ACTION"},
           {"POST", "/api/topics/t/c", R"({"action":"Pause"})", 400, "INVALID_ACTION"},
           {"POST", "/api/topics/t", R"({"action":"durability"})", 400, "INVALID_DURABILITY"},
           {"POST", "/api/topics/t", R"({"action":"durability","durability":"os&x=y"})", 400,
            "INVALID_DURABILITY"},
           {"POST", "/api/topics/t/c", R"({"action":"durability","durability":"os"})", 400,
            "INVALID_ACTION"},
           {"POST", "/api/topics/none", R"({"action":"pause"})", 404, "TOPIC_NOT_FOUND"},
           {"DELETE", "/api/topics/none", "", 404, "TOPIC_NOT_FOUND"},
           {"DELETE", "/api/nodes/a:4151", "", 400, "INVALID_BODY"},
           {"DELETE", "/api/nodes/a:4151", "{}", 400, "INVALID_TOPIC"},
       }) {
    SCOPED_TRACE(testing::Message() << c.method << " " << c.target << " " << c.body);
    const Response response = Ask(c.method, c.target, c.body);
    EXPECT_EQ(response.status, c.status);
    EXPECT_THAT(response.body, HasSubstr(c.text));
  }
  EXPECT_THAT(cluster.told(), IsEmpty());
}

TEST_F(ActionsTest, EachChangeIsToldToWhoeverWantsToKnow) {
  Ask("POST", "/api/topics", R"({"topic":"new","channel":"c"})");
  Ask("POST", "/api/topics/t", R"({"action":"unpause"})");
  Ask("POST", "/api/topics/t/c", R"({"action":"empty"})");
  Ask("POST", "/api/topics/t", R"({"action":"durability","durability":"os"})");
  Ask("DELETE", "/api/topics/t/c");
  Ask("DELETE", "/api/nodes/a:4151", R"({"topic":"t"})");
  EXPECT_THAT(notified,
              ElementsAre("create_topic new  ", "create_channel new c ", "unpause_topic t  ",
                          "empty_channel t c ", "configure_topic t  ", "delete_channel t c ",
                          "tombstone_topic_producer t  a:4151"));
}

TEST_F(ActionsTest, WhatWasNotDoneIsNotTold) {
  Ask("POST", "/api/topics/none", R"({"action":"pause"})");
  Ask("POST", "/api/topics/t", R"({"action":"drop"})");
  Ask("DELETE", "/api/nodes/stranger:1", R"({"topic":"t"})");
  EXPECT_THAT(notified, IsEmpty());
}

// However many steps it has a part in: people wait.
TEST_F(ActionsTest, ADaemonThatHangsCostsItsTimeLimitOnce) {
  const Status late(Code::kTimeout, "l2 is late");
  for (const char* path : {"/nodes", "/lookup?topic=t", "/topic/create?topic=t"}) {
    cluster.Fail(StrCat("l2:4161", path), late);
  }
  struct Case {
    const char* method;
    const char* target;
    const char* body;
  };
  for (const Case& c : std::vector<Case>{{"POST", "/api/topics", R"({"topic":"t","channel":"c"})"},
                                         {"DELETE", "/api/topics/t", ""},
                                         {"DELETE", "/api/topics/t/c", ""},
                                         {"DELETE", "/api/nodes/a:4151", R"({"topic":"t"})"}}) {
    SCOPED_TRACE(testing::Message() << c.method << " " << c.target);
    const auto calls = [this] {
      std::vector<std::string> all = cluster.told();
      for (const std::string& url : cluster.asked()) all.push_back(url.substr(url.find("://") + 3));
      return std::count_if(all.begin(), all.end(),
                           [](const std::string& url) { return url.starts_with("l2:"); });
    };
    const auto before = calls();
    EXPECT_EQ(Ask(c.method, c.target, c.body).body, R"({"message":"WARNING: l2 is late"})");
    EXPECT_EQ(calls() - before, 1);
  }
  EXPECT_THAT(cluster.told(), testing::Contains("l1:4161/channel/create?topic=t&channel=c"));
  EXPECT_THAT(cluster.told(), testing::Contains("b:4151/topic/delete?topic=t"));
}

TEST_F(ActionsTest, WhenAllLookupdsHangTheirErrorsAreSaid) {
  for (const char* lookupd : {"l1", "l2"}) {
    cluster.Fail(StrCat(lookupd, ":4161/topic/create?topic=t"),
                 Status(Code::kTimeout, StrCat(lookupd, " is late")));
  }
  const Response response = Ask("POST", "/api/topics", R"({"topic":"t","channel":"c"})");
  EXPECT_EQ(response.status, 502);
  EXPECT_THAT(response.body, HasSubstr("failed to query any nsqlookupd: l1 is late\\nl2 is late"));
}

TEST_F(ActionsTest, OnlyAdminsWhenThereIsAList) {
  const AccessRule two("X-User", {"ann", "bob"});
  ActionsApi guarded(&actions, &two, [](auto&&...) { FAIL(); });
  Router guarded_router("/");
  guarded.AddRoutes(&guarded_router);
  const auto status = [&](Headers headers) {
    // The body is wrong: who may act is told so, who may not is not.
    return guarded_router
        .Answer({.method = "POST",
                 .target = "/api/topics",
                 .body = "",
                 .peer = "",
                 .headers = std::move(headers)})
        .status;
  };
  EXPECT_EQ(status({{"x-user", "ann"}}), 400);
  EXPECT_EQ(status({{"X-User", "Ann"}}), 403);
  EXPECT_EQ(status({{"X-Other", "ann"}}), 403);
  EXPECT_EQ(status({}), 403);
}

TEST_F(ActionsTest, AnEmptyNameInTheListLetsNobodyIn) {
  const AccessRule empty("X-User", {""});
  EXPECT_FALSE(
      empty.IsAdmin({.method = "POST", .target = "/", .body = "", .peer = "", .headers = {}}));
}

TEST_F(ActionsTest, OtherSitesCannotUseABrowserToAct) {
  const auto status = [this](Headers headers) {
    return Ask("POST", "/api/topics/t", R"({"action":"pause"})", std::move(headers)).status;
  };
  EXPECT_EQ(status({}), 200) << "curl";
  EXPECT_EQ(status({{"Host", "q:4171"}, {"Origin", "http://q:4171"}}), 200);
  EXPECT_EQ(status({{"Host", "inner"}, {"X-Forwarded-Host", "q"}, {"Origin", "https://q"}}), 200);
  EXPECT_EQ(status({{"Host", "q:4171"}, {"Origin", "http://evil"}}), 403);
  EXPECT_EQ(status({{"Host", "q:4171"}, {"Origin", "http://q:4172"}}), 403);
  EXPECT_EQ(status({{"Host", "q:4171"}, {"Origin", "null"}}), 403);
  EXPECT_EQ(status({{"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://q"}}), 200);
  EXPECT_EQ(status({{"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(status({{"Sec-Fetch-Site", "same-site"}}), 403);
}

}  // namespace
}  // namespace nsq::admin
