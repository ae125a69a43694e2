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

}  // namespace
}  // namespace nsq::nsqd
