#include "common/http/request_head.h"

#include <gtest/gtest.h>

#include <string>

namespace nsq::http {
namespace {

// A head and the text it views.
struct Parsed {
  explicit Parsed(std::string t) : text(std::move(t)) { error = ParseHead(&text, &head); }
  std::string text;
  RequestHead head;
  std::optional<HeadError> error;
};

std::string WithFields(const std::string& fields) {
  return "POST /pub?topic=t HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

TEST(RequestHeadTest, TakesAHeadApart) {
  const Parsed parsed(WithFields("User-Agent:  curl \r\nX:\r\n"));
  ASSERT_FALSE(parsed.error);
  EXPECT_EQ(parsed.head.method, Method::kPost);
  EXPECT_EQ(parsed.head.target, "/pub?topic=t");
  EXPECT_EQ(parsed.head.minor_version, 1);
  EXPECT_EQ(parsed.head.framing, Framing::kNone);
  EXPECT_TRUE(parsed.head.keep_alive);
  ASSERT_NE(parsed.head.Find("user-agent"), nullptr);
  EXPECT_EQ(*parsed.head.Find("user-agent"), "curl");
  EXPECT_EQ(*parsed.head.Find("X"), "");
  EXPECT_EQ(parsed.head.Find("Y"), nullptr);
}

TEST(RequestHeadTest, UnknownMethodsKeepTheirName) {
  const Parsed parsed("BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(parsed.head.method, Method::kOther);
  EXPECT_EQ(parsed.head.method_text, "BREW");
  EXPECT_EQ(Parsed("get /ping HTTP/1.1\r\nHost: x\r\n\r\n").head.method, Method::kOther);
}

TEST(RequestHeadTest, FindsTheFraming) {
  const Parsed length(WithFields("content-LENGTH: 05\r\nContent-Length: 05\r\n"));
  ASSERT_FALSE(length.error);
  EXPECT_EQ(length.head.framing, Framing::kLength);
  EXPECT_EQ(length.head.content_length, 5u);

  const Parsed both(WithFields("Content-Length: 5\r\nTransfer-Encoding: Chunked\r\n"));
  ASSERT_FALSE(both.error);
  EXPECT_EQ(both.head.framing, Framing::kChunked);
  EXPECT_EQ(both.head.content_length, 0u);

  const Parsed old("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\n");
  ASSERT_FALSE(old.error) << "HTTP/1.0 knows no codings";
  EXPECT_EQ(old.head.framing, Framing::kLength);
}

TEST(RequestHeadTest, ConnectionsGoOnByVersionAndHeader) {
  const struct {
    const char* version;
    const char* field;
    bool keeps;
  } cases[] = {
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: Upgrade\r\nConnection: foo,Close\r\n", false},
      {"1.0", "", false},
      {"1.0", "Connection: Keep-Alive\r\n", true},
  };
  for (const auto& [version, field, keeps] : cases) {
    const Parsed parsed(std::string("GET / HTTP/") + version + "\r\nHost: x\r\n" + field + "\r\n");
    ASSERT_FALSE(parsed.error) << version << field;
    EXPECT_EQ(parsed.head.keep_alive, keeps) << version << field;
  }
}

TEST(RequestHeadTest, FoldedFieldsAreOne) {
  const Parsed parsed(WithFields("A: b\r\n c\n\td\r\n"));
  ASSERT_FALSE(parsed.error);
  ASSERT_NE(parsed.head.Find("A"), nullptr);
  EXPECT_EQ(*parsed.head.Find("A"), "b   c \td");
  EXPECT_EQ(parsed.head.fields.size(), 2u);
}

TEST(RequestHeadTest, LinesMayEndWithLfAlone) {
  const Parsed parsed("GET /ping HTTP/1.1\nHost: x\n\n");
  ASSERT_FALSE(parsed.error);
  EXPECT_EQ(parsed.head.target, "/ping");
}

// By Go's server, as NSQ's users see it.
TEST(RequestHeadTest, RefusesWhatGoRefuses) {
  const struct {
    std::string head;
    int status;
    const char* text;
  } cases[] = {
      {"\r\n\r\n", 400, ""},
      {"GET\r\n\r\n", 400, ""},
      {"GET /ping\r\n\r\n", 400, ""},
      {"GET  /ping HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /ping http/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /ping HTTP/1.10\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /ping HTTP/1.x\r\nHost: x\r\n\r\n", 400, ""},
      {"GET ping HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET ?a HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET :a HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /a\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"G@T /ping HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
      {"GET /ping HTTP/2.0\r\nHost: x\r\n\r\n", 505, "unsupported protocol version"},
      {"GET /ping HTTP/0.9\r\nHost: x\r\n\r\n", 505, "unsupported protocol version"},
      {"GET /ping HTTP/1.1\r\n\r\n", 400, "missing required Host header"},
      {"GET /ping HTTP/1.1\r\n Host: x\r\n\r\n", 400, ""},
      {"GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "malformed Host header"},
      {WithFields("Host: y\r\n"), 400, ""},
      {WithFields("no colon\r\n"), 400, ""},
      {WithFields("A : b\r\n"), 400, "invalid header name"},
      {WithFields("A: b\x01\r\n"), 400, "invalid header value"},
      {WithFields("Content-Length: -1\r\n"), 400, ""},
      {WithFields("Content-Length: +5\r\n"), 400, ""},
      {WithFields("Content-Length: 5, 5\r\n"), 400, ""},
      {WithFields("Content-Length: 99999999999999999999\r\n"), 400, ""},
      {WithFields("Content-Length: 5\r\nContent-Length: 6\r\n"), 400, ""},
      {WithFields("Transfer-Encoding: gzip\r\n"), 501, "Unsupported transfer encoding"},
      {WithFields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 501,
       "Unsupported transfer encoding"},
  };
  for (const auto& [head, status, text] : cases) {
    const Parsed parsed(head);
    ASSERT_TRUE(parsed.error) << head;
    EXPECT_EQ(parsed.error->status, status) << head;
    EXPECT_EQ(parsed.error->text, text) << head;
  }
}

TEST(RequestHeadTest, FindsTheEndWhereverItWasCut) {
  for (const std::string head :
       {"GET / HTTP/1.0\r\nA: b\r\n\r\n", "GET / HTTP/1.0\nA: b\n\n", "GET / HTTP/1.0\r\n\n"}) {
    for (size_t cut = 0; cut < head.size(); ++cut) {
      EXPECT_FALSE(FindHeadEnd(head.substr(0, cut), 0)) << cut;
      const std::optional<size_t> end = FindHeadEnd(head + "rest\r\n\r\n", cut);
      ASSERT_TRUE(end) << cut;
      EXPECT_EQ(*end, head.size()) << cut;
    }
  }
}

}  // namespace
}  // namespace nsq::http
