#include "nsqd/daemon/flags/check_options.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string_view>

#include "common/config/config.h"
#include "common/strings.h"
#include "common/wire/json.h"
#include "nsqd/daemon/tls/tls_setup.h"

namespace nsq::nsqd {
namespace {

// No message, file or memory is larger, and it may be multiplied and added to.
constexpr int64_t kMaxBytes = int64_t{1} << 48;
// A frame's size is 32 bits with a sign, in front of type, timestamp, attempts and id.
constexpr int64_t kMaxMessageBytes = std::numeric_limits<int32_t>::max() - 64;
constexpr int64_t kMaxLoops = 256;  // more than that is a mistyped port

Status Invalid(std::string detail) { return Status(Code::kInvalid, std::move(detail)); }

// A size that means "no limit" by being as large as can be is one that can be counted with.
int64_t Bytes(const Config& config, std::string_view name) {
  return std::min(config.Int(name), kMaxBytes);
}

Options TlsOptions(const Config& config) {
  Options options;
  options.tls_cert = config.String("tls-cert");
  options.tls_key = config.String("tls-key");
  options.tls_client_auth_policy = config.String("tls-client-auth-policy");
  options.tls_root_ca_file = config.String("tls-root-ca-file");
  options.tls_required = static_cast<TlsRequired>(config.Int("tls-required"));
  options.tls_min_version = static_cast<int>(config.Int("tls-min-version"));
  // As the original: whoever asks for certificates means it, whatever the word.
  if (options.tls_required == TlsRequired::kNo && !options.tls_client_auth_policy.empty()) {
    options.tls_required = TlsRequired::kEverywhere;
  }
  return options;
}

Status CheckTls(const Config& config) {
  const Options options = TlsOptions(config);
  const Result<TlsContexts> contexts = LoadTls(options);
  if (!contexts.ok()) return Invalid("failed to build TLS config - " + contexts.status().detail());
  if (options.tls_required != TlsRequired::kNo && !contexts->any()) {
    return Invalid("cannot require TLS client connections without TLS key and cert");
  }
  if (options.tls_root_ca_file.empty()) return Status();
  const Status status = CheckRootCaFile(options.tls_root_ca_file);
  return status.ok() ? status : Invalid("failed to build client TLS config - " + status.detail());
}

Status CheckPercentiles(const Config& config) {
  const std::vector<double> percentiles = config.Floats("e2e-processing-latency-percentile");
  for (const double percentile : percentiles) {
    if (percentile > 0 && percentile <= 1) continue;
    std::string text = "invalid E2E processing latency percentile: ";
    AppendJsonNumber(percentile, &text);
    return Invalid(text);
  }
  if (percentiles.empty()) return Status();
  if (config.Time("e2e-processing-latency-window-time") <= Duration::zero()) {
    return Invalid("--e2e-processing-latency-window-time must be > 0");
  }
  return Status();
}

Status CheckStatsd(const Config& config) {
  if (config.String("statsd-address").empty()) return Status();
  // The pushes of one interval are spread over all of it but a second.
  if (config.Time("statsd-interval") <= seconds(1)) {
    return Invalid("--statsd-interval must be > 1s");
  }
  return Status();
}

// What the original accepts, and then breaks on when it is used.
Status CheckRanges(const Config& config) {
  for (const char* const name :
       {"max-msg-size", "max-body-size", "max-bytes-per-file", "memory-budget"}) {
    if (config.Int(name) <= 0) return Invalid(StrCat("--", name, " must be > 0"));
  }
  if (config.Int("disk-reserve") < 0) return Invalid("--disk-reserve must be >= 0");
  if (config.Int("mem-queue-size") < 0) return Invalid("--mem-queue-size must be >= 0");
  for (const char* const name : {"sync-timeout", "output-buffer-timeout", "msg-timeout"}) {
    if (config.Time(name) <= Duration::zero()) return Invalid(StrCat("--", name, " must be > 0"));
  }
  for (const char* const name : {"max-defer-timeout", "drain-timeout"}) {
    if (config.Time(name) < Duration::zero()) return Invalid(StrCat("--", name, " must be >= 0"));
  }
  for (const char* const name :
       {"broadcast-tcp-port", "broadcast-http-port", "max-channel-consumers", "max-connections"}) {
    if (config.Int(name) < 0 || config.Int(name) > std::numeric_limits<int>::max()) {
      return Invalid(StrCat("--", name, " is out of range"));
    }
  }
  const int64_t loops = config.Int("loops");
  if (loops < 1 || loops > kMaxLoops) return Invalid(StrCat("--loops must be [1,", kMaxLoops, "]"));
  return Status();
}

Status Check(const Config& config) {
  const int64_t level = config.Int("max-deflate-level");
  if (level < 1 || level > 9) return Invalid("--max-deflate-level must be [1,9]");
  const int64_t node_id = config.Int("node-id");
  if (node_id < 0 || node_id >= 1024) return Invalid("--node-id must be [0,1024)");
  if (const Status status = CheckTls(config); !status.ok()) return status;
  const std::string method = config.String("auth-http-request-method");
  if (method != "get" && method != "post") {
    return Invalid("--auth-http-request-method must be post or get");
  }
  if (const Status status = CheckPercentiles(config); !status.ok()) return status;

  // Ours, behind all that the original checks.
  if (const Status status = CheckStatsd(config); !status.ok()) return status;
  if (const Status status = CheckRanges(config); !status.ok()) return status;
  if (!ParseDurability(config.String("durability"))) {
    return Invalid("--durability must be memory, os or fsync");
  }
  return Status();
}

}  // namespace

Result<Options> CheckOptions(const Config& config) {
  if (Status status = Check(config); !status.ok()) return status;
  Options options = TlsOptions(config);
  options.log_level = config.Level("log-level");
  options.log_prefix = config.String("log-prefix");
  options.node_id = static_cast<uint16_t>(config.Int("node-id"));
  options.loops = static_cast<int>(config.Int("loops"));

  options.tcp_address = config.String("tcp-address");
  options.http_address = config.String("http-address");
  options.https_address = config.String("https-address");
  options.broadcast_address = config.String("broadcast-address");
  options.broadcast_tcp_port = static_cast<int>(config.Int("broadcast-tcp-port"));
  options.broadcast_http_port = static_cast<int>(config.Int("broadcast-http-port"));
  options.lookupd_tcp_addresses = config.Strings("lookupd-tcp-address");
  options.auth_http_addresses = config.Strings("auth-http-address");
  options.auth_http_post = config.String("auth-http-request-method") == "post";
  options.http_client_connect_timeout = config.Time("http-client-connect-timeout");
  options.http_client_request_timeout = config.Time("http-client-request-timeout");
  options.topology_region = config.String("topology-region");
  options.topology_zone = config.String("topology-zone");
  for (const std::string& experiment : config.Strings("enable-experiment")) {
    options.topology_aware |= experiment == "topology-aware-consumption";
  }

  options.drain_on_sigterm = config.Bool("drain-on-sigterm");
  options.drain_timeout = config.Time("drain-timeout");

  options.data_path = config.String("data-path");
  options.durability = *ParseDurability(config.String("durability"));
  options.mem_queue_size = config.Int("mem-queue-size");
  options.memory_budget_bytes = Bytes(config, "memory-budget");
  options.disk_reserve_bytes = Bytes(config, "disk-reserve");
  options.max_bytes_per_file = Bytes(config, "max-bytes-per-file");
  options.sync_every = config.Int("sync-every");
  options.sync_timeout = config.Time("sync-timeout");

  options.msg_timeout = config.Time("msg-timeout");
  options.max_msg_timeout = config.Time("max-msg-timeout");
  options.max_msg_size = std::min(Bytes(config, "max-msg-size"), kMaxMessageBytes);
  options.max_body_size = Bytes(config, "max-body-size");
  options.max_req_timeout = config.Time("max-req-timeout");
  options.max_defer_timeout = config.Time("max-defer-timeout");
  if (options.max_defer_timeout == Duration::zero()) {
    options.max_defer_timeout = options.max_req_timeout;
  }

  options.statsd_address = config.String("statsd-address");
  options.statsd_interval = config.Time("statsd-interval");
  options.statsd_mem_stats = config.Bool("statsd-mem-stats");
  options.statsd_prefix = config.String("statsd-prefix");
  options.statsd_udp_packet_size = config.Int("statsd-udp-packet-size");
  options.statsd_exclude_ephemeral = config.Bool("statsd-exclude-ephemeral");
  options.e2e_processing_latency_percentiles = config.Floats("e2e-processing-latency-percentile");
  options.e2e_processing_latency_window_time = config.Time("e2e-processing-latency-window-time");

  options.max_heartbeat_interval = config.Time("max-heartbeat-interval");
  options.max_rdy_count = config.Int("max-rdy-count");
  options.max_output_buffer_size = config.Int("max-output-buffer-size");
  options.max_output_buffer_timeout = config.Time("max-output-buffer-timeout");
  options.min_output_buffer_timeout = config.Time("min-output-buffer-timeout");
  options.output_buffer_timeout = config.Time("output-buffer-timeout");
  options.max_channel_consumers = static_cast<int>(config.Int("max-channel-consumers"));
  options.max_connections = static_cast<int>(config.Int("max-connections"));
  options.deflate = config.Bool("deflate");
  options.snappy = config.Bool("snappy");
  options.max_deflate_level = static_cast<int>(config.Int("max-deflate-level"));
  return options;
}

}  // namespace nsq::nsqd
