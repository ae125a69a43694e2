#include "nsqd/daemon/flags/check_options.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "nsqd/daemon/flags/flag_table.h"
#include "tests/common/filters/test_certificates.h"

namespace nsq::nsqd {
namespace {

using Strings = std::vector<std::string>;

class CheckOptionsTest : public testing::Test {
 public:
  CheckOptionsTest() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + "check_options." + test->name() + "." + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
  }
  ~CheckOptionsTest() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }

  Result<Options> Check(const Strings& arguments) {
    Config config("nsqd", FlagTable("nsqd-1"));
    std::string out;
    std::string err;
    const auto code = config.Load(arguments, &out, &err);
    EXPECT_FALSE(code.has_value()) << err;
    return CheckOptions(config);
  }
  std::string Refusal(const Strings& arguments) {
    const Result<Options> options = Check(arguments);
    return options.ok() ? "(starts)" : options.status().detail();
  }

  std::string folder_;
};

// "No limit", as some write it: nothing that is counted with it overflows.
TEST_F(CheckOptionsTest, TheLargestNumbersCanBeCountedWith) {
  const std::string size = "=9223372036854775807";
  const std::string time = "=2562047h47m16.854775807s";
  const Result<Options> options =
      Check({"-max-msg-size" + size, "-max-body-size" + size, "-max-bytes-per-file" + size,
             "-memory-budget" + size, "-disk-reserve" + size, "-sync-timeout" + time,
             "-msg-timeout" + time, "-max-msg-timeout" + time});
  ASSERT_TRUE(options.ok()) << options.status().ToString();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 16;
  constexpr int64_t kLarge = int64_t{1} << 40;
  for (const int64_t bytes : {options->max_body_size, options->max_bytes_per_file,
                              options->memory_budget_bytes, options->disk_reserve_bytes}) {
    EXPECT_LT(bytes, kMost);
    EXPECT_GT(bytes, kLarge);
  }
  EXPECT_LT(options->max_msg_size, int64_t{1} << 31) << "a frame's size is an int32";
  EXPECT_GT(options->max_msg_size, int64_t{1} << 30);
  for (const Duration duration :
       {options->sync_timeout, options->msg_timeout, options->max_msg_timeout}) {
    EXPECT_LT(duration, Duration(kMost));
    EXPECT_GT(duration, std::chrono::hours(24 * 365));
  }
}

TEST_F(CheckOptionsTest, WithoutFlagsThereAreTheDefaults) {
  const Result<Options> options = Check({});
  ASSERT_TRUE(options.ok());
  const Options fresh;
  EXPECT_EQ(options->node_id, 958);
  EXPECT_EQ(options->broadcast_address, "nsqd-1");
  EXPECT_GE(options->loops, 1);
  // What flags say by default and what tests of other parts stand on is the same.
  EXPECT_EQ(options->log_prefix, fresh.log_prefix);
  EXPECT_EQ(options->tcp_address, fresh.tcp_address);
  EXPECT_EQ(options->http_address, fresh.http_address);
  EXPECT_EQ(options->http_client_connect_timeout, fresh.http_client_connect_timeout);
  EXPECT_EQ(options->http_client_request_timeout, fresh.http_client_request_timeout);
  EXPECT_EQ(options->durability, fresh.durability);
  EXPECT_EQ(options->mem_queue_size, fresh.mem_queue_size);
  EXPECT_EQ(options->memory_budget_bytes, fresh.memory_budget_bytes);
  EXPECT_EQ(options->max_bytes_per_file, fresh.max_bytes_per_file);
  EXPECT_EQ(options->sync_every, fresh.sync_every);
  EXPECT_EQ(options->sync_timeout, fresh.sync_timeout);
  EXPECT_EQ(options->msg_timeout, fresh.msg_timeout);
  EXPECT_EQ(options->max_msg_timeout, fresh.max_msg_timeout);
  EXPECT_EQ(options->max_msg_size, fresh.max_msg_size);
  EXPECT_EQ(options->max_body_size, fresh.max_body_size);
  EXPECT_EQ(options->max_req_timeout, fresh.max_req_timeout);
  EXPECT_EQ(options->max_heartbeat_interval, fresh.max_heartbeat_interval);
  EXPECT_EQ(options->max_rdy_count, fresh.max_rdy_count);
  EXPECT_EQ(options->max_output_buffer_size, fresh.max_output_buffer_size);
  EXPECT_EQ(options->max_output_buffer_timeout, fresh.max_output_buffer_timeout);
  EXPECT_EQ(options->min_output_buffer_timeout, fresh.min_output_buffer_timeout);
  EXPECT_EQ(options->output_buffer_timeout, fresh.output_buffer_timeout);
  EXPECT_EQ(options->max_channel_consumers, fresh.max_channel_consumers);
  EXPECT_EQ(options->max_deflate_level, fresh.max_deflate_level);
}

TEST_F(CheckOptionsTest, EveryFlagReachesItsOption) {
  const Result<Options> options = Check({
      "-log-level=warn",
      "-log-prefix=p ",
      "-node-id=0x10",
      "-loops=3",
      "-tcp-address=a:1",
      "-http-address=b:2",
      "-broadcast-address=c",
      "-broadcast-tcp-port=3",
      "-broadcast-http-port=4",
      "-lookupd-tcp-address=d:5",
      "-lookupd-tcp-address=e:6,f:7",
      "-auth-http-address=g:8",
      "-auth-http-address=http://h/i",
      "-auth-http-request-method=post",
      "-tls-min-version=tls1.2",
      "-http-client-connect-timeout=1s",
      "-http-client-request-timeout=2s",
      "-topology-region=r",
      "-topology-zone=z",
      "-enable-experiment=other",
      "-enable-experiment=topology-aware-consumption",
      "-data-path=/x",
      "-durability=fsync",
      "-mem-queue-size=0",
      "-memory-budget=7",
      "-max-bytes-per-file=8",
      "-sync-every=9",
      "-sync-timeout=10ms",
      "-msg-timeout=11ms",
      "-max-msg-timeout=12ms",
      "-max-msg-size=13",
      "-max-body-size=14",
      "-max-req-timeout=15ms",
      "-max-heartbeat-interval=16ms",
      "-max-rdy-count=17",
      "-max-output-buffer-size=18",
      "-max-output-buffer-timeout=19ms",
      "-min-output-buffer-timeout=20ms",
      "-output-buffer-timeout=21ms",
      "-max-channel-consumers=22",
      "-max-deflate-level=9",
  });
  ASSERT_TRUE(options.ok()) << options.status().ToString();
  EXPECT_EQ(options->log_level, LogLevel::kWarn);
  EXPECT_EQ(options->log_prefix, "p ");
  EXPECT_EQ(options->node_id, 16);
  EXPECT_EQ(options->loops, 3);
  EXPECT_EQ(options->tcp_address, "a:1");
  EXPECT_EQ(options->http_address, "b:2");
  EXPECT_EQ(options->broadcast_address, "c");
  EXPECT_EQ(options->broadcast_tcp_port, 3);
  EXPECT_EQ(options->broadcast_http_port, 4);
  EXPECT_EQ(options->lookupd_tcp_addresses, (Strings{"d:5", "e:6,f:7"}));
  EXPECT_EQ(options->auth_http_addresses, (Strings{"g:8", "http://h/i"}));
  EXPECT_TRUE(options->auth_http_post);
  EXPECT_EQ(options->tls_min_version, 0x0303);
  EXPECT_EQ(options->http_client_connect_timeout, seconds(1));
  EXPECT_EQ(options->http_client_request_timeout, seconds(2));
  EXPECT_EQ(options->topology_region, "r");
  EXPECT_EQ(options->topology_zone, "z");
  EXPECT_TRUE(options->topology_aware);
  EXPECT_EQ(options->data_path, "/x");
  EXPECT_EQ(options->durability, Durability::kFsync);
  EXPECT_EQ(options->mem_queue_size, 0);
  EXPECT_EQ(options->memory_budget_bytes, 7);
  EXPECT_EQ(options->max_bytes_per_file, 8);
  EXPECT_EQ(options->sync_every, 9);
  EXPECT_EQ(options->sync_timeout, milliseconds(10));
  EXPECT_EQ(options->msg_timeout, milliseconds(11));
  EXPECT_EQ(options->max_msg_timeout, milliseconds(12));
  EXPECT_EQ(options->max_msg_size, 13);
  EXPECT_EQ(options->max_body_size, 14);
  EXPECT_EQ(options->max_req_timeout, milliseconds(15));
  EXPECT_EQ(options->max_defer_timeout, milliseconds(15)) << "unless it is given";
  EXPECT_EQ(options->max_heartbeat_interval, milliseconds(16));
  EXPECT_EQ(options->max_rdy_count, 17);
  EXPECT_EQ(options->max_output_buffer_size, 18);
  EXPECT_EQ(options->max_output_buffer_timeout, milliseconds(19));
  EXPECT_EQ(options->min_output_buffer_timeout, milliseconds(20));
  EXPECT_EQ(options->output_buffer_timeout, milliseconds(21));
  EXPECT_EQ(options->max_channel_consumers, 22);
  EXPECT_EQ(options->max_deflate_level, 9);
  EXPECT_EQ(Check({"-durability=memory"})->durability, Durability::kMemory);
  EXPECT_EQ(Check({})->max_connections, 0);
  EXPECT_EQ(Check({"-max-connections=1000"})->max_connections, 1000);
  EXPECT_EQ(Check({"-max-defer-timeout=8760h"})->max_defer_timeout, std::chrono::hours(8760));
  EXPECT_FALSE(Check({"-enable-experiment=other"})->topology_aware);
}

TEST_F(CheckOptionsTest, RefusesInTheOriginalsWords) {
  const struct {
    Strings arguments;
    std::string text;
  } cases[] = {
      {{"-max-deflate-level=0"}, "--max-deflate-level must be [1,9]"},
      {{"-max-deflate-level=10", "-deflate=false"}, "--max-deflate-level must be [1,9]"},
      {{"-node-id=-1"}, "--node-id must be [0,1024)"},
      {{"-node-id=1024"}, "--node-id must be [0,1024)"},
      {{"-tls-key=/none.key"}, "failed to build TLS config - open : no such file or directory"},
      {{"-tls-cert=/none.crt", "-tls-key=/none.key"},
       "failed to build TLS config - open /none.crt: no such file or directory"},
      {{"-tls-required"}, "cannot require TLS client connections without TLS key and cert"},
      {{"-tls-required=tcp-https"},
       "cannot require TLS client connections without TLS key and cert"},
      {{"-tls-client-auth-policy=x"},
       "cannot require TLS client connections without TLS key and cert"},
      {{"-tls-root-ca-file=/none.ca"},
       "failed to build client TLS config - open /none.ca: no such file or directory"},
      {{"-auth-http-request-method=GET"}, "--auth-http-request-method must be post or get"},
      {{"-e2e-processing-latency-percentile=0"}, "invalid E2E processing latency percentile: 0"},
      {{"-e2e-processing-latency-percentile=0.5,1.5"},
       "invalid E2E processing latency percentile: 1.5"},
  };
  for (const auto& c : cases) EXPECT_EQ(Refusal(c.arguments), c.text);
}

TEST_F(CheckOptionsTest, OfSeveralMistakesTheFirstIsTold) {
  Strings arguments = {"-max-deflate-level=0",
                       "-node-id=-1",
                       "-tls-required",
                       "-tls-root-ca-file=/none.ca",
                       "-auth-http-request-method=x",
                       "-e2e-processing-latency-percentile=2",
                       "-mem-queue-size=-1"};
  const std::string texts[] = {"--max-deflate-level must be [1,9]",
                               "--node-id must be [0,1024)",
                               "cannot require TLS client connections without TLS key and cert",
                               "failed to build client TLS config - open /none.ca: no such file or "
                               "directory",
                               "--auth-http-request-method must be post or get",
                               "invalid E2E processing latency percentile: 2",
                               "--mem-queue-size must be >= 0"};
  for (const std::string& text : texts) {
    EXPECT_EQ(Refusal(arguments), text);
    arguments.erase(arguments.begin());
  }
}

TEST_F(CheckOptionsTest, RefusesWhatWouldBreakLater) {
  const struct {
    Strings arguments;
    std::string text;
  } cases[] = {
      {{"-mem-queue-size=-1"}, "--mem-queue-size must be >= 0"},
      {{"-sync-timeout=0"}, "--sync-timeout must be > 0"},
      {{"-output-buffer-timeout=-1s"}, "--output-buffer-timeout must be > 0"},
      {{"-msg-timeout=0"}, "--msg-timeout must be > 0"},
      {{"-max-msg-size=0"}, "--max-msg-size must be > 0"},
      {{"-max-body-size=-1"}, "--max-body-size must be > 0"},
      {{"-max-bytes-per-file=0"}, "--max-bytes-per-file must be > 0"},
      {{"-memory-budget=0"}, "--memory-budget must be > 0"},
      {{"-max-connections=-1"}, "--max-connections is out of range"},
      {{"-max-defer-timeout=-1s"}, "--max-defer-timeout must be >= 0"},
      {{"-loops=0"}, "--loops must be [1,256]"},
      {{"-loops=4150"}, "--loops must be [1,256]"},
      {{"-broadcast-tcp-port=99999999999"}, "--broadcast-tcp-port is out of range"},
      {{"-statsd-address=h:1", "-statsd-interval=1s"}, "--statsd-interval must be > 1s"},
      {{"-statsd-interval=1s"}, "(starts)"},
      {{"-e2e-processing-latency-percentile=1", "-e2e-processing-latency-window-time=0"},
       "--e2e-processing-latency-window-time must be > 0"},
      {{"-e2e-processing-latency-window-time=0"}, "(starts)"},
  };
  for (const auto& c : cases) EXPECT_EQ(Refusal(c.arguments), c.text);
  const std::string file = File("nsqd.toml", "durability = \"disk\"\n");
  EXPECT_EQ(Refusal({"-config=" + file}), "--durability must be memory, os or fsync");
}

TEST_F(CheckOptionsTest, StatsdAndLatencyOptionsArrive) {
  const Result<Options> options =
      Check({"-statsd-address=h:1", "-statsd-interval=7s", "-statsd-mem-stats=false",
             "-statsd-prefix=p", "-statsd-udp-packet-size=-1", "-statsd-exclude-ephemeral",
             "-e2e-processing-latency-percentile=0.5,0.99",
             "-e2e-processing-latency-window-time=3m", "-enable-experiment=other"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->statsd_address, "h:1");
  EXPECT_EQ(options->statsd_interval, seconds(7));
  EXPECT_FALSE(options->statsd_mem_stats);
  EXPECT_EQ(options->statsd_prefix, "p");
  EXPECT_EQ(options->statsd_udp_packet_size, -1);
  EXPECT_TRUE(options->statsd_exclude_ephemeral);
  EXPECT_EQ(options->e2e_processing_latency_percentiles, (std::vector<double>{0.99, 0.5}));
  EXPECT_EQ(options->e2e_processing_latency_window_time, std::chrono::minutes(3));
}

TEST_F(CheckOptionsTest, TlsFilesAreRead) {
  TestAuthority authority;
  const auto pair = authority.Issue("server");
  const auto other = authority.Issue("other");
  const std::string empty = File("empty", "");
  const Strings good = {"-tls-cert=" + pair.cert_file, "-tls-key=" + pair.key_file};
  const auto with = [&good](Strings more) {
    more.insert(more.begin(), good.begin(), good.end());
    return more;
  };
  EXPECT_EQ(Refusal(good), "(starts)");
  EXPECT_EQ(Refusal(with({"-tls-root-ca-file=" + authority.ca_file()})), "(starts)");
  EXPECT_EQ(Refusal(with({"-tls-root-ca-file=" + empty})),
            "failed to build TLS config - failed to append certificate to pool");
  EXPECT_EQ(Refusal({"-tls-root-ca-file=" + empty}),
            "failed to build client TLS config - failed to append certificate to pool");
  EXPECT_EQ(Refusal({"-tls-root-ca-file=" + folder_}),
            "failed to build client TLS config - read " + folder_ + ": is a directory");
  EXPECT_EQ(Refusal({"-tls-cert=" + pair.cert_file}),
            "failed to build TLS config - open : no such file or directory");
  EXPECT_EQ(Refusal({"-tls-cert=" + pair.cert_file, "-tls-key=" + other.key_file}),
            "failed to build TLS config - tls: private key does not match public key");
}

TEST_F(CheckOptionsTest, TlsRequiredInItsThreeForms) {
  TestAuthority authority;
  const auto pair = authority.Issue("server");
  const auto required = [this, &pair](Strings more) {
    more.insert(more.begin(), {"-tls-cert=" + pair.cert_file, "-tls-key=" + pair.key_file});
    return Check(more)->tls_required;
  };
  EXPECT_EQ(required({}), TlsRequired::kNo);
  EXPECT_EQ(required({"-tls-required=tcp-https"}), TlsRequired::kTcp);
  EXPECT_EQ(required({"-tls-required=tcp-https", "-tls-client-auth-policy=require"}),
            TlsRequired::kTcp);
  EXPECT_EQ(required({"-tls-required"}), TlsRequired::kEverywhere);
  EXPECT_EQ(required({"-tls-client-auth-policy=require"}), TlsRequired::kEverywhere);
  EXPECT_EQ(required({"-tls-required=false", "-tls-client-auth-policy=x"}),
            TlsRequired::kEverywhere);
}

// The keys that the sample file of the original sets (spec, nsqd-config 3.2).
TEST_F(CheckOptionsTest, TheSampleFileOfTheOriginalLoads) {
  const std::string file = File("nsqd.cfg", R"(
log_level = "info"
tcp_address = "0.0.0.0:4150"
http_address = "0.0.0.0:4151"
# id = 5150
nsqlookupd_tcp_addresses = ["127.0.0.1:4160"]
http_client_connect_timeout = "2s"
http_client_request_timeout = "5s"
mem_queue_size = 10000
max_bytes_per_file = 104857600
sync_every = 2500
sync_timeout = "2s"
msg_timeout = "60s"
max_msg_timeout = "15m"
max_msg_size = 1024768
max_req_timeout = "1h"
max_body_size = 5123840
max_heartbeat_interval = "60s"
max_rdy_count = 2500
max_output_buffer_size = 65536
max_output_buffer_timeout = "1s"
statsd_prefix = "nsq.%s"
statsd_interval = "60s"
statsd_mem_stats = true
e2e_processing_latency_percentiles = [1.0, 0.99, 0.95]
e2e_processing_latency_window_time = "10m"
tls_cert = ""
tls_key = ""
tls_required = false
tls_min_version = ""
deflate = true
max_deflate_level = 6
snappy = true
)");
  const Result<Options> options = Check({"-config", file, "-max-rdy-count=7"});
  ASSERT_TRUE(options.ok()) << options.status().ToString();
  EXPECT_EQ(options->lookupd_tcp_addresses, Strings{"127.0.0.1:4160"});
  EXPECT_EQ(options->max_msg_size, 1024768);
  EXPECT_EQ(options->max_body_size, 5123840);
  EXPECT_EQ(options->max_output_buffer_timeout, seconds(1));
  EXPECT_EQ(options->max_rdy_count, 7) << "the command line wins";
}

}  // namespace
}  // namespace nsq::nsqd
