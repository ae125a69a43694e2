#include "admin/flags.h"

#include <unistd.h>

#include "admin/cidr.h"
#include "admin/graphite.h"
#include "admin/router.h"
#include "common/config/config.h"
#include "common/event/address.h"
#include "common/filters/tls_context.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

Status Invalid(std::string reason) { return Status(Code::kInvalid, std::move(reason)); }

Status Resolve(std::string_view flag, const std::vector<std::string>& addresses) {
  for (const std::string& text : addresses) {
    const auto failure = [&](std::string_view reason) {
      return Invalid(StrCat("failed to resolve --", flag, " (", text, ") - ", reason));
    };
    Result<Address> address = ParseAddress(text);
    if (!address.ok()) return failure(address.status().detail());
    if (address->is_unix()) return failure(StrCat("address ", text, ": missing port in address"));
    if (!NeedsResolving(*address)) continue;
    Result<std::vector<Address>> found = ResolveHost(*address);
    if (!found.ok()) return failure(found.status().detail());
  }
  return Status();
}

// The files of TLS towards daemons are read once before anybody needs them.
Status CheckTls(const Options& options) {
  if (!options.tls_cert.empty()) {
    TlsClientOptions pair_files;
    pair_files.cert_file = options.tls_cert;
    pair_files.key_file = options.tls_key;
    const auto pair = TlsContext::ForClient(pair_files);
    if (!pair.ok()) {
      return Invalid(StrCat("failed to LoadX509KeyPair ", options.tls_cert, ", ", options.tls_key,
                            " - ", pair.status().detail()));
    }
  }
  if (options.tls_root_ca_file.empty()) return Status();
  TlsClientOptions authority_file;
  authority_file.root_ca_file = options.tls_root_ca_file;
  const auto authorities = TlsContext::ForClient(authority_file);
  if (authorities.ok()) return Status();
  if (authorities.status().code() == Code::kIo) {
    return Invalid(StrCat("failed to read TLS root CA file ", options.tls_root_ca_file, " - ",
                          authorities.status().detail()));
  }
  return Invalid("failed to AppendCertsFromPEM " + options.tls_root_ca_file);
}

Status CheckGraphite(const Options& options) {
  if (!options.proxy_graphite || GraphiteUrl::Parse(options.graphite_url).has_value()) {
    return Status();
  }
  return Invalid(StrCat("failed to parse --graphite-url (", options.graphite_url,
                        ") - not http://host or https://host"));
}

Status CheckCidr(const std::string& text) {
  if (text.empty()) return Status();
  const Result<Cidr> cidr = Cidr::Parse(text);
  if (cidr.ok()) return Status();
  return Invalid(
      StrCat("failed to parse --allow-config-from-cidr (", text, ") - ", cidr.status().detail()));
}

}  // namespace

std::vector<Flag> Flags() {
  using enum Kind;
  const std::string kGeneral = "General";
  const std::string kCluster = "Cluster";
  const std::string kAccess = "Access";
  const std::string kGraphs = "Graphs";
  return {
      {"version", "", kBool, "false", kGeneral, "print the version and exit"},
      {"config", "", kString, "", kGeneral, "path of a TOML config file"},
      {"verbose", "", kBool, "false", kGeneral, "accepted, without effect"},
      {"log-level", "log_level", kLogLevel, "info", kGeneral,
       "least level logged: debug, info, warn, error or fatal"},
      {"log-prefix", "log_prefix", kString, "[nsqadmin] ", kGeneral, "what log lines begin with"},
      {"http-address", "http_address", kString, "0.0.0.0:4171", kGeneral,
       "<addr>:<port> to listen on for browsers"},
      {"base-path", "base_path", kString, "/", kGeneral, "URL path under which everything lives"},
      {"dev-static-dir", "dev_static_dir", kString, "", kGeneral,
       "folder to read the page's files from, for work on them"},

      {"lookupd-http-address", "nsqlookupd_http_addresses", kStringList, "", kCluster,
       "<addr>:<port> of an nsqlookupd; may be given several times"},
      {"nsqd-http-address", "nsqd_http_addresses", kStringList, "", kCluster,
       "<addr>:<port> of an nsqd, instead of nsqlookupd; may be given several times"},
      {"http-client-connect-timeout", "http_client_connect_timeout", kDuration, "2s", kCluster,
       "longest wait for a connection to a daemon"},
      {"http-client-request-timeout", "http_client_request_timeout", kDuration, "5s", kCluster,
       "longest wait for a daemon's whole answer"},
      {"sample-interval", "sample_interval", kDuration, "5s", kCluster,
       "how often daemons are asked while nobody looks, for the history charts begin with; 0: only "
       "while a page is open"},
      {"http-client-tls-insecure-skip-verify", "http_client_tls_insecure_skip_verify", kBool,
       "false", kCluster, "do not check the certificates of daemons"},
      {"http-client-tls-root-ca-file", "http_client_tls_root_ca_file", kString, "", kCluster,
       "PEM file of the authorities daemons' certificates are checked with"},
      {"http-client-tls-cert", "http_client_tls_cert", kString, "", kCluster,
       "PEM file of the certificate shown to daemons"},
      {"http-client-tls-key", "http_client_tls_key", kString, "", kCluster,
       "PEM file of its private key"},

      {"acl-http-header", "acl_http_header", kString, "X-Forwarded-User", kAccess,
       "header in which a proxy names the user"},
      {"admin-user", "admin_users", kStringList, "", kAccess,
       "user who may change things; may be given several times; none: everybody"},
      {"allow-config-from-cidr", "allow_config_from_cidr", kString, "127.0.0.1/8", kAccess,
       "network from which /config may be used"},
      {"notification-http-endpoint", "notification_http_endpoint", kString, "", kAccess,
       "URL to which each change is posted"},

      {"graphite-url", "graphite_url", kString, "", kGraphs, "URL of graphite"},
      {"proxy-graphite", "proxy_graphite", kBool, "false", kGraphs, "pass requests to graphite on"},
      {"statsd-prefix", "statsd_prefix", kString, "nsq.%s", kGraphs, "as nsqd's"},
      {"statsd-counter-format", "statsd_counter_format", kString, "stats.counters.%s.count",
       kGraphs, "how statsd names counters"},
      {"statsd-gauge-format", "statsd_gauge_format", kString, "stats.gauges.%s", kGraphs,
       "how statsd names gauges"},
      {"statsd-interval", "statsd_interval", kDuration, "60s", kGraphs, "as nsqd's"},
  };
}

Options OptionsFrom(const Config& config) {
  Options options;
  options.http_address = config.String("http-address");
  options.base_path = CleanPath(config.String("base-path"));
  options.lookupd_http_addresses = config.Strings("lookupd-http-address");
  options.nsqd_http_addresses = config.Strings("nsqd-http-address");
  options.connect_timeout = config.Time("http-client-connect-timeout");
  options.request_timeout = config.Time("http-client-request-timeout");
  options.tls_insecure_skip_verify = config.Bool("http-client-tls-insecure-skip-verify");
  options.tls_root_ca_file = config.String("http-client-tls-root-ca-file");
  options.tls_cert = config.String("http-client-tls-cert");
  options.tls_key = config.String("http-client-tls-key");
  options.acl_http_header = config.String("acl-http-header");
  options.allow_config_from_cidr = config.String("allow-config-from-cidr");
  options.notification_http_endpoint = config.String("notification-http-endpoint");
  options.graphite_url = config.String("graphite-url");
  options.proxy_graphite = config.Bool("proxy-graphite");
  options.statsd_prefix = config.String("statsd-prefix");
  options.statsd_counter_format = config.String("statsd-counter-format");
  options.statsd_gauge_format = config.String("statsd-gauge-format");
  options.statsd_interval = config.Time("statsd-interval");
  options.sample_interval = config.Time("sample-interval");
  options.admin_users = config.Strings("admin-user");
  options.dev_static_dir = config.String("dev-static-dir");
  return options;
}

Status CheckOptions(const Options& options) {
  if (options.lookupd_http_addresses.empty() && options.nsqd_http_addresses.empty()) {
    return Invalid("--nsqd-http-address or --lookupd-http-address required");
  }
  if (!options.lookupd_http_addresses.empty() && !options.nsqd_http_addresses.empty()) {
    return Invalid("use --nsqd-http-address or --lookupd-http-address not both");
  }
  if (!options.tls_cert.empty() && options.tls_key.empty()) {
    return Invalid("--http-client-tls-key must be specified with --http-client-tls-cert");
  }
  if (options.tls_cert.empty() && !options.tls_key.empty()) {
    return Invalid("--http-client-tls-cert must be specified with --http-client-tls-key");
  }
  if (Status status = CheckTls(options); !status.ok()) return status;
  Status status = Resolve("lookupd-http-address", options.lookupd_http_addresses);
  if (!status.ok()) return status;
  status = Resolve("nsqd-http-address", options.nsqd_http_addresses);
  if (!status.ok()) return status;
  if (status = CheckGraphite(options); !status.ok()) return status;
  return CheckCidr(options.allow_config_from_cidr);
}

}  // namespace nsq::admin
