#include "lookupd/flags.h"

#include "common/config/config.h"

namespace nsq::lookupd {

std::vector<Flag> Flags() {
  return {
      {"config", "", Kind::kString, "", "", "path to a TOML file with these options"},
      {"version", "", Kind::kBool, "false", "", "print the version and exit"},
      {"verbose", "", Kind::kBool, "false", "", "deprecated, without effect; see -log-level"},
      {"log-level", "log_level", Kind::kLogLevel, "info", "",
       "least level to log: debug, info, warn, error, or fatal"},
      {"log-prefix", "log_prefix", Kind::kString, "[nsqlookupd] ", "",
       "what every log line begins with"},
      {"tcp-address", "tcp_address", Kind::kString, "0.0.0.0:4160", "",
       "<addr>:<port> to listen on for nsqd"},
      {"http-address", "http_address", Kind::kString, "0.0.0.0:4161", "",
       "<addr>:<port> to listen on for HTTP clients"},
      {"broadcast-address", "broadcast_address", Kind::kString, Hostname(), "",
       "address under which nsqd finds this nsqlookupd's HTTP port"},
      {"inactive-producer-timeout", "inactive_producer_timeout", Kind::kDuration, "5m0s", "",
       "how long after its last ping an nsqd is still shown"},
      {"tombstone-lifetime", "tombstone_lifetime", Kind::kDuration, "45s", "",
       "how long a tombstone hides an nsqd from the consumers of a topic"},
  };
}

DaemonOptions OptionsFrom(const Config& config) {
  DaemonOptions options;
  options.tcp_address = config.String("tcp-address");
  options.http_address = config.String("http-address");
  options.broadcast_address = config.String("broadcast-address");
  options.registrations.inactive_producer_timeout = config.Time("inactive-producer-timeout");
  options.registrations.tombstone_lifetime = config.Time("tombstone-lifetime");
  return options;
}

}  // namespace nsq::lookupd
