#include "nsqd/daemon/flags/running_config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/log.h"
#include "nsqd/daemon/flags/flag_table.h"

namespace nsq::nsqd {
namespace {

using Strings = std::vector<std::string>;

class RunningConfigTest : public testing::Test {
 protected:
  void Load(const Strings& arguments) {
    std::string out;
    std::string err;
    ASSERT_FALSE(config_.Load(arguments, &out, &err).has_value()) << err;
  }
  // "json 4150", "text host".
  std::string Get(std::string_view key, const Strings& lookupds = {}) {
    const Result<Backend::ConfigValue> value = running_.Get(key, lookupds);
    if (!value.ok()) return "none";
    return (value->json ? "json " : "text ") + value->body;
  }

  Config config_{"nsqd", FlagTable("nsqd-1")};
  RunningConfig running_{config_};
};

TEST_F(RunningConfigTest, OpenPortsAndThePrefixAreResolved) {
  Load({"-broadcast-address=127.0.0.1"});
  running_.Resolve(21100, 21101);
  EXPECT_EQ(Get("broadcast_tcp_port"), "json 21100");
  EXPECT_EQ(Get("broadcast_http_port"), "json 21101");
  EXPECT_EQ(Get("statsd_prefix"), "text nsq.127_0_0_1_21101.");
  EXPECT_EQ(Get("tcp_address"), "text 0.0.0.0:4150") << "stays as it was given";
}

TEST_F(RunningConfigTest, TheLimitOfDeferringIsThatOfRequeueingUnlessGiven) {
  Load({"-max-req-timeout=2s"});
  running_.Resolve(1, 2);
  EXPECT_EQ(Get("max_defer_timeout"), "json 2000000000");
  EXPECT_EQ(Get("max_req_timeout"), "json 2000000000");
}

TEST_F(RunningConfigTest, PortsThatWereGivenStay) {
  Load({"-broadcast-tcp-port=1", "-broadcast-http-port=2"});
  running_.Resolve(21100, 21101);
  EXPECT_EQ(Get("broadcast_tcp_port"), "json 1");
  EXPECT_EQ(Get("broadcast_http_port"), "json 2");
  EXPECT_EQ(Get("statsd_prefix"), "text nsq.nsqd-1_2.");
}

TEST_F(RunningConfigTest, UnixSocketsHaveNoPort) {
  Load({});
  running_.Resolve(-1, 0);
  EXPECT_EQ(Get("broadcast_tcp_port"), "json 0");
  EXPECT_EQ(Get("broadcast_http_port"), "json 0");
}

TEST_F(RunningConfigTest, PrefixesAreTheOriginals) {
  EXPECT_EQ(ResolveStatsdPrefix("nsq.%s", "h.example.com", 0), "nsq.h_example_com_0.");
  EXPECT_EQ(ResolveStatsdPrefix("nsq.%s", "::1", 21113), "nsq.[__1]_21113.");
  EXPECT_EQ(ResolveStatsdPrefix("foo", "h", 1), "foo.");
  EXPECT_EQ(ResolveStatsdPrefix("%s%s.", "host1", 21113), "host1_21113host1_21113.");
  EXPECT_EQ(ResolveStatsdPrefix("", "h", 1), "");
}

TEST_F(RunningConfigTest, WhatChangesWhileRunningIsShown) {
  Load({"-lookupd-tcp-address=a:1"});
  EXPECT_EQ(Get("nsqlookupd_tcp_addresses", {"a:1"}), R"(json ["a:1"])");
  EXPECT_EQ(Get("nsqlookupd_tcp_addresses", {"b:2", "c:3"}), R"(json ["b:2","c:3"])");
  EXPECT_EQ(Get("nsqlookupd_tcp_addresses", {}), "json []");

  const LogLevel before = GetLogLevel();
  SetLogLevel(LogLevel::kError);
  EXPECT_EQ(Get("log_level"), "json 4");
  SetLogLevel(before);
}

TEST_F(RunningConfigTest, OnlyKeysOfTheFileAreShown) {
  Load({});
  for (const std::string key : {"", "node_id", "node-id", "version", "config", "verbose",
                                "worker_id", "lookupd_tcp_address", "nothing"}) {
    EXPECT_EQ(Get(key), "none") << key;
  }
  EXPECT_EQ(Get("id"), "json 958");
}

}  // namespace
}  // namespace nsq::nsqd
