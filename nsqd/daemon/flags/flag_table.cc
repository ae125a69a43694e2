#include "nsqd/daemon/flags/flag_table.h"

#include <algorithm>
#include <thread>

#include "common/strings.h"
#include "nsqd/daemon/flags/node_id.h"

namespace nsq::nsqd {
namespace {

std::string CheckDurability(std::string_view text) {
  if (text == "memory" || text == "os" || text == "fsync") return "";
  return "must be memory, os or fsync";
}

}  // namespace

std::vector<Flag> FlagTable(const std::string& hostname) {
  using enum Kind;
  const std::string node_id = StrCat(NodeIdOf(hostname));
  // The other half is for the kernel's part of the sockets, for helper threads and for the clients
  // on this host; on two cores a second loop costs a lone publisher five times the CPU in wake-ups.
  const std::string loops = StrCat(std::max(std::thread::hardware_concurrency() / 2, 1u));

  std::vector<Flag> flags;
  std::string group;
  const auto add = [&](std::string name, std::string key, Kind kind, std::string fallback,
                       std::string help) -> Flag& {
    return flags.emplace_back(
        Flag{std::move(name), std::move(key), kind, std::move(fallback), group, std::move(help)});
  };

  group = "General";
  add("version", "", kBool, "false", "print the version and exit");
  add("verify", "", kBool, "false",
      "read the data path without a daemon, say what is there and what is damaged, and exit: 0 all "
      "is well, 1 damage, 2 it cannot be read");
  add("salvage", "", kString, "",
      "with --verify: where messages go that are still wanted: - (stdout, a line of JSON each) or "
      "the HTTP address of another nsqd (http://host:4151)");
  add("config", "", kString, "", "path of a TOML config file; flags win over it");
  add("log-level", "log_level", kLogLevel, "info",
      "least important level that is logged: debug, info, warn, error or fatal");
  add("log-prefix", "log_prefix", kString, "[nsqd] ", "what each log line begins with");
  add("verbose", "", kBool, "false", "deprecated, no effect: use --log-level");
  add("node-id", "id", kInt, node_id,
      "this node's part of message ids, 0 to 1023; by default from the host's name");
  add("worker-id", "", kBool, "false", "deprecated, no effect: use --node-id");
  add("enable-experiment", "enable_experiment", kStringList, "",
      "experimental feature to switch on: topology-aware-consumption");
  add("loops", "loops", kInt, loops,
      "event loops, each a thread; topics and connections are spread over them");

  add("drain-on-sigterm", "drain_on_sigterm", kBool, "false",
      "drain at the first SIGTERM: refuse to publish, let consumers finish what there is, then "
      "leave; a second one stops at once");
  add("drain-timeout", "drain_timeout", kDuration, "5m0s",
      "the longest that a drain may take, then the rest stays on the disk; 0: as long as it takes");

  group = "Network and discovery";
  add("tcp-address", "tcp_address", kString, "0.0.0.0:4150",
      "<addr>:<port> to listen on for TCP clients, or the path of a Unix socket");
  add("http-address", "http_address", kString, "0.0.0.0:4151",
      "<addr>:<port> to listen on for HTTP clients, or the path of a Unix socket; empty: no HTTP");
  add("https-address", "https_address", kString, "0.0.0.0:4152",
      "<addr>:<port> to listen on for HTTPS clients, if there is a certificate");
  add("broadcast-address", "broadcast_address", kString, hostname,
      "address under which nsqlookupd makes this node known");
  add("broadcast-tcp-port", "broadcast_tcp_port", kInt, "0",
      "TCP port under which nsqlookupd makes this node known; 0: the one it listens on");
  add("broadcast-http-port", "broadcast_http_port", kInt, "0",
      "HTTP port under which nsqlookupd makes this node known; 0: the one it listens on");
  add("lookupd-tcp-address", "nsqlookupd_tcp_addresses", kStringList, "",
      "TCP address of an nsqlookupd");
  add("auth-http-address", "auth_http_addresses", kStringList, "",
      "<addr>:<port> or URL of an auth server; clients must authenticate if there is one");
  add("auth-http-request-method", "auth_http_request_method", kString, "get",
      "how auth servers are asked: get or post");
  add("http-client-connect-timeout", "http_client_connect_timeout", kDuration, "2s",
      "time to connect to an auth server or to an nsqlookupd's HTTP port");
  add("http-client-request-timeout", "http_client_request_timeout", kDuration, "5s",
      "time for a whole request to an auth server or to an nsqlookupd's HTTP port");
  add("topology-region", "topology_region", kString, "", "region this node is in");
  add("topology-zone", "topology_zone", kString, "", "zone this node is in");
  add("max-connections", "max_connections", kInt, "0",
      "TCP clients at most, and HTTP clients at most, each counted for itself; more are told why "
      "and closed; 0: no limit");

  group = "Queues and storage";
  add("data-path", "data_path", kString, "",
      "directory of all files, which must exist; empty: the working directory");
  add("durability", "durability", kString, "os",
      "when a publish is answered: memory (at once, as the original), os (when the kernel has it: "
      "survives kill -9) or fsync (when the disk has it: survives a power cut)")
      .check = CheckDurability;
  add("mem-queue-size", "mem_queue_size", kInt, "10000",
      "messages of a topic that stay in memory beside being in its log; the most that an "
      "#ephemeral topic or channel holds");
  add("memory-budget", "memory_budget", kInt, "268435456",
      "bytes of messages that all topics together keep in memory");
  add("disk-reserve", "disk_reserve", kInt, "0",
      "bytes of the file system that messages leave free: with less, publishing is refused and "
      "consumers go on; 0: a 16th of it, 64 MiB at most");
  add("max-bytes-per-file", "max_bytes_per_file", kInt, "104857600",
      "bytes after which a topic's log begins a new file");
  add("sync-every", "sync_every", kInt, "2500", "messages after which a log is synced to the disk");
  add("sync-timeout", "sync_timeout", kDuration, "2s",
      "time after which what was written is synced to the disk");
  add("queue-scan-worker-pool-max", "queue_scan_worker_pool_max", kInt, "4",
      "accepted, no effect: nothing has to scan channels");
  add("queue-scan-selection-count", "queue_scan_selection_count", kInt, "20",
      "accepted, no effect: nothing has to scan channels");

  group = "Messages and commands";
  add("msg-timeout", "msg_timeout", kDuration, "1m0s",
      "time a consumer has for a message before somebody else gets it");
  add("max-msg-timeout", "max_msg_timeout", kDuration, "15m0s",
      "the most that a client may set or TOUCH its message timeout to");
  add("max-msg-size", "max_msg_size", kInt, "1048576", "bytes of one message at most");
  add("max-body-size", "max_body_size", kInt, "5242880",
      "bytes of the body of one command at most");
  add("max-req-timeout", "max_req_timeout", kDuration, "1h0m0s",
      "the longest that a consumer may put a message back for; more is cut down to it");
  add("max-defer-timeout", "max_defer_timeout", kDuration, "0s",
      "the longest that a message may be published for later, days if you like; 0: as "
      "--max-req-timeout");

  group = "What clients may negotiate";
  add("max-heartbeat-interval", "max_heartbeat_interval", kDuration, "1m0s",
      "the longest heartbeat interval a client may ask for");
  add("max-rdy-count", "max_rdy_count", kInt, "2500", "the highest RDY count of a client");
  add("max-output-buffer-size", "max_output_buffer_size", kInt, "65536",
      "the largest output buffer a client may ask for, in bytes");
  add("max-output-buffer-timeout", "max_output_buffer_timeout", kDuration, "30s",
      "the longest output buffering a client may ask for");
  add("min-output-buffer-timeout", "min_output_buffer_timeout", kDuration, "25ms",
      "the shortest output buffering a client may ask for");
  add("output-buffer-timeout", "output_buffer_timeout", kDuration, "250ms",
      "output buffering of clients that do not ask");
  add("max-channel-consumers", "max_channel_consumers", kInt, "0",
      "consumers of one channel on this node at most; 0: no limit");

  group = "statsd and latency";
  add("statsd-address", "statsd_address", kString, "",
      "UDP <addr>:<port> of a statsd daemon to push figures to");
  add("statsd-interval", "statsd_interval", kDuration, "1m0s", "time between two pushes");
  add("statsd-mem-stats", "statsd_mem_stats", kBool, "true", "push memory figures too");
  add("statsd-prefix", "statsd_prefix", kString, "nsq.%s",
      "what all keys begin with; %s stands for the host");
  add("statsd-udp-packet-size", "statsd_udp_packet_size", kInt, "508", "bytes of a datagram");
  add("statsd-exclude-ephemeral", "statsd_exclude_ephemeral", kBool, "false",
      "leave out #ephemeral topics and channels");
  add("e2e-processing-latency-percentile", "e2e_processing_latency_percentiles", kFloatList, "",
      "quantiles of the time from publish to FIN to track, above 0 and up to 1.0");
  add("e2e-processing-latency-window-time", "e2e_processing_latency_window_time", kDuration,
      "10m0s", "time the quantiles look back");

  group = "TLS and compression";
  add("tls-cert", "tls_cert", kString, "",
      "path of the certificate, PEM; SIGHUP reads all certificates again");
  add("tls-key", "tls_key", kString, "", "path of the certificate's key, PEM");
  add("tls-client-auth-policy", "tls_client_auth_policy", kString, "",
      "client certificates: require or require-verify; TLS is required then");
  add("tls-root-ca-file", "tls_root_ca_file", kString, "",
      "path of the certificates of authorities, PEM");
  add("tls-required", "tls_required", kTlsRequired, "false",
      "refuse clients without TLS: true, false, or tcp-https");
  add("tls-min-version", "tls_min_version", kTlsMinVersion, "tls1.0",
      "the oldest TLS that is spoken: tls1.0, tls1.1, tls1.2 or tls1.3");
  add("deflate", "deflate", kBool, "true", "let clients negotiate deflate");
  add("max-deflate-level", "max_deflate_level", kInt, "6",
      "the highest deflate level a client may ask for, 1 to 9");
  add("snappy", "snappy", kBool, "true", "let clients negotiate snappy");
  return flags;
}

}  // namespace nsq::nsqd
