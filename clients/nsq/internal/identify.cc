#include "clients/nsq/internal/identify.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <type_traits>

#include "common/time.h"

namespace nsq::client {
namespace {

constexpr std::string_view kUserAgent = "libnsq/1.3.0";

// -1 ns means "off" and is -1 on the wire.
int64_t Millis(std::chrono::nanoseconds time) {
  if (time == std::chrono::nanoseconds(-1)) return -1;
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

template <typename T>
void Read(const nlohmann::json& from, const char* name, T* to) {
  const auto at = from.find(name);
  if (at == from.end()) return;
  if constexpr (std::is_same_v<T, bool>) {
    if (at->is_boolean()) *to = at->get<bool>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (at->is_string()) *to = at->get<std::string>();
  } else {
    if (at->is_number_integer()) *to = static_cast<T>(at->get<int64_t>());
  }
}

void ReadMillis(const nlohmann::json& from, const char* name, Duration* to) {
  int64_t ms = 0;
  Read(from, name, &ms);
  if (ms > 0) *to = milliseconds(ms);
}

}  // namespace

std::string MachineName() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0) return "unknown";
  return name;
}

std::string IdentifyBody(const ClientOptions& options) {
  const std::string hostname = options.hostname.empty() ? MachineName() : options.hostname;
  const std::string client_id =
      options.client_id.empty() ? hostname.substr(0, hostname.find('.')) : options.client_id;
  nlohmann::json body = {
      {"client_id", client_id},
      {"deflate", options.deflate},
      {"deflate_level", options.deflate_level},
      {"feature_negotiation", true},
      {"heartbeat_interval", Millis(options.heartbeat_interval)},
      {"hostname", hostname},
      {"long_id", hostname},
      {"msg_timeout", Millis(options.msg_timeout)},
      {"output_buffer_size", options.output_buffer_size},
      {"output_buffer_timeout", Millis(options.output_buffer_timeout)},
      {"sample_rate", options.sample_rate},
      {"short_id", client_id},
      {"snappy", options.snappy},
      {"tls_v1", options.tls_v1},
      {"user_agent", options.user_agent.empty() ? std::string(kUserAgent) : options.user_agent},
  };
  if (!options.topology_region.empty()) body["topology_region"] = options.topology_region;
  if (!options.topology_zone.empty()) body["topology_zone"] = options.topology_zone;
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool ParseIdentifyAnswer(std::string_view answer, ServerTraits* traits) {
  if (answer.empty() || answer[0] != '{') return true;
  const auto json = nlohmann::json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  Read(json, "max_rdy_count", &traits->max_rdy);
  Read(json, "version", &traits->version);
  Read(json, "tls_v1", &traits->tls_v1);
  Read(json, "deflate", &traits->deflate);
  Read(json, "deflate_level", &traits->deflate_level);
  Read(json, "snappy", &traits->snappy);
  Read(json, "auth_required", &traits->auth_required);
  ReadMillis(json, "msg_timeout", &traits->msg_timeout);
  ReadMillis(json, "max_msg_timeout", &traits->max_msg_timeout);
  return true;
}

}  // namespace nsq::client
