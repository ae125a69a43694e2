#include <string>

#include "tests/nsqd/http/api_fixture.h"

namespace nsq::nsqd {
namespace {

using Headers = std::map<std::string, std::string>;

struct Path {
  std::string path;
  TopicAction action;
};

const Path kTopicPaths[] = {
    {"/topic/create", TopicAction::kCreateTopic},   {"/topic/delete", TopicAction::kDeleteTopic},
    {"/topic/empty", TopicAction::kEmptyTopic},     {"/topic/pause", TopicAction::kPauseTopic},
    {"/topic/unpause", TopicAction::kUnpauseTopic},
};
const Path kChannelPaths[] = {
    {"/channel/create", TopicAction::kCreateChannel},
    {"/channel/delete", TopicAction::kDeleteChannel},
    {"/channel/empty", TopicAction::kEmptyChannel},
    {"/channel/pause", TopicAction::kPauseChannel},
    {"/channel/unpause", TopicAction::kUnpauseChannel},
};

Backend::ActionResult NotFound(Backend::Missing missing) {
  return {Status(Code::kNotFound, "not there"), missing};
}

TEST_F(ApiTest, ActionsAnswerWithAnEmptyBody) {
  for (const Path& p : kTopicPaths) {
    const Reply reply = Post(p.path + "?topic=t1", "ignored");
    EXPECT_EQ(reply.Summary(), "200 ") << p.path;
    EXPECT_EQ(reply.headers,
              (Headers{{"X-NSQ-Content-Type", "nsq; version=1.0"}, {"Content-Length", "0"}}));
    EXPECT_EQ(backend_.acted.back().action, p.action);
    EXPECT_EQ(backend_.acted.back().topic, "t1");
    EXPECT_EQ(backend_.acted.back().channel, "");
  }
  for (const Path& p : kChannelPaths) {
    EXPECT_EQ(Post(p.path + "?topic=t1&channel=c1%23ephemeral").Summary(), "200 ") << p.path;
    EXPECT_EQ(backend_.acted.back().action, p.action);
    EXPECT_EQ(backend_.acted.back().topic, "t1");
    EXPECT_EQ(backend_.acted.back().channel, "c1#ephemeral");
  }
}

TEST_F(ApiTest, TopicActionsCheckInThisOrder) {
  for (const Path& p : kTopicPaths) {
    EXPECT_EQ(Post(p.path + "?x=%zz").Summary(), "400 INVALID_REQUEST") << p.path;
    EXPECT_EQ(Post(p.path).Summary(), "400 MISSING_ARG_TOPIC") << p.path;
    EXPECT_EQ(Post(p.path, "topic=t").Summary(), "400 MISSING_ARG_TOPIC") << p.path;
  }
  for (const std::string path : {"/topic/create", "/topic/empty"}) {
    EXPECT_EQ(Post(path + "?topic=").Summary(), "400 INVALID_TOPIC") << path;
    EXPECT_EQ(Post(path + "?topic=a%20b").Summary(), "400 INVALID_TOPIC") << path;
  }
  for (const std::string path : {"/topic/delete", "/topic/pause", "/topic/unpause"}) {
    EXPECT_EQ(Post(path + "?topic=a%20b").Summary(), "404 TOPIC_NOT_FOUND") << path;
  }
  EXPECT_TRUE(backend_.acted.empty());

  backend_.action_result = NotFound(Backend::Missing::kTopic);
  for (const Path& p : kTopicPaths) {
    EXPECT_EQ(Post(p.path + "?topic=t").Summary(), "404 TOPIC_NOT_FOUND") << p.path;
  }
}

TEST_F(ApiTest, ChannelActionsCheckInThisOrder) {
  for (const Path& p : kChannelPaths) {
    EXPECT_EQ(Post(p.path + "?x=%zz").Summary(), "400 INVALID_REQUEST") << p.path;
    EXPECT_EQ(Post(p.path + "?channel=%20").Summary(), "400 MISSING_ARG_TOPIC") << p.path;
    EXPECT_EQ(Post(p.path + "?topic=%20").Summary(), "400 INVALID_ARG_TOPIC") << p.path;
    EXPECT_EQ(Post(p.path + "?topic=t").Summary(), "400 MISSING_ARG_CHANNEL") << p.path;
    EXPECT_EQ(Post(p.path + "?topic=t&channel=").Summary(), "400 INVALID_ARG_CHANNEL") << p.path;
  }
  EXPECT_TRUE(backend_.acted.empty());

  for (const Path& p : kChannelPaths) {
    backend_.action_result = NotFound(Backend::Missing::kTopic);
    EXPECT_EQ(Post(p.path + "?topic=t&channel=c").Summary(), "404 TOPIC_NOT_FOUND") << p.path;
    backend_.action_result = NotFound(Backend::Missing::kChannel);
    EXPECT_EQ(Post(p.path + "?topic=t&channel=c").Summary(), "404 CHANNEL_NOT_FOUND") << p.path;
  }
}

TEST_F(ApiTest, ActionsThatFailAreInternalErrors) {
  backend_.action_result = {Status(Code::kIo, "write nsqd.dat: Permission denied"),
                            Backend::Missing::kNothing};
  EXPECT_EQ(Post("/topic/empty?topic=t").Summary(), "500 INTERNAL_ERROR");
  EXPECT_EQ(Post("/channel/empty?topic=t&channel=c").Summary(), "500 INTERNAL_ERROR");
}

TEST_F(ApiTest, ATopicsDurabilityIsAskedForAndSet) {
  EXPECT_EQ(Get("/topic/config").Summary(), "400 MISSING_ARG_TOPIC");
  EXPECT_EQ(Get("/topic/config?topic=a%20b").Summary(), "400 INVALID_TOPIC");
  EXPECT_EQ(Get("/topic/config?topic=t").Summary(), "404 TOPIC_NOT_FOUND");
  backend_.stats.topics.emplace_back();
  backend_.stats.topics[0].durability = "fsync";
  backend_.stats.topics[0].own_durability = true;
  EXPECT_EQ(Get("/topic/config?topic=t").Summary(),
            R"(200 {"durability":"fsync","durability_is_default":false})");

  EXPECT_EQ(Post("/topic/config?topic=t").Summary(), "400 MISSING_ARG_DURABILITY");
  EXPECT_EQ(Post("/topic/config?topic=t&durability=disk").Summary(), "400 INVALID_ARG_DURABILITY");
  EXPECT_EQ(Post("/topic/config?topic=t%23ephemeral&durability=os").Summary(),
            "400 INVALID_ARG_DURABILITY");
  EXPECT_TRUE(backend_.acted.empty());
  EXPECT_EQ(Post("/topic/config?topic=t&durability=fsync").Summary(), "200 ");
  EXPECT_EQ(Put("/topic/config?topic=t&durability=default", "").Summary(), "200 ");
  ASSERT_EQ(backend_.acted.size(), 2u);
  EXPECT_EQ(backend_.acted[0].action, TopicAction::kTopicDurabilityFsync);
  EXPECT_EQ(backend_.acted[1].action, TopicAction::kTopicDurabilityDefault);
}

TEST_F(ApiTest, ABackupHasANameAndSaysWhereItIs) {
  EXPECT_EQ(Post("/backup").Summary(), "400 MISSING_ARG_NAME");
  for (const char* const name : {"", "..", ".hidden", "a%2Fb", "x%23ephemeral"}) {
    EXPECT_EQ(Post(std::string("/backup?name=") + name).Summary(), "400 INVALID_ARG_NAME") << name;
  }
  EXPECT_TRUE(backend_.backups.empty());
  backend_.backup_result = {Status(), "/d/backups/monday", 3, 4096};
  EXPECT_EQ(Post("/backup?name=monday").Summary(),
            R"(200 {"path":"/d/backups/monday","topics":3,"bytes":4096})");
  backend_.backup_result.status = Status(Code::kExists, "is there");
  EXPECT_EQ(Post("/backup?name=monday").Summary(), "409 BACKUP_EXISTS");
  backend_.backup_result.status = Status(Code::kIo, "link a: no");
  EXPECT_EQ(Post("/backup?name=monday").Summary(), "500 BACKUP_FAILED - link a: no");
}

}  // namespace
}  // namespace nsq::nsqd
