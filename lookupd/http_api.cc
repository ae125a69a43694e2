#include "lookupd/http_api.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/debug/debug_routes.h"
#include "common/http/exchange.h"
#include "common/http/router.h"
#include "common/log.h"
#include "common/metrics/exposition.h"
#include "common/strings.h"
#include "common/version.h"
#include "common/wire/names.h"
#include "lookupd/json_text.h"
#include "lookupd/metrics_page.h"

namespace nsq::lookupd {
namespace {

using http::Exchange;
using http::Method;

// The value of a parameter that must be there. Null after it has answered that it is not.
const std::string* Require(Exchange& exchange, std::string_view name, std::string_view error) {
  const http::Params& params = exchange.request().params;
  if (!params.valid() || exchange.request().body_end == http::BodyEnd::kBroken) {
    exchange.Error(400, "INVALID_REQUEST");
    return nullptr;
  }
  const std::string* const value = params.Find(name);
  if (value == nullptr) exchange.Error(400, error);
  return value;
}

const std::string* RequireTopic(Exchange& exchange) {
  return Require(exchange, "topic", "MISSING_ARG_TOPIC");
}

const std::string* RequireValidTopic(Exchange& exchange) {
  const std::string* const topic = RequireTopic(exchange);
  if (topic == nullptr || IsValidTopicName(*topic)) return topic;
  exchange.Error(400, "INVALID_ARG_TOPIC");
  return nullptr;
}

const std::string* RequireValidChannel(Exchange& exchange) {
  const std::string* const channel = Require(exchange, "channel", "MISSING_ARG_CHANNEL");
  if (channel == nullptr || IsValidChannelName(*channel)) return channel;
  exchange.Error(400, "INVALID_ARG_CHANNEL");
  return nullptr;
}

}  // namespace

void HttpApi::AddRoutes(http::Router* router) {
  const auto add_with = [&](http::BodyUse body, Method method, std::string_view path,
                            auto handler) {
    router->Add(
        method, path, [handler](std::unique_ptr<Exchange> exchange) { handler(*exchange); },
        http::Access::kLogged, body);
  };
  const auto add = [&](auto... route) { add_with({}, route...); };
  // What has parameters reads a body too, and ignores it.
  const auto add_reading = [&](auto... route) { add_with(http::BodyUse::Skipped(), route...); };
  add(Method::kGet, "/ping", [](Exchange& exchange) { exchange.Plain(200, "OK"); });
  // One loop, in memory: who gets an answer has been told that it turns.
  add(Method::kGet, "/livez", [](Exchange& exchange) { exchange.Plain(200, "OK"); });
  add(Method::kGet, "/readyz", [](Exchange& exchange) { exchange.Plain(200, "OK"); });
  add(Method::kGet, "/info",
      [](Exchange& exchange) { exchange.Json(StrCat("{\"version\":\"", kVersion, "\"}")); });
  add(Method::kGet, "/topics",
      [this](Exchange& exchange) { exchange.Json(TopicsJson(db_->Topics())); });
  add_reading(Method::kGet, "/channels", [this](Exchange& exchange) { Channels(exchange); });
  add_reading(Method::kGet, "/lookup", [this](Exchange& exchange) { Lookup(exchange); });
  add(Method::kGet, "/nodes", [this](Exchange& exchange) { Nodes(exchange); });
  add(Method::kGet, "/debug",
      [this](Exchange& exchange) { exchange.Json(DebugJson(db_->DumpAll())); });
  router->Add(
      Method::kGet, "/metrics",
      [this](std::unique_ptr<Exchange> exchange) {
        exchange->Answer(
            {200, metrics::kContentType, MetricsText(db_->Count(Now()), Report()), false});
      },
      http::Access::kQuiet);
  AddDebugRoutes({"nsqlookupd", [this](const DebugSource::Done& done) { done({Report()}); }},
                 router);
  add_reading(Method::kPost, "/topic/create",
              [this](Exchange& exchange) { CreateTopic(exchange); });
  add_reading(Method::kPost, "/topic/delete",
              [this](Exchange& exchange) { DeleteTopic(exchange); });
  add_reading(Method::kPost, "/topic/tombstone",
              [this](Exchange& exchange) { TombstoneTopic(exchange); });
  add_reading(Method::kPost, "/channel/create",
              [this](Exchange& exchange) { CreateChannel(exchange); });
  add_reading(Method::kPost, "/channel/delete",
              [this](Exchange& exchange) { DeleteChannel(exchange); });
}

LoopReport HttpApi::Report() const {
  LoopReport report;
  report.name = loop_.name();
  report.stats = loop_.stats();
  report.connections = connections_();
  return report;
}

void HttpApi::Channels(Exchange& exchange) {
  const std::string* const topic = RequireTopic(exchange);
  if (topic == nullptr) return;
  exchange.Json(ChannelsJson(db_->Channels(*topic)));
}

void HttpApi::Lookup(Exchange& exchange) {
  const std::string* const topic = RequireTopic(exchange);
  if (topic == nullptr) return;
  if (const auto view = db_->Lookup(*topic, Now())) {
    exchange.Json(LookupJson(*view));
  } else {
    exchange.Error(404, "TOPIC_NOT_FOUND");
  }
}

void HttpApi::Nodes(Exchange& exchange) { exchange.Json(NodesJson(db_->Nodes(Now()))); }

void HttpApi::CreateTopic(Exchange& exchange) {
  const std::string* const topic = RequireValidTopic(exchange);
  if (topic == nullptr) return;
  NSQ_LOG(kInfo, "DB: adding topic(", *topic, ")");
  db_->CreateTopic(*topic);
  exchange.Empty();
}

// The name is not checked: whatever has got in must be got out.
void HttpApi::DeleteTopic(Exchange& exchange) {
  const std::string* const topic = RequireTopic(exchange);
  if (topic == nullptr) return;
  for (const std::string_view channel : db_->Channels(*topic)) {
    NSQ_LOG(kInfo, "DB: removing channel(", channel, ") from topic(", *topic, ")");
  }
  if (db_->DeleteTopic(*topic)) NSQ_LOG(kInfo, "DB: removing topic(", *topic, ")");
  exchange.Empty();
}

void HttpApi::TombstoneTopic(Exchange& exchange) {
  const std::string* const topic = RequireTopic(exchange);
  if (topic == nullptr) return;
  const std::string* const node = Require(exchange, "node", "MISSING_ARG_NODE");
  if (node == nullptr) return;
  NSQ_LOG(kInfo, "DB: setting tombstone for producer@", *node, " of topic(", *topic, ")");
  db_->Tombstone(*topic, *node, Now());
  exchange.Empty();
}

void HttpApi::CreateChannel(Exchange& exchange) {
  const std::string* const topic = RequireValidTopic(exchange);
  if (topic == nullptr) return;
  const std::string* const channel = RequireValidChannel(exchange);
  if (channel == nullptr) return;
  NSQ_LOG(kInfo, "DB: adding channel(", *channel, ") in topic(", *topic, ")");
  NSQ_LOG(kInfo, "DB: adding topic(", *topic, ")");
  db_->CreateChannel(*topic, *channel);
  exchange.Empty();
}

void HttpApi::DeleteChannel(Exchange& exchange) {
  const std::string* const topic = RequireValidTopic(exchange);
  if (topic == nullptr) return;
  const std::string* const channel = RequireValidChannel(exchange);
  if (channel == nullptr) return;
  if (!db_->DeleteChannel(*topic, *channel)) {
    exchange.Error(404, "CHANNEL_NOT_FOUND");
    return;
  }
  NSQ_LOG(kInfo, "DB: removing channel(", *channel, ") from topic(", *topic, ")");
  exchange.Empty();
}

}  // namespace nsq::lookupd
