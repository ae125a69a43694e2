#include "admin/actions_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "admin/answer.h"
#include "admin/cluster_actions.h"
#include "admin/go_json.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/wire/names.h"

namespace nsq::admin {
namespace {

constexpr std::string_view kCreateType =
    R"(struct { Topic string "json:\"topic\""; Channel string "json:\"channel\"" })";
constexpr std::string_view kDurabilities[] = {"memory", "os", "fsync", "default"};
constexpr std::string_view kActionType = R"(struct { Action string "json:\"action\"" })";
constexpr std::string_view kTombstoneType = R"(struct { Topic string "json:\"topic\"" })";

std::string_view GoKind(const nlohmann::json& value) {
  if (value.is_boolean()) return "bool";
  return value.type_name();
}

// The members of a request's body that actions use. As Go's decoder: the first JSON value counts,
// what follows it does not; keys in any case; what is missing is empty.
struct Body {
  std::string topic;
  std::string channel;
  std::string action;
  std::string durability;
};

// `type` is what Go calls what it reads into; it stands in the text of one error.
Result<Body> ReadBody(const std::string& text, std::string_view type) {
  if (std::string error = GoJsonError(text); !error.empty()) {
    return Status(Code::kInvalid, std::move(error));
  }
  const nlohmann::json json = nlohmann::json::parse(text.substr(0, GoJsonLength(text)), nullptr,
                                                    /*allow_exceptions=*/false);
  if (json.is_discarded())
    return Status(Code::kInvalid, "invalid JSON");  // bytes that are no UTF-8
  if (json.is_null()) return Body();
  if (!json.is_object()) {
    return Status(Code::kInvalid,
                  StrCat("json: cannot unmarshal ", GoKind(json), " into Go value of type ", type));
  }
  Body body;
  for (const auto& [key, value] : json.items()) {
    std::string name = key;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    std::string* member = name == "topic"        ? &body.topic
                          : name == "channel"    ? &body.channel
                          : name == "action"     ? &body.action
                          : name == "durability" ? &body.durability
                                                 : nullptr;
    if (member == nullptr || value.is_null()) continue;
    if (!value.is_string()) {
      return Status(Code::kInvalid, StrCat("json: cannot unmarshal ", GoKind(value),
                                           " into Go struct field .", name, " of type string"));
    }
    *member = value.get<std::string>();
  }
  return body;
}

Response AnswerOf(std::string_view what, const Result<ClusterActions::Warnings>& warnings) {
  if (!warnings.ok()) return FailureOf(what, warnings.status());
  JsonWriter json;
  json.BeginObject();
  WriteMessage(*warnings, &json);
  json.EndObject();
  return Response::Json(json.Take());
}

// "https://host:1/x" -> "host:1"
std::string_view HostOf(std::string_view origin) {
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  origin.remove_prefix(scheme + 3);
  return origin.substr(0, origin.find('/'));
}

}  // namespace

bool AccessRule::IsAdmin(const Request& request) const {
  if (users_.empty()) return true;
  const std::string_view user = request.Header(header_);
  // An empty name in the list lets nobody in, least of all those without the header.
  return !user.empty() && std::find(users_.begin(), users_.end(), user) != users_.end();
}

bool FromAnotherSite(const Request& request) {
  // Browsers send this to secure and to local servers; pages cannot set it.
  const std::string_view site = request.Header("Sec-Fetch-Site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  const std::string_view origin = request.Header("Origin");
  if (origin.empty()) return false;
  const std::string_view host = HostOf(origin);
  // A proxy in front may have changed Host.
  return host.empty() ||
         (host != request.Header("Host") && host != request.Header("X-Forwarded-Host"));
}

void ActionsApi::AddGuarded(std::string_view method, std::string_view pattern, Handler handler,
                            Router* router) {
  router->Add(method, pattern, [this, handler = std::move(handler)](const Call& call) {
    if (!rule_->IsAdmin(call.request) || FromAnotherSite(call.request)) {
      return Response::Error(403, "FORBIDDEN");
    }
    return handler(call);
  });
}

void ActionsApi::AddRoutes(Router* router) {
  constexpr std::string_view kTopic = "/api/topics/:topic";
  constexpr std::string_view kChannel = "/api/topics/:topic/:channel";
  AddGuarded(
      "POST", "/api/topics", [this](const Call& call) { return Create(call); }, router);
  AddGuarded(
      "POST", kTopic, [this](const Call& call) { return Apply(call, call.params[0], ""); }, router);
  AddGuarded(
      "POST", kChannel,
      [this](const Call& call) { return Apply(call, call.params[0], call.params[1]); }, router);
  AddGuarded(
      "DELETE", kTopic, [this](const Call& call) { return Delete(call, call.params[0], ""); },
      router);
  AddGuarded(
      "DELETE", kChannel,
      [this](const Call& call) { return Delete(call, call.params[0], call.params[1]); }, router);
  AddGuarded(
      "DELETE", "/api/nodes/:node", [this](const Call& call) { return Tombstone(call); }, router);
}

Response ActionsApi::Create(const Call& call) {
  Result<Body> body = ReadBody(call.request.body, kCreateType);
  if (!body.ok()) return Response::Error(400, body.status().detail());
  if (!IsValidTopicName(body->topic)) return Response::Error(400, "INVALID_TOPIC");
  if (!body->channel.empty() && !IsValidChannelName(body->channel)) {
    return Response::Error(400, "INVALID_CHANNEL");
  }
  const auto done = actions_->Create(body->topic, body->channel);
  if (done.ok()) {
    notify_("create_topic", body->topic, "", "", call.request);
    if (!body->channel.empty()) {
      notify_("create_channel", body->topic, body->channel, "", call.request);
    }
  }
  return AnswerOf("create topic/channel", done);
}

Response ActionsApi::Apply(const Call& call, const std::string& topic, const std::string& channel) {
  Result<Body> body = ReadBody(call.request.body, kActionType);
  if (!body.ok()) return Response::Error(400, body.status().detail());
  if (body->action == "durability" && channel.empty()) {
    if (std::ranges::find(kDurabilities, body->durability) == std::end(kDurabilities)) {
      return Response::Error(400, "INVALID_DURABILITY");
    }
    const auto done = actions_->SetDurability(topic, body->durability);
    if (done.ok()) notify_("configure_topic", topic, "", "", call.request);
    return AnswerOf("set durability of topic", done);
  }
  using Verb = ClusterActions::Verb;
  for (const auto& [word, verb] : {std::pair<std::string_view, Verb>{"pause", Verb::kPause},
                                   {"unpause", Verb::kUnpause},
                                   {"empty", Verb::kEmpty}}) {
    if (body->action != word) continue;
    const std::string_view kind = channel.empty() ? "topic" : "channel";
    const auto done = actions_->Apply(verb, topic, channel);
    if (done.ok()) notify_(StrCat(word, "_", kind), topic, channel, "", call.request);
    return AnswerOf(StrCat(word, " ", kind), done);
  }
  return Response::Error(400, "INVALID_ACTION");
}

Response ActionsApi::Delete(const Call& call, const std::string& topic,
                            const std::string& channel) {
  const std::string_view kind = channel.empty() ? "topic" : "channel";
  const auto done = actions_->Delete(topic, channel);
  if (done.ok()) notify_(StrCat("delete_", kind), topic, channel, "", call.request);
  return AnswerOf(StrCat("delete ", kind), done);
}

Response ActionsApi::Tombstone(const Call& call) {
  Result<Body> body = ReadBody(call.request.body, kTombstoneType);
  if (!body.ok()) return Response::Error(400, "INVALID_BODY");
  if (!IsValidTopicName(body->topic)) return Response::Error(400, "INVALID_TOPIC");
  const auto done = actions_->Tombstone(call.params[0], body->topic);
  if (done.ok()) {
    notify_("tombstone_topic_producer", body->topic, "", call.params[0], call.request);
  }
  return AnswerOf("tombstone node", done);
}

}  // namespace nsq::admin
