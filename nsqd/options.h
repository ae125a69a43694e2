#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/log.h"
#include "common/time.h"
#include "nsqd/storage/segmented_log.h"

namespace nsq::nsqd {

// Whom nsqd refuses without TLS; the numbers are those of GET /config.
enum class TlsRequired : int {
  kNo = 0,
  kTcp = 1,         // "tcp-https": TCP clients, plain HTTP stays open
  kEverywhere = 2,  // ... and plain HTTP
};

// Everything nsqd can be told at start, by its flag's name with `_` for `-`; filled from flags and
// config file once, then immutable. Ranges are checked there (daemon/flags/check_options.cc), not
// where used.
struct Options {
  // general
  LogLevel log_level = LogLevel::kInfo;
  std::string log_prefix = "[nsqd] ";
  uint16_t node_id = 0;  // 0..1023
  int loops = 1;

  // network
  std::string tcp_address = "0.0.0.0:4150";
  std::string http_address = "0.0.0.0:4151";
  std::string https_address = "0.0.0.0:4152";  // only with a certificate
  std::string broadcast_address;
  int broadcast_tcp_port = 0;   // 0: the one bound
  int broadcast_http_port = 0;  // 0: the one bound
  std::vector<std::string> lookupd_tcp_addresses;
  std::vector<std::string> auth_http_addresses;  // not empty: clients must AUTH
  bool auth_http_post = false;                   // else GET
  Duration http_client_connect_timeout = seconds(2);
  Duration http_client_request_timeout = seconds(5);
  std::string tls_cert;                // } both or none: no TLS
  std::string tls_key;                 // }
  std::string tls_client_auth_policy;  // require, require-verify; other words ask for nothing
  TlsRequired tls_required = TlsRequired::kNo;
  std::string tls_root_ca_file;  // empty: the system's
  int tls_min_version = 0x0301;  // TLS 1.0, as on the wire
  std::string topology_region;
  std::string topology_zone;
  bool topology_aware = false;  // near consumers first

  // leaving
  bool drain_on_sigterm = false;
  Duration drain_timeout = std::chrono::minutes(5);  // zero: none

  // storage
  std::string data_path;
  Durability durability = Durability::kOs;
  int64_t mem_queue_size = 10000;
  int64_t memory_budget_bytes = int64_t{256} << 20;
  int64_t disk_reserve_bytes = 0;  // 0: see DiskRoom
  int64_t max_bytes_per_file = 104857600;
  int64_t sync_every = 2500;
  Duration sync_timeout = seconds(2);

  // A client that has not said its magic by then is closed. No flag: nobody needs longer.
  Duration magic_timeout = seconds(60);

  // messages
  Duration msg_timeout = seconds(60);
  Duration max_msg_timeout = std::chrono::minutes(15);
  int64_t max_msg_size = 1048576;
  int64_t max_body_size = 5242880;
  Duration max_req_timeout = std::chrono::hours(1);    // of REQ
  Duration max_defer_timeout = std::chrono::hours(1);  // of DPUB and /pub?defer=

  // statsd and latency
  std::string statsd_address;  // empty: none
  Duration statsd_interval = std::chrono::minutes(1);
  bool statsd_mem_stats = true;
  std::string statsd_prefix = "nsq.%s";
  int64_t statsd_udp_packet_size = 508;
  bool statsd_exclude_ephemeral = false;
  std::vector<double> e2e_processing_latency_percentiles;  // none: nothing is measured
  Duration e2e_processing_latency_window_time = std::chrono::minutes(10);

  // clients
  Duration max_heartbeat_interval = seconds(60);
  int64_t max_rdy_count = 2500;
  int64_t max_output_buffer_size = 65536;
  Duration max_output_buffer_timeout = seconds(30);
  Duration min_output_buffer_timeout = milliseconds(25);
  Duration output_buffer_timeout = milliseconds(250);
  int max_channel_consumers = 0;  // 0: no limit
  int max_connections = 0;        // of TCP clients, and of HTTP clients; 0: no limit
  bool deflate = true;
  int max_deflate_level = 6;
  bool snappy = true;
};

// Messages an MPUB may hold: the smallest takes five bytes of its body (spec, nsqd-tcp 2.4).
inline int64_t MaxMpubMessages(const Options& options) { return (options.max_body_size - 4) / 5; }

}  // namespace nsq::nsqd
