#include "admin/config_api.h"

#include <utility>

#include "admin/actions_api.h"
#include "common/config/config.h"
#include "common/log.h"

namespace nsq::admin {

ConfigApi::ConfigApi(Config* config, std::optional<Cidr> allowed,
                     std::function<void(std::vector<std::string>)> set_lookupds)
    : config_(config), allowed_(allowed), set_lookupds_(std::move(set_lookupds)) {}

void ConfigApi::AddRoutes(Router* router) {
  router->Add("GET", "/config/:opt", [this](const Call& call) {
    return MayUse(call.request) ? Get(call) : Response::Error(403, "FORBIDDEN");
  });
  router->Add("PUT", "/config/:opt", [this](const Call& call) {
    const bool may = MayUse(call.request) && !FromAnotherSite(call.request);
    return may ? Put(call) : Response::Error(403, "FORBIDDEN");
  });
}

bool ConfigApi::MayUse(const Request& request) const {
  return !allowed_.has_value() || allowed_->Contains(request.peer);
}

Response ConfigApi::Get(const Call& call) const {
  const std::optional<Config::Shown> shown = config_->Show(call.params[0]);
  if (!shown.has_value()) return Response::Error(400, "INVALID_OPTION");
  if (shown->is_json) return Response::Json(shown->text);
  Response response = Response::Text(200, shown->text);
  response.headers.emplace_back("X-NSQ-Content-Type", "nsq; version=1.0");
  if (shown->text.empty()) response.content_type.clear();  // as nsqadmin
  return response;
}

Response ConfigApi::Put(const Call& call) {
  const std::string& option = call.params[0];
  const std::string& body = call.request.body;
  if (body.empty()) return Response::Error(413, "INVALID_VALUE");  // as nsqadmin
  if (option == "log_level") {
    const std::optional<LogLevel> level = ParseLogLevel(body);
    if (!level.has_value()) return Response::Error(400, "INVALID_VALUE");
    SetLogLevel(*level);
    config_->SetInt("log-level", static_cast<int64_t>(*level));
  } else if (option == "nsqlookupd_http_addresses") {
    bool is_null = false;
    Result<std::vector<std::string>> addresses = ParseJsonStrings(body, &is_null);
    if (!addresses.ok()) return Response::Error(400, "INVALID_VALUE");
    config_->SetStrings("lookupd-http-address", *addresses, is_null);
    set_lookupds_(*std::move(addresses));
  } else {
    return Response::Error(400, "INVALID_OPTION");
  }
  return Get(call);
}

}  // namespace nsq::admin
