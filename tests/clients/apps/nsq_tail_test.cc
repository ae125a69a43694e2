#include "tests/clients/apps/tool_test.h"

namespace nsq::apps {
namespace {

class NsqTailTest : public ToolTest {};

TEST_F(NsqTailTest, ShowsSoManyAndLeavesNothingInFlight) {
  auto& nsqd = AddNsqd();
  for (const char* body : {"one", "two", "three"}) EXPECT_EQ(nsqd.Publish("t", body), "OK");
  const Ended ended = Run(
      "nsq_tail", {"-topic=t", "-channel=c", "-n=3", "-nsqd-tcp-address=" + nsqd.tcp_address()});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "one\ntwo\nthree\n");
  EXPECT_NE(ended.err.find("Adding consumer for topic: t"), std::string::npos);
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 3));
}

TEST_F(NsqTailTest, WhatItDoesNotShowStays) {
  auto& nsqd = AddNsqd();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  const Ended ended = Run(
      "nsq_tail", {"-topic=t", "-channel=c", "-n=4", "-nsqd-tcp-address=" + nsqd.tcp_address()});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "x\nx\nx\nx\n");
  EXPECT_TRUE(cluster::Eventually([&] {
    const auto stats = nsqd.Stats("t").of("c");
    return stats.depth == 6 && stats.in_flight == 0;
  }));
}

TEST_F(NsqTailTest, BodiesAsTheyAreAndTheirTopic) {
  auto& nsqd = AddNsqd();
  const std::string binary("a\0\xff\r\nb", 6);
  EXPECT_EQ(nsqd.Publish("t", binary), "OK");
  const Ended ended = Run("nsq_tail", {"-topic=t", "-channel=c", "-n=1", "-print-topic",
                                       "-nsqd-tcp-address=" + nsqd.tcp_address()});
  EXPECT_EQ(ended.out, "t | " + binary + "\n");
}

TEST_F(NsqTailTest, FindsNsqdThroughLookup) {
  auto& lookupd = AddLookupd();
  auto& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  ASSERT_TRUE(cluster::Eventually([&] { return lookupd.Lookup("t").tcp_ports.size() == 1; }));
  const Ended ended =
      Run("nsq_tail",
          {"-topic=t", "-n=1", StrCat("-lookupd-http-address=127.0.0.1:", lookupd.http_port())});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "x\n");
}

TEST_F(NsqTailTest, StopsBySignal) {
  auto& nsqd = AddNsqd();
  Tool tool(folder_, "nsq_tail",
            {"-topic=t", "-channel=c", "-nsqd-tcp-address=" + nsqd.tcp_address()});
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  EXPECT_TRUE(tool.AwaitOut("x\n"));
  const auto begun = std::chrono::steady_clock::now();
  tool.Signal(SIGINT);
  EXPECT_EQ(tool.Wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_TRUE(AllDone(nsqd, "t", "c", 1));
}

TEST_F(NsqTailTest, AFullDiskEndsItAndFinishesNothing) {
  auto& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "x"), "OK");
  Tool tool(folder_, "nsq_tail",
            {"-topic=t", "-channel=c", "-nsqd-tcp-address=" + nsqd.tcp_address()}, "/dev/full");
  EXPECT_EQ(tool.Wait(), 1);
  EXPECT_TRUE(tool.AwaitErr(
      "ERROR: failed to write to os.Stdout - write /dev/stdout: no space left on device"));
  EXPECT_TRUE(cluster::Eventually([&] { return nsqd.Stats("t").of("c").depth == 1; }))
      << nsqd.Get("/stats?format=json").body;
}

TEST_F(NsqTailTest, Refusals) {
  auto& nsqd = AddNsqd();
  const std::string address = "-nsqd-tcp-address=" + nsqd.tcp_address();
  const auto said = [this](std::vector<std::string> arguments, int code) {
    const Ended ended = Run("nsq_tail", std::move(arguments));
    EXPECT_EQ(ended.code, code) << ended.err;
    return ended.err;
  };
  EXPECT_NE(said({}, 1).find("--nsqd-tcp-address or --lookupd-http-address required"),
            std::string::npos);
  EXPECT_NE(said({address, "-lookupd-http-address=h:1"}, 1)
                .find("use --nsqd-tcp-address or --lookupd-http-address not both"),
            std::string::npos);
  EXPECT_NE(said({address}, 1).find("--topic required"), std::string::npos);
  EXPECT_NE(said({address, "-topic=a b"}, 1).find("invalid topic name"), std::string::npos);
  EXPECT_NE(said({address, "-nsqd-tcp-address=127.0.0.1:1", "-topic=t"}, 1)
                .find("dial tcp 127.0.0.1:1: connect: connection refused"),
            std::string::npos);
  EXPECT_NE(said({"-nsqd-tcp-address=127.0.0.1:" + std::to_string(nsqd.http_port()), "-topic=t"}, 1)
                .find("unexpected HTTP response"),
            std::string::npos);
  EXPECT_NE(said({address, "-topic=t", "-n=five"}, 2)
                .find("invalid value \"five\" for flag -n: parse error"),
            std::string::npos);
  // One line that says why, and it is the last.
  EXPECT_TRUE(said({address, "-nsqd-tcp-address=127.0.0.1:1", "-topic=t"}, 1)
                  .ends_with(" dial tcp 127.0.0.1:1: connect: connection refused\n"));
  EXPECT_TRUE(said({"-nsqd-tcp-address=127.0.0.1", "-topic=t"}, 1)
                  .ends_with(" dial tcp: address 127.0.0.1: missing port in address\n"));
  EXPECT_TRUE(said({"-nsqd-tcp-address=127.0.0.1:99999", "-topic=t"}, 1)
                  .ends_with(" dial tcp: address 99999: invalid port\n"));
  EXPECT_TRUE(said({address, "-topic=t", "-consumer-opt=tls_root_ca_file,/no/such"}, 2)
                  .starts_with("invalid value \"tls_root_ca_file,/no/such\" for flag "
                               "-consumer-opt: ERROR: failed to read custom Certificate Authority "
                               "file open /no/such: no such file or directory\n"));
}

TEST_F(NsqTailTest, WhereOneNsqdIsDownNothingComesInFlight) {
  auto& nsqd = AddNsqd();
  EXPECT_EQ(nsqd.Publish("t", "one"), "OK");
  const Ended ended = Run("nsq_tail", {"-nsqd-tcp-address=" + nsqd.tcp_address(),
                                       "-nsqd-tcp-address=127.0.0.1:1", "-topic=t", "-channel=c"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(nsqd.Stats("t").of("c").in_flight, 0);
}

}  // namespace
}  // namespace nsq::apps
