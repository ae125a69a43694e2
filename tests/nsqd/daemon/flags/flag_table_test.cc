#include "nsqd/daemon/flags/flag_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "common/config/config.h"

namespace nsq::nsqd {
namespace {

// As GET /config/<key> shows the default; "-" for what is no key.
struct Expected {
  std::string name;
  std::string key;
  std::string shown;
};

const Expected kOriginals[] = {
    {"version", "-", ""},
    {"config", "-", ""},
    {"log-level", "log_level", "2"},
    {"log-prefix", "log_prefix", "[nsqd] "},
    {"verbose", "-", ""},
    {"node-id", "id", "958"},
    {"worker-id", "-", ""},
    {"enable-experiment", "enable_experiment", "[]"},
    {"tcp-address", "tcp_address", "0.0.0.0:4150"},
    {"http-address", "http_address", "0.0.0.0:4151"},
    {"https-address", "https_address", "0.0.0.0:4152"},
    {"broadcast-address", "broadcast_address", "nsqd-1"},
    {"broadcast-tcp-port", "broadcast_tcp_port", "0"},
    {"broadcast-http-port", "broadcast_http_port", "0"},
    {"lookupd-tcp-address", "nsqlookupd_tcp_addresses", "[]"},
    {"auth-http-address", "auth_http_addresses", "[]"},
    {"auth-http-request-method", "auth_http_request_method", "get"},
    {"http-client-connect-timeout", "http_client_connect_timeout", "2000000000"},
    {"http-client-request-timeout", "http_client_request_timeout", "5000000000"},
    {"topology-region", "topology_region", ""},
    {"topology-zone", "topology_zone", ""},
    {"data-path", "data_path", ""},
    {"mem-queue-size", "mem_queue_size", "10000"},
    {"max-bytes-per-file", "max_bytes_per_file", "104857600"},
    {"sync-every", "sync_every", "2500"},
    {"sync-timeout", "sync_timeout", "2000000000"},
    {"queue-scan-worker-pool-max", "queue_scan_worker_pool_max", "4"},
    {"queue-scan-selection-count", "queue_scan_selection_count", "20"},
    {"msg-timeout", "msg_timeout", "60000000000"},
    {"max-msg-timeout", "max_msg_timeout", "900000000000"},
    {"max-msg-size", "max_msg_size", "1048576"},
    {"max-body-size", "max_body_size", "5242880"},
    {"max-req-timeout", "max_req_timeout", "3600000000000"},
    {"max-heartbeat-interval", "max_heartbeat_interval", "60000000000"},
    {"max-rdy-count", "max_rdy_count", "2500"},
    {"max-output-buffer-size", "max_output_buffer_size", "65536"},
    {"max-output-buffer-timeout", "max_output_buffer_timeout", "30000000000"},
    {"min-output-buffer-timeout", "min_output_buffer_timeout", "25000000"},
    {"output-buffer-timeout", "output_buffer_timeout", "250000000"},
    {"max-channel-consumers", "max_channel_consumers", "0"},
    {"statsd-address", "statsd_address", ""},
    {"statsd-interval", "statsd_interval", "60000000000"},
    {"statsd-mem-stats", "statsd_mem_stats", "true"},
    {"statsd-prefix", "statsd_prefix", "nsq.%s"},
    {"statsd-udp-packet-size", "statsd_udp_packet_size", "508"},
    {"statsd-exclude-ephemeral", "statsd_exclude_ephemeral", "false"},
    {"e2e-processing-latency-percentile", "e2e_processing_latency_percentiles", "[]"},
    {"e2e-processing-latency-window-time", "e2e_processing_latency_window_time", "600000000000"},
    {"tls-cert", "tls_cert", ""},
    {"tls-key", "tls_key", ""},
    {"tls-client-auth-policy", "tls_client_auth_policy", ""},
    {"tls-root-ca-file", "tls_root_ca_file", ""},
    {"tls-required", "tls_required", "0"},
    {"tls-min-version", "tls_min_version", "769"},
    {"deflate", "deflate", "true"},
    {"max-deflate-level", "max_deflate_level", "6"},
    {"snappy", "snappy", "true"},
};

const std::string kOurs[] = {"loops",
                             "durability",
                             "memory-budget",
                             "disk-reserve",
                             "max-connections",
                             "max-defer-timeout",
                             "drain-on-sigterm",
                             "drain-timeout",
                             "verify",
                             "salvage"};

TEST(FlagTableTest, HasEveryFlagOfTheOriginalWithItsKeyAndDefault) {
  const std::vector<Flag> table = FlagTable("nsqd-1");
  const Config config("nsqd", FlagTable("nsqd-1"));
  EXPECT_EQ(std::size(kOriginals), 57u);
  for (const Expected& expected : kOriginals) {
    SCOPED_TRACE(expected.name);
    const auto flag = std::find_if(table.begin(), table.end(),
                                   [&](const Flag& f) { return f.name == expected.name; });
    ASSERT_NE(flag, table.end());
    EXPECT_FALSE(flag->help.empty());
    if (expected.key == "-") {
      EXPECT_EQ(flag->key, "");
      continue;
    }
    EXPECT_EQ(flag->key, expected.key);
    const auto shown = config.Show(expected.key);
    ASSERT_TRUE(shown.has_value());
    EXPECT_EQ(shown->text, expected.shown);
  }
  const auto is_ours = [](const Flag& flag) {
    return std::find(std::begin(kOurs), std::end(kOurs), flag.name) != std::end(kOurs);
  };
  EXPECT_EQ(std::count_if(table.begin(), table.end(), is_ours), std::ssize(kOurs));
  EXPECT_EQ(table.size(), std::size(kOriginals) + std::size(kOurs));
}

TEST(FlagTableTest, DurabilityIsOneOfThree) {
  Config config("nsqd", FlagTable("h"));
  std::string out;
  std::string err;
  EXPECT_EQ(config.Load(std::vector<std::string>{"-durability=disk"}, &out, &err), 2);
  EXPECT_TRUE(
      err.starts_with("invalid value \"disk\" for flag -durability: must be memory, os or fsync\n"))
      << err;
}

}  // namespace
}  // namespace nsq::nsqd
