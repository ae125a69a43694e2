#include "nsqd/daemon/flags/running_config.h"

#include <algorithm>

#include "common/config/config.h"
#include "common/event/address.h"
#include "common/log.h"
#include "common/strings.h"
#include "nsqd/options.h"

namespace nsq::nsqd {

void RunningConfig::Resolve(int tcp_port, int http_port) {
  if (config_.Int("tls-required") == 0 && !config_.String("tls-client-auth-policy").empty()) {
    config_.SetInt("tls-required", static_cast<int64_t>(TlsRequired::kEverywhere));
  }
  if (config_.Int("broadcast-tcp-port") == 0) {
    config_.SetInt("broadcast-tcp-port", std::max(tcp_port, 0));
  }
  if (config_.Int("broadcast-http-port") == 0) {
    config_.SetInt("broadcast-http-port", std::max(http_port, 0));
  }
  if (config_.Time("max-defer-timeout") == Duration::zero()) {
    config_.SetTime("max-defer-timeout", config_.Time("max-req-timeout"));
  }
  config_.SetString(
      "statsd-prefix",
      ResolveStatsdPrefix(config_.String("statsd-prefix"), config_.String("broadcast-address"),
                          static_cast<int>(config_.Int("broadcast-http-port"))));
}

Result<Backend::ConfigValue> RunningConfig::Get(std::string_view key,
                                                const std::vector<std::string>& lookupd_addresses) {
  if (key == "log_level") {
    return Backend::ConfigValue{StrCat(static_cast<int>(GetLogLevel())), true};
  }
  // An unchanged list is left alone: that the file gave it as an empty array still shows.
  if (key == "nsqlookupd_tcp_addresses" &&
      config_.Strings("lookupd-tcp-address") != lookupd_addresses) {
    config_.SetStrings("lookupd-tcp-address", lookupd_addresses);
  }
  std::optional<Config::Shown> shown = config_.Show(key);
  if (!shown) return Status(Code::kNotFound, StrCat("no option ", GoQuoted(key)));
  return Backend::ConfigValue{std::move(shown->text), shown->is_json};
}

std::string ResolveStatsdPrefix(std::string_view prefix, std::string_view broadcast_address,
                                int broadcast_http_port) {
  if (prefix.empty()) return "";
  std::string host = JoinHostPort(broadcast_address, broadcast_http_port);
  std::replace_if(
      host.begin(), host.end(), [](char c) { return c == '.' || c == ':'; }, '_');
  std::string resolved;
  while (true) {
    const size_t at = prefix.find("%s");
    resolved += prefix.substr(0, at);
    if (at == std::string_view::npos) break;
    resolved += host;
    prefix.remove_prefix(at + 2);
  }
  if (!resolved.ends_with('.')) resolved += '.';
  return resolved;
}

}  // namespace nsq::nsqd
