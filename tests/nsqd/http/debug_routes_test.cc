#include "nsqd/http/debug_routes.h"

#include <string>

#include "tests/nsqd/http/api_fixture.h"

namespace nsq::nsqd {
namespace {

using testing::Test;

class DebugRoutesTest : public ApiTest {
 protected:
  // The body of a text that is no V1 answer.
  std::string Text(const std::string& name) {
    const Reply reply = Get("/debug/pprof/" + name);
    EXPECT_EQ(reply.status, 200) << name;
    EXPECT_EQ(reply.headers.at("Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(reply.headers.at("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply.headers.count("X-NSQ-Content-Type"), 0u);
    return reply.body;
  }
  void ExpectHas(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
};

TEST_F(DebugRoutesTest, WhatToolsCallAnswersWithoutGuessing) {
  const Reply index = Get("/debug/pprof/");
  EXPECT_EQ(index.status, 200);
  EXPECT_EQ(index.headers.at("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(index.headers.at("X-Content-Type-Options"), "nosniff");

  const Reply cmdline = Get("/debug/pprof/cmdline");
  EXPECT_EQ(cmdline.status, 200);
  EXPECT_NE(cmdline.body.find("nsqd_http_test"), std::string::npos);
  EXPECT_FALSE(cmdline.body.ends_with('\0'));

  EXPECT_EQ(Get("/debug/pprof/symbol").Summary(), "200 num_symbols: 0\n");
  EXPECT_EQ(Post("/debug/pprof/symbol", "0x1+0x2").Summary(), "200 num_symbols: 0\n");
}

TEST_F(DebugRoutesTest, LoopsSayWhatTheyDo) {
  const std::string text = Text("goroutine?debug=2");
  ExpectHas(text, "nsqd: event loops\nloop 0:\n  turns: 0");
  ExpectHas(text, "connections: 7, topics: 0");
  ExpectHas(text, "loop 1:\n");
  ExpectHas(text, "thread\tstate\tCPU\tname\n");
}

TEST_F(DebugRoutesTest, TurnsAreShownByLength) {
  const std::string text = Text("block");
  ExpectHas(text, "turns by length, at most:\tloop 0\tloop 1\n");
  ExpectHas(text, "50ms\t0\t0\n");
}

TEST_F(DebugRoutesTest, TheHeapIsTheAllocators) {
  const std::string text = Text("heap?gc=1&debug=1");
  ExpectHas(text, "in use\t");
  ExpectHas(text, "malloc_info:\n");
}

TEST_F(DebugRoutesTest, ThreadsAreListed) { ExpectHas(Text("threadcreate"), "\tR\t"); }

TEST_F(DebugRoutesTest, AProfileIsTheCpuOfEachThreadMeanwhile) {
  const SteadyTime before = std::chrono::steady_clock::now();
  const std::string text = Text("profile?seconds=1");
  EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(990));
  ExpectHas(text, "; thread, CPU, name:\n");
  ExpectHas(text, "CPU in 1");
  for (const std::string bad : {"0", "-1", "x", ""}) {
    EXPECT_EQ(Get("/debug/pprof/profile?seconds=" + bad).status, 400) << bad;
  }
}

}  // namespace
}  // namespace nsq::nsqd
