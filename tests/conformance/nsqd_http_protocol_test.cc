// HTTP itself: what is a request, when the connection goes on, what a broken one is told (spec:
// nsqd-http 1.2).

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/conformance/conformance_fixture.h"
#include "tests/conformance/http_rows.h"

namespace nsq::conformance {
namespace {

using enum End;

// The heads of requests that a row ends.
const std::string kPing = "GET /ping HTTP/1.1\r\nHost: x\r\n";
const std::string kPub = "POST /pub?topic=t HTTP/1.1\r\nHost: x\r\n";
const std::string kChunked = kPub + "Transfer-Encoding: chunked\r\n\r\n";

class NsqdHttpProtocol : public NsqdConformance {
 protected:
  void Check(const std::vector<HttpRow>& rows) {
    CheckHttpRows(http_port(), rows);
    CheckHttpRowsByteByByte(http_port(), rows);
  }
};

TEST_P(NsqdHttpProtocol, RequestLinesAndHeaders) {
  Check({
      {"GARBAGE\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET /ping\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"\026\003\001\002\001\374\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET /p%zz HTTP/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET /ping HTTP/1.1\r\nno colon\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET /ping HTTP/1.1\r\n\r\n",
       {"400 text close | 400 Bad Request: missing required Host header"},
       kCloses},
      {"GET /ping HTTP/2.0\r\nHost: x\r\n\r\n",
       {"505 text close | 505 HTTP Version Not Supported: unsupported protocol version"},
       kCloses},
      {"GET /ping HTTP/0.9\r\nHost: x\r\n\r\n",
       {"505 text close | 505 HTTP Version Not Supported: unsupported protocol version"},
       kCloses},
      {"GET /ping HTTP/1.2\r\nHost: x\r\n\r\n", {"200 text | OK"}},
      {"GET /ping HTTP/1.10\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET /ping http/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET  /ping HTTP/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
       {"505 text close | 505 HTTP Version Not Supported: unsupported protocol version"},
       kCloses,
       {{"405 v1 json close allow=GET, OPTIONS, POST, PUT | "
         "{\"message\":\"METHOD_NOT_ALLOWED\"}"}}},
      {"G@T /ping HTTP/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n",
       {"405 v1 json allow=GET, OPTIONS | {\"message\":\"METHOD_NOT_ALLOWED\"}"}},
      {"get /ping HTTP/1.1\r\nHost: x\r\n\r\n",
       {"405 v1 json allow=GET, OPTIONS | {\"message\":\"METHOD_NOT_ALLOWED\"}"}},
      {"GET ping HTTP/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET /pi\001ng HTTP/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET  HTTP/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
       {"400 text close | 400 Bad Request"},
       kCloses},
      {"GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n",
       {"400 text close | 400 Bad Request: malformed Host header"},
       kCloses},
      {"GET /ping HTTP/1.1\r\nHost:\r\n\r\n", {"200 text | OK"}},
      {kPing + "A b: c\r\n\r\n",
       {"400 text close | 400 Bad Request: invalid header name"},
       kCloses},
      {kPing + "A : c\r\n\r\n", {"400 text close | 400 Bad Request: invalid header name"}, kCloses},
      {kPing + ": c\r\n\r\n", {"200 text | OK"}},
      {"GET /ping HTTP/1.1\r\n Host: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {kPing + "A: b\r\n c\r\n\r\n", {"200 text | OK"}},
      {kPing + "A: b\001\r\n\r\n",
       {"400 text close | 400 Bad Request: invalid header value"},
       kCloses},
      {"GET /ping HTTP/1.1\nHost: x\n\n", {"200 text | OK"}},
      {kPing + "\n", {"200 text | OK"}},
      {"\r\nGET /ping HTTP/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
  });
}

TEST_P(NsqdHttpProtocol, BodiesWithALength) {
  Check({
      {kPub + "Content-Length: -1\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {kPub + "Content-Length: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {kPub + "Content-Length: +5\r\n\r\nhello", {"400 text close | 400 Bad Request"}, kCloses},
      {kPub + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", {"200 v1 text | OK"}},
      {kPub + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
       {"400 text close | 400 Bad Request"},
       kCloses},
      {kPub + "Content-Length: 5, 5\r\n\r\nhello", {"400 text close | 400 Bad Request"}, kCloses},
      {kPub + "Content-Length:\r\n\r\nhello", {"400 v1 json | {\"message\":\"MSG_EMPTY\"}"}},
      {kPub + "Content-Length: 99999999999999999999\r\n\r\nhello",
       {"400 text close | 400 Bad Request"},
       kCloses},
      {kPub + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
       {"200 v1 text | OK"}},
      {kPub + "\r\nhello", {"400 v1 json | {\"message\":\"MSG_EMPTY\"}"}},
      {kPub + "Content-Length: 10\r\n\r\nhello",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCut,
       {{"500 v1 json | {\"message\":\"INTERNAL_ERROR\"}"}}},
      {kPub + "Content-Length: 0\r\n\r\n", {"400 v1 json | {\"message\":\"MSG_EMPTY\"}"}},
  });
}

TEST_P(NsqdHttpProtocol, BodiesInChunks) {
  Check({
      {kChunked + "3\r\nabc\r\n0\r\n\r\n", {"200 v1 text | OK"}},
      {kChunked + "zz\r\nabc\r\n0\r\n\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
      {kChunked + "3;x=y\r\nabc\r\n0\r\n\r\n", {"200 v1 text | OK"}},
      {kChunked + "3 \r\nabc\r\n0\r\n\r\n", {"200 v1 text | OK"}},
      {kChunked + "3\r\nabcd\r\n0\r\n\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
      {kChunked + "3\nabc\n0\n\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
      {kChunked + "\r\n\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses,
       {{"400 v1 json | {\"message\":\"MSG_EMPTY\"}"}},
       kStays},
      {kChunked + "3\r\nabc\r\n0\r\nA: b\r\n\r\n", {"200 v1 text | OK"}},
      {kChunked + "3\r\nabc\r\n0\r\nA b\r\n\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
      {kChunked + "11111111111111111\r\nabc\r\n0\r\n\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
      {kChunked + "3\r\nab", {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"}, kCut},
      {kChunked + "3\r\nabc\r\n0\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCut},
      {kChunked + "3\r\nabc\r\n", {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"}, kCut},
      {kPub + "Transfer-Encoding: chunked\r\n\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCut},
      {kChunked + "-3\r\nabc\r\n0\r\n\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
      {kChunked + "0x3\r\nabc\r\n0\r\n\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
  });
}

TEST_P(NsqdHttpProtocol, TransferEncodings) {
  Check({
      {kPub + "Transfer-Encoding: gzip\r\n\r\n",
       {"501 text close | Unsupported transfer encoding"},
       kCloses},
      {kPub + "Transfer-Encoding: identity\r\n\r\n",
       {"501 text close | Unsupported transfer encoding"},
       kCloses},
      {kPub + "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", {"200 v1 text | OK"}},
      {kPub + "Transfer-Encoding: gzip, chunked\r\n\r\n",
       {"501 text close | Unsupported transfer encoding"},
       kCloses},
      {kPub + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       {"501 text close | Unsupported transfer encoding"},
       kCloses},
      {kPub + "Transfer-Encoding:\r\n\r\n",
       {"501 text close | Unsupported transfer encoding"},
       kCloses},
      {"POST /pub?topic=t HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
       {"200 1.0 v1 text | OK"},
       kCloses},
      {"POST /pub?topic=t HTTP/1.0\r\n\r\nabc",
       {"400 1.0 v1 json | {\"message\":\"MSG_EMPTY\"}"},
       kCut},
  });
}

TEST_P(NsqdHttpProtocol, Expectations) {
  Check({
      {kPub + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
       {"100", "200 v1 text | OK"}},
      {kPub + "Expect: 100-continue\r\nContent-Length: 50000000\r\n\r\n",
       {"413 v1 json close | {\"message\":\"MSG_TOO_BIG\"}"},
       kCloses},
      {kPub + "Expect: foo\r\nContent-Length: 5\r\n\r\nhello", {"417 close"}, kCloses},
      {kPing + "Expect: 100-continue\r\n\r\n", {"200 text | OK"}},
      {kPing + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
       {"200 text close | OK"},
       kCloses},
      {"POST /pub?topic=t HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
       {"200 1.0 v1 text | OK"},
       kCloses},
  });
}

TEST_P(NsqdHttpProtocol, BodiesThatAreBigOrCutOrNotWanted) {
  Check({
      {kPub + "Content-Length: 1048577\r\n\r\n",
       {"413 v1 json close | {\"message\":\"MSG_TOO_BIG\"}"},
       kCloses},
      {kPub + "Content-Length: 99999999999\r\n\r\nxxx",
       {"413 v1 json close | {\"message\":\"MSG_TOO_BIG\"}"},
       kCloses},
      {kPing + "Content-Length: 5\r\n\r\nhelloGET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
       {"200 text | OK", "200 text | OK"}},
      {kPing + "Content-Length: 5\r\n\r\nhel", {"200 text close | OK"}, kCut},
      {kPing + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", {"200 text close | OK"}, kCloses},
      {"POST /topic/create?topic=q HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
       {"200 v1 close"},
       kCut},
      {"POST /topic/pause?topic=q HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
       {"400 v1 json close | {\"message\":\"INVALID_REQUEST\"}"},
       kCut,
       {{"400 v1 json | {\"message\":\"INVALID_REQUEST\"}"}}},
      {"POST /channel/create?topic=q&channel=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
       {"400 v1 json close | {\"message\":\"INVALID_REQUEST\"}"},
       kCut,
       {{"400 v1 json | {\"message\":\"INVALID_REQUEST\"}"}}},
      {"GET /none HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
       {"404 v1 json close | {\"message\":\"NOT_FOUND\"}"},
       kCut},
      {"POST /mpub?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na\nb\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCut,
       {{"500 v1 json | {\"message\":\"INTERNAL_ERROR\"}"}}},
      {"POST /mpub?topic=t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
      {"POST /mpub?topic=t&binary=true HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
       "chunked\r\n\r\nzz\r\n",
       {"413 v1 json close | {\"message\":\"BAD_BODY\"}"},
       kCloses},
      {"PUT /config/log_level HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\ninfo",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCut,
       {{"500 v1 json | {\"message\":\"INTERNAL_ERROR\"}"}}},
      {"PUT /config/log_level HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       {"500 v1 json close | {\"message\":\"INTERNAL_ERROR\"}"},
       kCloses},
      {"GE", {"400 text close | 400 Bad Request"}, kCut},
      {"GET /ping HTTP/1.1\r\nHo", {"400 text close | 400 Bad Request"}, kCut},
      {"GET /ping HTTP/1.1\r\nHost: x\r\n", {"400 text close | 400 Bad Request"}, kCut},
      {"", {}, kCut},
      {"\r\n", {"400 text close | 400 Bad Request"}, kCut},
      {kPing + "Connection: close\r\n\r\n", {"200 text close | OK"}, kCloses},
      {kPing + "Connection: Close\r\n\r\n", {"200 text close | OK"}, kCloses},
      {kPing + "Connection: foo, close\r\n\r\n", {"200 text close | OK"}, kCloses},
  });
}

TEST_P(NsqdHttpProtocol, KeepAlive) {
  Check({
      {kPing + "Connection: foo\r\nConnection: close\r\n\r\n", {"200 text close | OK"}, kCloses},
      {kPing + "Connection: keep-alive\r\n\r\n", {"200 text | OK"}},
      {"GET /ping HTTP/1.0\r\n\r\n", {"200 1.0 text | OK"}, kCloses},
      {"GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {"200 1.0 text keep-alive | OK"}},
      {"GET /ping HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", {"200 1.0 text keep-alive | OK"}},
      {"GET /ping HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n",
       {"200 1.0 text keep-alive | OK"}},
      {"GET http://x/ping HTTP/1.1\r\nHost: x\r\n\r\n", {"200 text | OK"}},
      {"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", {"404 v1 json | {\"message\":\"NOT_FOUND\"}"}},
      {"GET http://x/ping HTTP/1.1\r\n\r\n",
       {"400 text close | 400 Bad Request: missing required Host header"},
       kCloses},
  });
}

TEST_P(NsqdHttpProtocol, TargetsAndMethods) {
  Check({
      {"GET //ping HTTP/1.1\r\nHost: x\r\n\r\n",
       {"301 html to=/ping | <a href=\"/ping\">Moved Permanently</a>.\n\n"}},
      {"GET foo:bar HTTP/1.1\r\nHost: x\r\n\r\n", {"404 v1 json | {\"message\":\"NOT_FOUND\"}"}},
      {"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
       {"404 v1 json | {\"message\":\"NOT_FOUND\"}"},
       kStays,
       {{"405 v1 json allow=GET, OPTIONS, POST, PUT | {\"message\":\"METHOD_NOT_ALLOWED\"}"}}},
      {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", {"200"}},
      {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", {"404 v1 json | {\"message\":\"NOT_FOUND\"}"}},
      {"CONNECT /ping HTTP/1.1\r\nHost: x\r\n\r\n",
       {"405 v1 json allow=GET, OPTIONS | {\"message\":\"METHOD_NOT_ALLOWED\"}"}},
      {"GET ?a HTTP/1.1\r\nHost: x\r\n\r\n", {"400 text close | 400 Bad Request"}, kCloses},
      {"GET /ping#frag HTTP/1.1\r\nHost: x\r\n\r\n", {"404 v1 json | {\"message\":\"NOT_FOUND\"}"}},
      {"GET /ping?a#b HTTP/1.1\r\nHost: x\r\n\r\n", {"200 text | OK"}},
      {"GET /ping? HTTP/1.1\r\nHost: x\r\n\r\n", {"200 text | OK"}},
      {"GET /ping/? HTTP/1.1\r\nHost: x\r\n\r\n",
       {"301 html to=/ping? | <a href=\"/ping?\">Moved Permanently</a>.\n\n"}},
      {"HEAD /ping HTTP/1.1\r\nHost: x\r\n\r\n", {"405 v1 json allow=GET, OPTIONS"}},
      {"HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n", {"404 v1 json"}},
      {"HEAD /ping/ HTTP/1.1\r\nHost: x\r\n\r\n", {"404 v1 json"}},
      {"TRACE /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /ping "
       "HTTP/1.1\r\nHost: x\r\n\r\n",
       {"405 v1 json allow=GET, OPTIONS | {\"message\":\"METHOD_NOT_ALLOWED\"}", "200 text | OK"}},
      {"HEAD /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /ping "
       "HTTP/1.1\r\nHost: x\r\n\r\n",
       {"405 v1 json allow=GET, OPTIONS", "200 text | OK"}},
  });
}

TEST_P(NsqdHttpProtocol, Pipelines) {
  Check({
      {kPub + "Content-Length: 5\r\n\r\nhello\r\nGET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
       {"200 v1 text | OK", "200 text | OK"}},
      {kPub + "Content-Length: 5\r\n\r\nhello\r\n\r\n\r\nGET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
       {"200 v1 text | OK", "400 text close | 400 Bad Request"},
       kCloses},
      {kPing + "\r\n\r\nGET /ping HTTP/1.1\r\nHost: x\r\n\r\n",
       {"200 text | OK", "400 text close | 400 Bad Request"},
       kCloses},
      {kPing + "\r\nGET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /ping "
               "HTTP/1.1\r\nHost: x\r\n\r\n",
       {"200 text | OK", "200 text close | OK"},
       kCloses},
      {"GET /PING HTTP/1.1\r\nHost: x\r\n\r\n",
       {"301 html to=/ping | <a href=\"/ping\">Moved Permanently</a>.\n\n"}},
      {"GET /pi%6eg HTTP/1.1\r\nHost: x\r\n\r\n", {"200 text | OK"}},
      {"GET /pi\377ng HTTP/1.1\r\nHost: x\r\n\r\n", {"404 v1 json | {\"message\":\"NOT_FOUND\"}"}},
      {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", {"404 v1 json | {\"message\":\"NOT_FOUND\"}"}},
      {"POST /topic/create?topic=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
       {"400 v1 json | {\"message\":\"INVALID_REQUEST\"}"}},
      {"GET /ping HTTP/1.1\r\nhOsT: x\r\ncontent-LENGTH: 0\r\n\r\n", {"200 text | OK"}},
      {kPing + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", {"200 text | OK"}},
      {kPub + "Content-Length: 5 \r\n\r\nhello", {"200 v1 text | OK"}},
      {kPub + "Content-Length: 05\r\n\r\nhello", {"200 v1 text | OK"}},
  });
}

TEST_P(NsqdHttpProtocol, HeadersOfAMegabyte) {
  const std::string too_large = "431 text close | 431 Request Header Fields Too Large";
  std::string many;
  for (int i = 0; i < 6000; ++i)
    many += std::string(100, 'A') + ": " + std::string(100, 'x') + "\r\n";
  Check({
      {kPing + "A: " + std::string(1040000, 'x') + "\r\n\r\n", {"200 text | OK"}},
      {kPing + "A: " + std::string(1100000, 'x') + "\r\n\r\n", {too_large}, kCloses},
      {"GET /" + std::string(1100000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", {too_large}, kCloses},
      {kPing + many + "\r\n", {too_large}, kCloses},
      {std::string(1100000, 'x'), {too_large}, kCloses},
  });
}

// What is left of a refused body is read over, as far as that is worth it.
TEST_P(NsqdHttpProtocol, RestsOfBodies) {
  Check({
      {kPing + "Content-Length: 262143\r\n\r\n" + std::string(262143, 'x'), {"200 text | OK"}},
      {kPing + "Content-Length: 262144\r\n\r\n" + std::string(262144, 'x'),
       {"200 text close | OK"},
       kCloses},
  });
}

INSTANTIATE_TEST_SUITE_P(, NsqdHttpProtocol, testing::ValuesIn(Loops()), LoopsName);

}  // namespace
}  // namespace nsq::conformance
