#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nsqd/options.h"
#include "nsqd/protocol/client_info.h"
#include "nsqd/protocol/errors.h"

namespace nsq::nsqd {

// The JSON body of IDENTIFY, unchecked. 0 and what is left out mean "keep"; times are in ms.
struct IdentifyRequest {
  std::string client_id;
  std::string hostname;
  std::string user_agent;
  bool feature_negotiation = false;
  int64_t heartbeat_interval = 0;
  int64_t output_buffer_size = 0;
  int64_t output_buffer_timeout = 0;
  bool tls_v1 = false;
  bool deflate = false;
  int64_t deflate_level = 0;
  bool snappy = false;
  int32_t sample_rate = 0;
  int64_t msg_timeout = 0;
  std::string topology_region;
  std::string topology_zone;
};

// Reads it as Go's decoder does: any case of letters in keys, the last of several, null for "left
// out", unknown keys skipped, no 1.0 for 1 (spec, nsqd-tcp 3.1). Nothing if it is not such JSON.
std::optional<IdentifyRequest> DecodeIdentify(std::string_view json);

// Checks the request and puts what it asks for into `client`, or says what is wrong with it;
// `client` means nothing then.
std::optional<Refusal> ApplyIdentify(const IdentifyRequest& request, const Options& options,
                                     ClientInfo* client);

// What comes between the connection and the session behind the answer to an IDENTIFY, in this
// order.
struct Layers {
  bool tls = false;
  bool snappy = false;
  bool deflate = false;
  int deflate_level = 0;  // shown also without deflate

  bool any() const { return tls || snappy || deflate; }
};

// What the request asks for and the daemon has; `tls`: it has a certificate. Both compressions
// may be in it: such a client is to be refused.
Layers GrantLayers(const IdentifyRequest& request, const Options& options, bool tls);

// The answer to a client that negotiates features, in the original's order of keys.
std::string IdentifyResponse(const ClientInfo& client, const Layers& layers,
                             const Options& options);

// For the log, worded as the original's.
std::string ToString(const IdentifyRequest& request);

}  // namespace nsq::nsqd
