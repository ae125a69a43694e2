#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "common/time.h"

namespace nsq::nsqd {

// What this nsqd tells each nsqlookupd about itself.
struct LookupIdentity {
  std::string broadcast_address;
  std::string hostname;
  int tcp_port = 0;
  int http_port = 0;
  std::string topology_region;
  std::string topology_zone;
  bool draining = false;  // said only if so: an extension that other nsqlookupds ignore
};

struct LookupLimits {
  size_t max_reply_bytes = 5242880;  // --max-body-size; a longer answer ends the connection
  Duration dial_timeout = seconds(1);
  Duration answer_timeout = seconds(1);
  Duration ping_interval = seconds(15);
  size_t max_unanswered = 128;  // commands on their way at once
  // After a failure the next attempt waits first_retry, then twice as long each time.
  Duration first_retry = seconds(1);
  Duration last_retry = seconds(15);
  // Of GET /channels: --http-client-connect-timeout, --http-client-request-timeout.
  Duration connect_timeout = seconds(2);
  Duration request_timeout = seconds(5);
};

// What is to be registered: topics, each with its channels.
using LookupRegistry = std::map<std::string, std::set<std::string, std::less<>>, std::less<>>;

}  // namespace nsq::nsqd
