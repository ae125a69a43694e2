#include <gtest/gtest.h>
#include <nsq/client_options.h>

#include <string>
#include <utility>
#include <vector>

namespace nsq {
namespace {

std::string Refusal(std::string_view pair) {
  ClientOptions options;
  const auto set = options.SetPair(pair);
  return set ? "" : set.error().detail;
}

TEST(ClientOptionsTest, EveryOptionOfTheReferenceIsKnown) {
  const std::vector<std::string> pairs = {"dial_timeout,2s",
                                          "read_timeout,5s",
                                          "write_timeout,1s",
                                          "local_addr,127.0.0.1:0",
                                          "lookupd_poll_interval,10s",
                                          "lookupd_poll_jitter,0.5",
                                          "lookupd_poll_timeout,3s",
                                          "max_requeue_delay,1m",
                                          "default_requeue_delay,0",
                                          "backoff_strategy,full_jitter",
                                          "max_backoff_duration,0s",
                                          "backoff_multiplier,10ms",
                                          "max_attempts,0",
                                          "low_rdy_idle_timeout,1s",
                                          "low_rdy_timeout,1s",
                                          "rdy_redistribute_interval,1ms",
                                          "client_id,x",
                                          "hostname,y",
                                          "user_agent,z",
                                          "topology_region,r",
                                          "topology_zone,z",
                                          "heartbeat_interval,-1ns",
                                          "sample_rate,50",
                                          "tls_v1",
                                          "tls_root_ca_file,/x",
                                          "tls_cert,/c",
                                          "tls_key,/k",
                                          "tls_insecure_skip_verify,t",
                                          "tls_min_version,tls1.2",
                                          "deflate,1",
                                          "deflate_level,9",
                                          "snappy,false",
                                          "output_buffer_size,-1",
                                          "output_buffer_timeout,-1ns",
                                          "max_in_flight,7",
                                          "msg_timeout,30s",
                                          "max_msg_size,1024",
                                          "auth_secret,a,b",
                                          "skip_lookupd_authorization,false",
                                          "max-in-flight,7",
                                          "rdy_on_demand"};  // ours
  for (const std::string& pair : pairs) EXPECT_EQ(Refusal(pair), "") << pair;
}

TEST(ClientOptionsTest, RefusalsReadAsTheOriginals) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"nope,1", "invalid option nope"},
      {"nope", "invalid option nope"},
      {"read_timeout,10ms", "invalid read_timeout ! 10ms < 100ms"},
      {"sample_rate,100", "invalid sample_rate ! 100 > 99"},
      {"tls_v1,maybe",
       "failed to coerce option tls_v1 (maybe) - strconv.ParseBool: parsing \"maybe\": invalid "
       "syntax"},
      {"max_attempts", "failed to coerce option max_attempts (true) - invalid value type"},
      {"local_addr,zz",
       "failed to coerce option local_addr (zz) - address zz: missing port in address"},
      {"tls_min_version,tls9", "ERROR: tls9 is not a tls version"},
      {"read_timeout,1000",
       "failed to coerce option read_timeout (1000) - time: missing unit in duration \"1000\""},
      {"max_attempts,70000", "invalid max_attempts ! 70000 > 65535"},
  };
  for (const auto& [pair, text] : cases) EXPECT_EQ(Refusal(pair), text);
}

TEST(ClientOptionsTest, SetTakesEffect) {
  ClientOptions options;
  ASSERT_TRUE(options.SetPair("max-requeue-delay,1m30s"));
  EXPECT_EQ(options.max_requeue_delay, std::chrono::seconds(90));
  ASSERT_TRUE(options.SetPair("auth_secret,a,b"));
  EXPECT_EQ(options.auth_secret, "a,b");
  ASSERT_TRUE(options.SetPair("deflate"));
  EXPECT_TRUE(options.deflate);
}

TEST(ClientOptionsTest, WhatNoSingleOptionShows) {
  const auto refusal = [](auto change) {
    ClientOptions options;
    change(options);
    const auto valid = options.Validate();
    return valid ? std::string() : valid.error().detail;
  };
  EXPECT_EQ(refusal([](ClientOptions&) {}), "");
  EXPECT_EQ(refusal([](ClientOptions& o) { o.heartbeat_interval = std::chrono::minutes(2); }),
            "HeartbeatInterval 2m0s must be less than ReadTimeout 1m0s");
  EXPECT_EQ(refusal([](ClientOptions& o) { o.heartbeat_interval = o.read_timeout; }), "");
  EXPECT_EQ(refusal([](ClientOptions& o) { o.max_in_flight = -1; }),
            "invalid MaxInFlight ! -1 < 0");
  EXPECT_NE(refusal([](ClientOptions& o) { o.deflate = o.snappy = true; }), "");
  EXPECT_NE(refusal([](ClientOptions& o) { o.tls_cert = "x"; }), "");
  EXPECT_NE(refusal([](ClientOptions& o) { o.backoff_multiplier = {}; }), "");
  EXPECT_EQ(refusal([](ClientOptions& o) {
              o.backoff_multiplier = {};
              o.max_backoff_duration = {};
            }),
            "");
}

}  // namespace
}  // namespace nsq
