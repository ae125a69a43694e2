#include "admin/graphite.h"

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "admin/flags.h"
#include "admin/json_writer.h"
#include "common/http/params.h"
#include "common/log.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

std::string Base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      const uint32_t byte = i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0;
      group = group << 8 | byte;
    }
    for (size_t j = 0; j < 4; ++j) {
      text.push_back(i + j > bytes.size() ? '=' : kDigits[group >> (18 - 6 * j) & 63]);
    }
  }
  return text;
}

http::ClientOptions ClientFor(const Options& options) {
  return {.connect_timeout = options.connect_timeout,
          .request_timeout = options.request_timeout,
          .tls = {.ca_file = options.tls_root_ca_file,
                  .cert_file = options.tls_cert,
                  .key_file = options.tls_key,
                  .skip_verify = options.tls_insecure_skip_verify}};
}

}  // namespace

std::optional<GraphiteUrl> GraphiteUrl::Parse(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const std::string_view name = url.substr(0, scheme);
  if (name != "http" && name != "https") return std::nullopt;
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  GraphiteUrl parsed;
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) {
    if (!http::Unescape(host.substr(0, at), false, &parsed.user_info)) return std::nullopt;
    host.remove_prefix(at + 1);
  }
  if (host.empty() || host.find_first_of(" \t\r\n<>\"'\\;,") != std::string_view::npos) {
    return std::nullopt;
  }
  parsed.origin = StrCat(name, "://", host);
  return parsed;
}

Result<std::string> RateFrom(std::string_view text, int64_t interval_seconds) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Status none(Code::kCorrupt, "graphite has no datapoint");
  if (!json.is_array() || json.empty() || !json[0].is_object()) return none;
  const auto points = json[0].find("datapoints");
  if (points == json[0].end() || !points->is_array() || points->empty()) return none;
  const nlohmann::json& first = (*points)[0];
  if (!first.is_array() || first.empty() || !first[0].is_number()) return none;
  const double value = first[0].get<double>();
  if (value < 0) return std::string("N/A");
  char rate[64];
  std::snprintf(rate, sizeof rate, "%.2f",
                value / static_cast<double>(interval_seconds > 0 ? interval_seconds : 1));
  return std::string(rate);
}

Graphite::Graphite(const Options& options)
    : url_(options.graphite_url),
      proxied_(options.proxy_graphite ? GraphiteUrl::Parse(options.graphite_url) : std::nullopt),
      interval_seconds_(std::chrono::duration_cast<seconds>(options.statsd_interval).count()),
      client_(ClientFor(options)) {}

void Graphite::AddRoutes(Router* router) {
  router->Add("GET", "/api/graphite", [this](const Call& call) { return Rate(call); });
  if (proxied_.has_value()) {
    router->Add("GET", "/render", [this](const Call& call) { return Render(call); });
  }
}

Response Graphite::Rate(const Call& call) {
  const http::Params params(call.query);
  if (!params.valid()) return Response::Error(400, "INVALID_REQUEST");
  const std::string* metric = params.Find("metric");
  if (metric == nullptr || *metric != "rate") return Response::Error(400, "INVALID_ARG_METRIC");
  const std::string* target = params.Find("target");
  if (target == nullptr) return Response::Error(400, "INVALID_ARG_TARGET");
  const std::string url =
      StrCat(url_, "/render?format=json&from=-", 2 * interval_seconds_,
             "sec&target=", http::EscapeQuery(*target), "&until=-", interval_seconds_, "sec");
  NSQ_LOG(kInfo, "GRAPHITE: ", url);
  const Result<std::string> body = client_.Query(url);
  const Result<std::string> rate =
      body.ok() ? RateFrom(*body, interval_seconds_) : Result<std::string>(body.status());
  if (!rate.ok()) {
    NSQ_LOG(kError, "failed to query graphite - ", rate.status().detail());
    return Response::Error(500, "INTERNAL_ERROR");
  }
  JsonWriter json;
  json.BeginObject();
  json.String("rate", *rate);
  json.EndObject();
  return Response::Json(json.Take());
}

// The path of -graphite-url does not count, as in nsqadmin; a base path of ours is not passed on.
Response Graphite::Render(const Call& call) {
  http::Client::Headers headers = {{"Accept", "*/*"}};
  const std::string& peer = call.request.peer;
  const std::string_view before = call.request.Header("X-Forwarded-For");
  headers.emplace_back("X-Forwarded-For",
                       StrCat(before, before.empty() ? "" : ", ", peer.substr(0, peer.rfind(':'))));
  if (!proxied_->user_info.empty()) {
    headers.emplace_back("Authorization", "Basic " + Base64(proxied_->user_info));
  }
  const Result<http::Response> answer = client_.Get(
      StrCat(proxied_->origin, "/render", call.query.empty() ? "" : "?", call.query), headers);
  Response response;
  response.routine = true;
  if (!answer.ok()) {
    NSQ_LOG(kError, "failed to query graphite - ", answer.status().detail());
    response.status = 502;
    return response;
  }
  response.status = answer->status;
  response.content_type = answer->content_type;
  response.body = answer->body;
  return response;
}

}  // namespace nsq::admin
