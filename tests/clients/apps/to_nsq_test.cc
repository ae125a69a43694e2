#include "tests/clients/apps/tool_test.h"

namespace nsq::apps {
namespace {

using cluster::V2Client;

class ToNsqTest : public ToolTest {
 protected:
  // The bodies that a topic holds, in order.
  static std::vector<std::string> BodiesOf(cluster::Nsqd& nsqd, const std::string& topic,
                                           size_t count) {
    std::vector<std::string> bodies;
    V2Client consumer(nsqd.tcp_port());
    EXPECT_EQ(consumer.Sub(topic, "check"), "OK");
    consumer.Rdy(1);
    while (bodies.size() < count) {
      auto message = consumer.Next();
      if (!message) break;
      consumer.Fin(message->id);
      bodies.push_back(std::move(message->body));
    }
    EXPECT_EQ(nsqd.Stats(topic).messages, static_cast<int64_t>(count));
    return bodies;
  }
};

TEST_F(ToNsqTest, EachLineIsAMessageAlsoTheLast) {
  auto& nsqd = AddNsqd();
  const Ended ended = Run("to_nsq", {"-topic=t", "-nsqd-tcp-address=" + nsqd.tcp_address()},
                          "one\n\ntwo\n\n\nthree");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(BodiesOf(nsqd, "t", 3), (std::vector<std::string>{"one", "two", "three"}));
}

TEST_F(ToNsqTest, OtherDelimitersAndSingleBytes) {
  auto& nsqd = AddNsqd();
  const Ended ended = Run(
      "to_nsq", {"-topic=t", "-delimiter=,", "-nsqd-tcp-address", nsqd.tcp_address()}, "a,b\n,c");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(BodiesOf(nsqd, "t", 3), (std::vector<std::string>{"a", "b\n", "c"}));
}

TEST_F(ToNsqTest, EveryAddressGetsEveryMessage) {
  auto& a = AddNsqd();
  auto& b = AddNsqd();
  const Ended ended =
      Run("to_nsq",
          {"-topic=t", "-nsqd-tcp-address=" + a.tcp_address(),
           "-nsqd-tcp-address=" + b.tcp_address(), "-nsqd-tcp-address=" + a.tcp_address()},
          "x\ny\n");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(BodiesOf(a, "t", 2), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(BodiesOf(b, "t", 2), (std::vector<std::string>{"x", "y"}));
}

TEST_F(ToNsqTest, BatchesAndManyAtOnceLoseNothing) {
  auto& nsqd = AddNsqd();
  std::string input;
  std::vector<std::string> lines;
  for (int i = 0; i < 1000; ++i) {
    lines.push_back(StrCat("line ", i));
    input += lines.back() + "\n";
  }
  const Ended ended =
      Run("to_nsq",
          {"-topic=t", "-batch=7", "-async=50", "-nsqd-tcp-address=" + nsqd.tcp_address()}, input);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(BodiesOf(nsqd, "t", 1000), lines);
}

TEST_F(ToNsqTest, RateIsKept) {
  auto& nsqd = AddNsqd();
  const auto begun = std::chrono::steady_clock::now();
  const Ended ended =
      Run("to_nsq", {"-topic=t", "-rate=20", "-nsqd-tcp-address=" + nsqd.tcp_address()},
          "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(490));
  EXPECT_NE(ended.err.find("Throttling messages rate to max:20/second"), std::string::npos);
}

TEST_F(ToNsqTest, RefusalsAndTheirCodes) {
  auto& nsqd = AddNsqd();
  const std::string address = "-nsqd-tcp-address=" + nsqd.tcp_address();
  struct Case {
    std::vector<std::string> arguments;
    int code;
    std::string said;
  };
  const std::vector<Case> cases = {
      {{address}, 1, "--topic required"},
      {{address, "-topic=bad topic"}, 1, "invalid topic name"},
      {{address, "-topic=t", "-delimiter=ab"}, 1, "--delimiter must be a single byte"},
      {{"-topic=t"}, 1, "--nsqd-tcp-address required"},
      {{"-topic=t", "-nsqd-tcp-address=127.0.0.1:1"},
       1,
       "dial tcp 127.0.0.1:1: connect: connection refused"},
      {{"-topic=t", StrCat("-nsqd-tcp-address=127.0.0.1:", nsqd.http_port())},
       1,
       "unexpected HTTP response, a nsqd TCP endpoint is required"},
      {{address, "-topic=t", "-nope"}, 2, "flag provided but not defined: -nope"},
      {{address, "-topic=t", "-producer-opt=nope,1"},
       2,
       "invalid value \"nope,1\" for flag -producer-opt: invalid option nope"},
      {{address, "-topic=t", "-producer-opt=heartbeat_interval,2m"},
       1,
       "HeartbeatInterval 2m0s must be less than ReadTimeout 1m0s"},
  };
  for (const Case& c : cases) {
    const Ended ended = Run("to_nsq", c.arguments, "x\n");
    EXPECT_EQ(ended.code, c.code) << c.said;
    EXPECT_NE(ended.err.find(c.said), std::string::npos) << ended.err;
  }
  EXPECT_FALSE(nsqd.Stats("bad").exists) << "not even its first word";
  const Ended too_big = Run("to_nsq", {address, "-topic=t"}, std::string(2'000'000, 'x') + "\n");
  EXPECT_EQ(too_big.code, 1);
  EXPECT_TRUE(too_big.err.ends_with(" E_BAD_MESSAGE PUB message too big 2000000 > 1048576\n"))
      << too_big.err;
}

TEST_F(ToNsqTest, ASignalEndsItWithWhatItHas) {
  auto& nsqd = AddNsqd();
  Tool tool(folder_, "to_nsq", {"-topic=t", "-rate=1", "-nsqd-tcp-address=" + nsqd.tcp_address()});
  ASSERT_TRUE(tool.AwaitErr("Throttling"));
  tool.Signal(SIGTERM);
  EXPECT_EQ(tool.Wait(), 0);
}

TEST_F(ToNsqTest, HelpAndVersion) {
  const Ended help = Run("to_nsq", {"-h"});
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(help.out, "");
  EXPECT_EQ(help.err.substr(0, 17), "Usage of to_nsq:\n");
  EXPECT_NE(help.err.find(R"(character to split input from stdin ["\n"])"), std::string::npos);
  EXPECT_EQ(Run("to_nsq", {"-version"}).out, "to_nsq v1.3.0\n");
}

}  // namespace
}  // namespace nsq::apps
