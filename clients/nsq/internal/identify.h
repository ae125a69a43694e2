#pragma once

#include <nsq/client_options.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/time.h"

namespace nsq::client {

// What a server answered to IDENTIFY.
struct ServerTraits {
  int max_rdy = 2500;
  Duration msg_timeout = seconds(60);
  Duration max_msg_timeout = seconds(900);
  std::string version;
  bool tls_v1 = false;
  bool deflate = false;
  bool snappy = false;
  int deflate_level = 6;
  bool auth_required = false;
};

// "mars.example.org"
std::string MachineName();

// The JSON of IDENTIFY, keys sorted.
std::string IdentifyBody(const ClientOptions& options);

// An answer that is no JSON comes from a server without negotiation, and is fine. False if it looks
// like JSON and is none.
bool ParseIdentifyAnswer(std::string_view answer, ServerTraits* traits);

}  // namespace nsq::client
