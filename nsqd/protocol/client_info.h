#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/time.h"

namespace nsq::nsqd {

class Authorizations;

// What names a connection in all of the daemon, on whichever loop it lives; never given twice.
struct ConnectionId {
  uint64_t value = 0;

  friend auto operator<=>(ConnectionId, ConnectionId) = default;
};

// The interval in force until a client asks for another; the original has no flag for it.
inline constexpr Duration kDefaultHeartbeatInterval = seconds(30);

// What IDENTIFY can change.
struct Terms {
  Duration heartbeat_interval = kDefaultHeartbeatInterval;  // zero: no heartbeats, no deadlines
  Duration msg_timeout{0};
  int32_t sample_rate = 0;
  int64_t output_buffer_size = 16384;
  Duration output_buffer_timeout{0};
};

// The numbers are those of /stats.
enum class ClientState : int { kInit = 0, kSubscribed = 3, kClosing = 4 };

// What is known of a client. Moves with its connection.
struct ClientInfo {
  std::string remote_address;
  std::string remote_ip;  // of a Unix socket: nothing
  WallTime connected_at;
  std::string client_id;  // the remote host until IDENTIFY
  std::string hostname;
  std::string user_agent;
  std::string topology_region;
  std::string topology_zone;
  ClientState state = ClientState::kInit;

  // A client may IDENTIFY more than once. Deadlines and answers follow the last one; heartbeats
  // and delivery go on by the first (spec, nsqd-tcp 3.6).
  bool identified = false;
  Terms terms;
  Terms first_terms;

  // Its layers. Auth servers are told of TLS and of the name in its certificate.
  bool tls = false;
  std::string tls_common_name;
  std::string tls_version;
  std::string tls_cipher_suite;
  bool snappy = false;
  bool deflate = false;

  // Since AUTH: what it may do, until when that holds, and how to ask again. Null: nothing.
  std::shared_ptr<const Authorizations> auth;
  SteadyTime auth_expires;
  std::string auth_secret;

  std::map<std::string, uint64_t, std::less<>> published;  // messages by topic
};

}  // namespace nsq::nsqd
