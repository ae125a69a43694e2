#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "nsqd/http/backend.h"

namespace nsq {
class Config;
}

namespace nsq::nsqd {

// GET /config/<key>: what the daemon was told, and what has become of it since.
//
// Home: any thread.
class RunningConfig {
 public:
  // `config` is loaded, and outlives this.
  explicit RunningConfig(Config& config) : config_(config) {}

  // Once, when the sockets are bound: broadcast ports that were left open become the bound ones,
  // the statsd prefix gets its host, and the limit of deferring that of requeueing if it has none.
  // Ports as Backend gives them: -1 and 0 are none.
  void Resolve(int tcp_port, int http_port);

  // `lookupd_addresses` are those in use now. kNotFound if there is no such key.
  Result<Backend::ConfigValue> Get(std::string_view key,
                                   const std::vector<std::string>& lookupd_addresses);

 private:
  Config& config_;
};

// "nsq.%s" -> "nsq.127_0_0_1_4151.": every %s is replaced by the host, as nsqadmin computes it too
// (spec, nsqd-http 12.3).
std::string ResolveStatsdPrefix(std::string_view prefix, std::string_view broadcast_address,
                                int broadcast_http_port);

}  // namespace nsq::nsqd
