#pragma once

#include <string>
#include <vector>

#include "common/config/flag.h"
#include "common/status.h"
#include "common/time.h"

namespace nsq {
class Config;
}

namespace nsq::admin {

// nsqadmin's flags and the keys of its config file; the only place that defines them.
std::vector<Flag> Flags();

// What the flags came to.
struct Options {
  std::string http_address;
  std::string base_path;  // cleaned
  std::vector<std::string> lookupd_http_addresses;
  std::vector<std::string> nsqd_http_addresses;
  Duration connect_timeout{};
  Duration request_timeout{};
  bool tls_insecure_skip_verify = false;
  std::string tls_root_ca_file;
  std::string tls_cert;
  std::string tls_key;
  std::string acl_http_header;
  std::string allow_config_from_cidr;  // empty: everybody
  std::string notification_http_endpoint;
  std::string graphite_url;  // empty: no graphs of graphite
  bool proxy_graphite = false;
  std::string statsd_prefix;
  std::string statsd_counter_format;
  std::string statsd_gauge_format;
  Duration statsd_interval{};
  Duration sample_interval{};  // 0: the cluster is watched only while somebody looks
  std::vector<std::string> admin_users;
  std::string dev_static_dir;
};
Options OptionsFrom(const Config& config);

// What must be right before anything starts, in NSQ's order and words; kInvalid with the reason.
// Blocks: addresses are looked up.
Status CheckOptions(const Options& options);

}  // namespace nsq::admin
