#include "tests/clients/apps/tool_test.h"

namespace nsq::apps {
namespace {

class NsqStatTest : public ToolTest {
 protected:
  static std::string Http(const cluster::Daemon& daemon, const std::string& kind = "nsqd") {
    return StrCat("-", kind, "-http-address=127.0.0.1:", daemon.http_port());
  }
};

constexpr const char* kHeader =
    "------rate------+----------------depth----------------+--------------metadata---------------\n"
    "ingress  egress |   total     mem    disk inflt   def |     req     t-o         msgs "
    "clients\n";

// A channel with so many messages.
void Fill(cluster::Nsqd& nsqd, int count) {
  EXPECT_EQ(nsqd.Post("/topic/create?topic=t").status, 200);
  EXPECT_EQ(nsqd.Post("/channel/create?topic=t&channel=c").status, 200);
  for (int i = 0; i < count; ++i) EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
}

TEST_F(NsqStatTest, OneRowOfTheSum) {
  auto& a = AddNsqd();
  auto& b = AddNsqd();
  Fill(a, 2);
  Fill(b, 3);
  const Ended ended =
      Run("nsq_stat", {"-topic=t", "-channel=c", "-count=1", "-interval=10ms", Http(a), Http(b)});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const std::string row = ended.out.substr(std::min(std::string(kHeader).size(), ended.out.size()));
  EXPECT_EQ(ended.out.substr(0, std::string(kHeader).size()), kHeader);
  EXPECT_EQ(row.substr(0, 26), "      0       0 |       5 ") << row;
  EXPECT_EQ(row.substr(row.rfind('|')), "|       0       0            5       0\n");
}

TEST_F(NsqStatTest, AHeaderEvery25Rounds) {
  auto& nsqd = AddNsqd();
  Fill(nsqd, 1);
  const Ended ended =
      Run("nsq_stat", {"-topic=t", "-channel=c", "-count=26", "-interval=1ms", Http(nsqd)});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const std::vector<std::string_view> lines = Split(ended.out, '\n');
  ASSERT_EQ(lines.size(), 2u + 24 + 2 + 2 + 1);
  EXPECT_EQ(lines[26].substr(0, 6), "------");
}

TEST_F(NsqStatTest, ThroughLookup) {
  auto& lookupd = AddLookupd();
  auto& nsqd = AddNsqd();
  Fill(nsqd, 1);
  ASSERT_TRUE(cluster::Eventually([&] { return lookupd.Lookup("t").tcp_ports.size() == 1; }));
  const Ended ended = Run("nsq_stat", {"-topic=t", "-channel=c", "-count=1", "-interval=1ms",
                                       Http(lookupd, "lookupd")});
  EXPECT_EQ(ended.code, 0) << ended.err;
}

TEST_F(NsqStatTest, OneThatIsDownIsAWarning) {
  auto& nsqd = AddNsqd();
  Fill(nsqd, 1);
  const Ended ended = Run("nsq_stat", {"-topic=t", "-channel=c", "-count=1", "-interval=1ms",
                                       Http(nsqd), "-nsqd-http-address=127.0.0.1:1"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_NE(ended.err.find("WARNING: Get \"http://127.0.0.1:1/stats"), std::string::npos)
      << ended.err;
}

TEST_F(NsqStatTest, Refusals) {
  auto& nsqd = AddNsqd();
  Fill(nsqd, 1);
  const auto refused = [&](std::vector<std::string> arguments, const std::string& said) {
    const Ended ended = Run("nsq_stat", std::move(arguments));
    EXPECT_EQ(ended.code, 1) << said;
    EXPECT_NE(ended.err.find(said), std::string::npos) << ended.err;
  };
  refused({"-topic=t"}, "--topic and --channel are required");
  refused({"-topic=t", "-channel=c"}, "--nsqd-http-address or --lookupd-http-address required");
  refused({"-topic=t", "-channel=c", "-interval=0", Http(nsqd)}, "--interval should be positive");
  refused({"-topic=t", "-channel=c", "-count=0", Http(nsqd)}, "--count should be positive");
  refused({"-topic=t", "-channel=c", "-nsqd-http-address=http://h:1"},
          "--nsqd-http-address error - address should not contain scheme");
  refused({"-topic=t", "-channel=c", "-nsqd-http-address=127.0.0.1:1"},
          "ERROR: failed to get topic producers - failed to query any nsqd: Get "
          "\"http://127.0.0.1:1/stats?format=json&topic=t&include_clients=false\": dial tcp "
          "127.0.0.1:1: connect: connection refused");
  refused({"-topic=t", "-channel=nope", Http(nsqd)},
          "ERROR: failed to find channel(nope) in stats metadata for topic(t)");
  refused({"-topic=nope", "-channel=c", Http(nsqd)}, "ERROR: failed to get nsqd stats - ");
}

TEST_F(NsqStatTest, StopsBySignal) {
  auto& nsqd = AddNsqd();
  Fill(nsqd, 1);
  Tool tool(folder_, "nsq_stat", {"-topic=t", "-channel=c", "-interval=1h", Http(nsqd)});
  ASSERT_TRUE(tool.AwaitOut("ingress"));
  tool.Signal(SIGHUP);
  EXPECT_EQ(tool.Wait(), 0);
}

}  // namespace
}  // namespace nsq::apps
