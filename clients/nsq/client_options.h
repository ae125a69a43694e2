#pragma once

#include <nsq/error.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nsq {

enum class BackoffStrategy { kExponential, kFullJitter };
enum class LeastTls { k10, k11, k12, k13 };

// Options of connections, producers and consumers, with the names that NSQ's Go client gives them.
// Copied when a producer or consumer is made. Durations count nanoseconds; on the wire and in NSQ's
// own units they are milliseconds.
struct ClientOptions {
  using Time = std::chrono::nanoseconds;

  // Connections.
  Time dial_timeout = std::chrono::seconds(1);        // for each address of a name
  Time handshake_timeout = std::chrono::seconds(10);  // from connected to ready, AUTH included
  Time read_timeout = std::chrono::seconds(60);       // silence after which a connection is dead
  Time write_timeout = std::chrono::seconds(5);       // without any progress in sending
  std::string local_addr = {};                        // "host:port" to call from
  int64_t max_msg_size = 256 << 20;                   // of a frame we take from a server

  // What IDENTIFY says.
  std::string client_id = {};   // empty: the hostname up to its first dot
  std::string hostname = {};    // empty: this machine's
  std::string user_agent = {};  // empty: this library's
  std::string topology_region = {};
  std::string topology_zone = {};
  Time heartbeat_interval = std::chrono::seconds(30);           // -1 ns: none, for producers only
  int sample_rate = 0;                                          // 1 to 99: percent of the messages
  int64_t output_buffer_size = 16384;                           // -1: none
  Time output_buffer_timeout = std::chrono::milliseconds(250);  // -1 ns: off; 0: the server's
  Time msg_timeout{0};                                          // 0: the server's

  // TLS, compression, AUTH. TLS that is asked for and not granted is an error; compression a
  // warning, unless `require_compression`.
  bool tls_v1 = false;
  std::string tls_root_ca_file = {};  // empty: the system's authorities
  std::string tls_cert = {};          // both or none
  std::string tls_key = {};
  bool tls_insecure_skip_verify = false;
  LeastTls tls_min_version = LeastTls::k12;
  bool deflate = false;
  int deflate_level = 6;
  bool snappy = false;
  bool require_compression = false;
  std::string auth_secret = {};

  // nsqlookupd.
  Time lookupd_poll_interval = std::chrono::seconds(60);
  double lookupd_poll_jitter = 0.3;
  Time lookupd_poll_timeout = std::chrono::seconds(60);
  // NSQ's name for it is inverted: true means that auth_secret IS sent to nsqlookupd.
  bool skip_lookupd_authorization = true;

  // Consumers.
  int max_in_flight = 1;      // over all connections; 0: paused
  uint16_t max_attempts = 5;  // deliveries after which a message is given up; 0: never
  Time default_requeue_delay = std::chrono::seconds(90);  // times the attempts
  Time max_requeue_delay = std::chrono::minutes(15);
  BackoffStrategy backoff_strategy = BackoffStrategy::kExponential;
  Time max_backoff_duration = std::chrono::minutes(2);  // 0: never back off
  Time backoff_multiplier = std::chrono::seconds(1);
  Time low_rdy_idle_timeout = std::chrono::seconds(10);
  Time low_rdy_timeout = std::chrono::seconds(30);
  Time rdy_redistribute_interval = std::chrono::seconds(5);
  // Connections that could do with more get what others do not use, instead of all the same; not
  // an option of NSQ's Go client.
  bool rdy_on_demand = false;

  // Sets an option by its name ('-' and '_' are the same) from text: a number in decimal, a
  // duration with its unit ("1m30s"), a bool ("true", "f", "1"). kInvalidArgument with the texts of
  // NSQ's tools: "invalid option nope", "invalid read_timeout ! 10ms < 100ms".
  Expected<void> Set(std::string_view name, std::string_view text);

  // "name,text", or "name" alone for a bool: what -consumer-opt takes.
  Expected<void> SetPair(std::string_view pair);

  // What no single option shows: "HeartbeatInterval 2m0s must be less than ReadTimeout 1m0s".
  Expected<void> Validate() const;
};

}  // namespace nsq
