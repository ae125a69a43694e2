#include <string>

#include "common/event/buffer.h"
#include "common/strings.h"
#include "tests/nsqd/http/api_fixture.h"

namespace nsq::nsqd {
namespace {

using Headers = std::map<std::string, std::string>;
using Strings = std::vector<std::string>;

// What MPUB's body looks like: a count, then sizes and bytes.
std::string Binary(int32_t count, const std::vector<std::string>& messages) {
  std::string body;
  const auto add = [&body](int32_t number) {
    char bytes[4];
    StoreBig32(bytes, static_cast<uint32_t>(number));
    body.append(bytes, 4);
  };
  add(count);
  for (const std::string& message : messages) {
    add(static_cast<int32_t>(message.size()));
    body += message;
  }
  return body;
}

TEST_F(ApiTest, PubPublishesItsBodyAndAnswersWhenItIsKept) {
  const std::string body("a\0\xff\nb", 5);
  const Reply reply = Post("/pub?topic=t1%23ephemeral", body);
  EXPECT_EQ(reply.Summary(), "200 OK");
  EXPECT_EQ(reply.headers, (Headers{{"X-NSQ-Content-Type", "nsq; version=1.0"},
                                    {"Content-Length", "2"},
                                    {"Content-Type", "text/plain; charset=utf-8"}}));
  ASSERT_EQ(backend_.published.size(), 1u);
  EXPECT_EQ(backend_.published[0].topic, "t1#ephemeral");
  EXPECT_EQ(backend_.published[0].bodies, Strings{body});
  EXPECT_EQ(backend_.published[0].defer, Duration::zero());
}

struct Case {
  std::string target;
  std::string body;
  std::string expected;
};

TEST_F(ApiTest, PubChecksInThisOrder) {
  const std::string big(101, 'x');
  const Case cases[] = {
      {"/pub", big, "413 MSG_TOO_BIG"},
      {"/pub?topic=t", big, "413 MSG_TOO_BIG"},
      {"/pub", "", "400 MSG_EMPTY"},
      {"/pub?topic=t", "", "400 MSG_EMPTY"},
      {"/pub?topic=%zz", "", "400 MSG_EMPTY"},
      {"/pub?topic=t&x=%zz", "x", "400 INVALID_REQUEST"},
      {"/pub?topic=t;a=b", "x", "400 INVALID_REQUEST"},
      {"/pub", "x", "400 MISSING_ARG_TOPIC"},
      {"/pub?Topic=t", "x", "400 MISSING_ARG_TOPIC"},
      {"/pub?defer=x", "x", "400 MISSING_ARG_TOPIC"},
      {"/pub?topic=", "x", "400 INVALID_TOPIC"},
      {"/pub?topic=a%20b", "x", "400 INVALID_TOPIC"},
      {"/pub?topic=a%23ephemeralx", "x", "400 INVALID_TOPIC"},
      {"/pub?topic=" + std::string(65, 'a'), "x", "400 INVALID_TOPIC"},
      {"/pub?topic=a%20b&defer=x", "x", "400 INVALID_TOPIC"},
      {"/pub?topic=" + std::string(64, 'a'), "x", "200 OK"},
      {"/pub?topic=t&topic=%20", "x", "200 OK"},
      {"/pub?topic=t", std::string(100, 'x'), "200 OK"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Post(c.target, c.body).Summary(), c.expected) << c.target << " " << c.body.size();
  }
  EXPECT_EQ(PostChunked("/pub", big).Summary(), "413 MSG_TOO_BIG");
  EXPECT_EQ(PostChunked("/pub?topic=t", "chunked").Summary(), "200 OK");
  EXPECT_EQ(backend_.published.back().bodies, Strings{"chunked"});
  EXPECT_TRUE(backend_.ensured.empty()) << "no topic is made by a request that is refused so early";
}

TEST_F(ApiTest, PubTakesADeferInMilliseconds) {
  const struct {
    std::string defer;
    int64_t ms;
  } accepted[] = {{"0", 0}, {"-0", 0}, {"%2B5", 5}, {"007", 7}, {"3600000", 3600000}};
  for (const auto& c : accepted) {
    EXPECT_EQ(Post("/pub?topic=t&defer=" + c.defer, "x").Summary(), "200 OK") << c.defer;
    EXPECT_EQ(backend_.published.back().defer, milliseconds(c.ms)) << c.defer;
  }
}

TEST_F(ApiTest, PubWithABadDeferStillMakesTheTopic) {
  for (const std::string defer : {"", "x", "1_0", "1.5", "1e3", "-1", "3600001", "%2B-5", "%2B",
                                  "+5", "18446744073710", "9223372036854775808"}) {
    backend_.ensured.clear();
    EXPECT_EQ(Post("/pub?topic=t&defer=" + defer, "x").Summary(), "400 INVALID_DEFER") << defer;
    EXPECT_EQ(backend_.ensured, Strings{"t"}) << defer;
  }
  EXPECT_TRUE(backend_.published.empty());
}

TEST_F(ApiTest, RefusedPublishesAreUnavailableAndSayWhy) {
  backend_.publish_status = Status(Code::kUnavailable, "exiting");
  EXPECT_EQ(Post("/pub?topic=t", "x").Summary(), "503 EXITING");
  EXPECT_EQ(Post("/mpub?topic=t", "x").Summary(), "503 EXITING");
  for (const Code code : {Code::kExhausted, Code::kIo}) {
    backend_.publish_status = Status(code, "append to t/000001.log: No space left on device");
    const char* const says = "503 PUB_FAILED - append to t/000001.log: No space left on device";
    EXPECT_EQ(Post("/pub?topic=t", "x").Summary(), says);
    EXPECT_EQ(Post("/mpub?topic=t", "x").Summary(), says);
  }
}

TEST_F(ApiTest, MpubSplitsTextAtLineFeeds) {
  EXPECT_EQ(Post("/mpub?topic=t&defer=x", "a\n\nb\r\n\nlast").Summary(), "200 OK");
  ASSERT_EQ(backend_.published.size(), 1u);
  EXPECT_EQ(backend_.published[0].bodies, (Strings{"a", "b\r", "last"}));
}

TEST_F(ApiTest, MpubOfNothingMakesTheTopic) {
  for (const std::string body : {"", "\n\n\n"}) {
    backend_.ensured.clear();
    EXPECT_EQ(Post("/mpub?topic=t", body).Summary(), "200 OK");
    EXPECT_EQ(backend_.ensured, Strings{"t"});
  }
  EXPECT_TRUE(backend_.published.empty());
}

TEST_F(ApiTest, MpubTakesBinaryBodies) {
  const std::string body = Binary(2, {"one\n", "two"}) + "ignored";
  for (const std::string value : {"true", "1", "", "TRUE", "yes"}) {
    backend_.published.clear();
    EXPECT_EQ(Post("/mpub?topic=t&binary=" + value, body).Summary(), "200 OK") << value;
    ASSERT_EQ(backend_.published.size(), 1u) << value;
    EXPECT_EQ(backend_.published[0].bodies, (Strings{"one\n", "two"})) << value;
  }
  for (const std::string value : {"false", "0"}) {
    EXPECT_EQ(Post("/mpub?topic=t&binary=" + value, "text").Summary(), "200 OK") << value;
    EXPECT_EQ(backend_.published.back().bodies, Strings{"text"});
  }
}

TEST_F(ApiTest, MpubChecksInThisOrder) {
  const std::string big(1001, 'x');
  const std::string long_line = std::string(101, 'x') + "\n";
  const Case early[] = {
      {"/mpub", big, "413 BODY_TOO_BIG"},
      {"/mpub?binary=true", big, "413 BODY_TOO_BIG"},
      {"/mpub?topic=t;", "x", "400 INVALID_REQUEST"},
      {"/mpub", long_line, "400 MISSING_ARG_TOPIC"},
      {"/mpub?topic=", long_line, "400 INVALID_TOPIC"},
      {"/mpub?topic=%20&binary=1", "", "400 INVALID_TOPIC"},
  };
  for (const Case& c : early) EXPECT_EQ(Post(c.target, c.body).Summary(), c.expected) << c.target;
  EXPECT_TRUE(backend_.ensured.empty());

  const Case late[] = {
      {"/mpub?topic=t", long_line, "413 MSG_TOO_BIG"},
      {"/mpub?topic=t", "ok\n" + long_line, "413 MSG_TOO_BIG"},
      {"/mpub?topic=t&binary=1", "", "413 BAD_BODY"},
      {"/mpub?topic=t&binary=1", "abc", "413 BAD_BODY"},
      {"/mpub?topic=t&binary=1", Binary(0, {"a"}), "413 BAD_BODY"},
      {"/mpub?topic=t&binary=1", Binary(-1, {"a"}), "413 BAD_BODY"},
      {"/mpub?topic=t&binary=1", Binary(200, {"a"}), "413 BAD_BODY"},
      {"/mpub?topic=t&binary=1", Binary(199, {"a"}), "413 BAD_MESSAGE"},
      {"/mpub?topic=t&binary=1", Binary(2, {"a"}), "413 BAD_MESSAGE"},
      {"/mpub?topic=t&binary=1", Binary(1, {""}), "413 BAD_MESSAGE"},
      {"/mpub?topic=t&binary=1", Binary(1, {std::string(101, 'x')}), "413 BAD_MESSAGE"},
      {"/mpub?topic=t&binary=1", Binary(1, {"abc"}).substr(0, 10), "413 BAD_MESSAGE"},
      {"/mpub?topic=t&binary=1", Binary(1, {}) + "\xff\xff\xff\xff", "413 BAD_MESSAGE"},
  };
  for (const Case& c : late) {
    backend_.ensured.clear();
    EXPECT_EQ(Post(c.target, c.body).Summary(), c.expected) << c.target << " " << c.expected;
    EXPECT_EQ(backend_.ensured, Strings{"t"}) << "the topic comes first";
  }
  EXPECT_TRUE(backend_.published.empty());
}

TEST_F(ApiTest, MpubInChunksIsMeasuredAfterItsTopic) {
  std::string lines;
  for (int i = 0; i < 334; ++i) lines += "ab\n";
  EXPECT_EQ(PostChunked("/mpub", lines).Summary(), "400 MISSING_ARG_TOPIC");
  EXPECT_EQ(PostChunked("/mpub?topic=t", lines).Summary(), "413 BODY_TOO_BIG");
  EXPECT_EQ(PostChunked("/mpub?topic=t&binary=1", lines).Summary(), "413 BODY_TOO_BIG");
  lines.resize(1000);
  EXPECT_EQ(PostChunked("/mpub?topic=t", lines).Summary(), "200 OK");
  EXPECT_EQ(backend_.published.back().bodies.size(), 334u);
}

// A body whose second chunk is none: what is before it counts where it is enough.
std::string Broken(std::string_view method, std::string_view target, std::string_view first) {
  constexpr std::string_view kHex = "0123456789abcdef";
  return StrCat(method, " ", target, " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                kHex.substr(first.size(), 1), "\r\n", first, "\r\nzz\r\n");
}

TEST_F(ApiTest, ABrokenBodyPublishesNothingButWhatItHoldsWhole) {
  const auto answer = [this](std::string_view target, std::string_view first) {
    return AskRaw(Broken("POST", target, first)).Summary();
  };
  EXPECT_EQ(answer("/pub?topic=t", "abc"), "500 INTERNAL_ERROR");
  EXPECT_EQ(answer("/pub", "abc"), "500 INTERNAL_ERROR");
  EXPECT_EQ(answer("/mpub", "a\nb\n"), "400 MISSING_ARG_TOPIC");
  EXPECT_EQ(answer("/mpub?topic=t", "a\nb\n"), "500 INTERNAL_ERROR");
  const std::string two("\0\0\0\2\0\0\0\1x", 9);
  EXPECT_EQ(answer("/mpub?topic=t&binary=true", two), "413 BAD_MESSAGE");
  EXPECT_EQ(answer("/mpub?topic=t&binary=true", "xx"), "413 BAD_BODY");
  EXPECT_TRUE(backend_.published.empty());
  const std::string one("\0\0\0\1\0\0\0\1x", 9);
  EXPECT_EQ(answer("/mpub?topic=t&binary=true", one), "200 OK") << "as the original: all are there";
  EXPECT_EQ(backend_.published.back().bodies, Strings{"x"});
}

TEST_F(ApiTest, ABrokenBodyThatIsReadInVainIsAnInvalidRequest) {
  const auto answer = [this](std::string_view method, std::string_view target) {
    return AskRaw(Broken(method, target, "abc")).Summary();
  };
  EXPECT_EQ(answer("GET", "/stats"), "400 INVALID_REQUEST");
  EXPECT_EQ(answer("POST", "/topic/pause?topic=t"), "400 INVALID_REQUEST");
  EXPECT_EQ(answer("POST", "/channel/create?topic=t&channel=c"), "400 INVALID_REQUEST");
  EXPECT_EQ(answer("PUT", "/config/log_level"), "500 INTERNAL_ERROR");
  EXPECT_TRUE(backend_.acted.empty());
  EXPECT_EQ(answer("GET", "/ping"), "200 OK") << "nobody reads it there";
}

}  // namespace
}  // namespace nsq::nsqd
