#include "nsqd/http/api.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "common/config/duration.h"
#include "common/http/exchange.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/version.h"
#include "common/wire/json.h"
#include "common/wire/names.h"
#include "nsqd/http/debug_routes.h"
#include "nsqd/http/health_routes.h"
#include "nsqd/http/metrics_page.h"
#include "nsqd/http/publish_body.h"
#include "nsqd/http/stats_json.h"
#include "nsqd/http/stats_page.h"
#include "nsqd/http/stats_text.h"

namespace nsq::nsqd {
namespace {

using http::Exchange;
using http::Method;

constexpr std::string_view kLookupdAddresses = "nsqlookupd_tcp_addresses";
constexpr std::string_view kLogLevel = "log_level";
constexpr std::string_view kDrain = "drain";

// False if the query cannot be parsed: then the request is answered.
bool HasValidQuery(Exchange& exchange) {
  const http::Params& params = exchange.request().params;
  if (params.valid()) return true;
  NSQ_LOG(kError, "failed to parse request params - ", params.error());
  exchange.Error(400, "INVALID_REQUEST");
  return false;
}

// The same where a body is read too, although nobody wants it: one that is cut short counts.
bool IsValid(Exchange& exchange) {
  if (exchange.request().body_end != http::BodyEnd::kBroken) return HasValidQuery(exchange);
  exchange.Error(400, "INVALID_REQUEST");
  return false;
}

// The valid topic a request names; null if there is none: then the request is answered.
const std::string* NamedTopic(Exchange& exchange) {
  if (!HasValidQuery(exchange)) return nullptr;
  const std::string* const topic = exchange.request().params.Find("topic");
  if (topic == nullptr) {
    exchange.Error(400, "MISSING_ARG_TOPIC");
    return nullptr;
  }
  if (!IsValidTopicName(*topic)) {
    exchange.Error(400, "INVALID_TOPIC");
    return nullptr;
  }
  return topic;
}

// "true", "1", "false", "0"; anything else, and nothing, is the default.
bool BoolParam(const http::Params& params, std::string_view name, bool otherwise) {
  const std::string* const value = params.Find(name);
  if (value == nullptr) return otherwise;
  if (*value == "true" || *value == "1") return true;
  if (*value == "false" || *value == "0") return false;
  return otherwise;
}

// Answers a publish when it is known to be kept, or refused. The original says EXITING whatever it
// was (spec, nsqd-http 5.3); we say so if we are, and else why. In the log the topic has said so:
// once, and not for each publish that has to wait for somebody to make room.
std::function<void(const Status&)> AnswerPublish(std::unique_ptr<Exchange> exchange,
                                                 const std::string& topic) {
  return [shared = std::shared_ptr<Exchange>(std::move(exchange)), topic](const Status& status) {
    if (status.ok()) {
      shared->Text("OK");
      return;
    }
    NSQ_LOG(kDebug, "TOPIC(", topic, "): publish over HTTP refused - ", status.ToString());
    if (status.code() == Code::kUnavailable) return shared->Error(503, "EXITING");
    shared->Error(503, "PUB_FAILED - " + status.detail());
  };
}

// Whether the text of /mpub's "binary" says so. Whatever is no boolean does, as it always has.
bool IsBinary(const http::Params& params) {
  const std::string* const value = params.Find("binary");
  if (value == nullptr || *value == "false" || *value == "0") return false;
  if (*value != "true" && *value != "1") {
    NSQ_LOG(kWarn, "deprecated value '", *value, "' used for /mpub binary param");
  }
  return true;
}

std::string DrainJson(const DrainState& drain) {
  if (!drain.draining) return R"({"draining":false})";
  std::string json = R"({"draining":true)";
  if (drain.counted) {
    json += StrCat(R"(,"waiting":)", drain.waiting, R"(,"in_flight":)", drain.in_flight,
                   R"(,"deferred":)", drain.deferred);
  }
  if (drain.deadline) json += StrCat(R"(,"deadline":)", UnixSeconds(*drain.deadline));
  return json + "}";
}

// Keeps of each topic only that channel, and of the topics only those that have it.
void KeepChannel(const std::string& channel, std::vector<TopicStats>* topics) {
  for (TopicStats& topic : *topics) {
    std::erase_if(topic.channels, [&](const ChannelStats& c) { return c.name != channel; });
  }
  std::erase_if(*topics, [](const TopicStats& topic) { return topic.channels.empty(); });
}

}  // namespace

Api::Api(Backend& backend) : backend_(backend) {
  using http::Access;
  using http::BodyUse;
  const auto add = [this](Method method, std::string_view path, void (Api::*handler)(Request),
                          Access access = Access::kLogged, BodyUse body = {}) {
    router_.Add(
        method, path, [this, handler](Request exchange) { (this->*handler)(std::move(exchange)); },
        access, body);
  };
  const Options& options = backend_.options();
  const BodyUse message = BodyUse::Kept(static_cast<size_t>(options.max_msg_size));
  const BodyUse messages = BodyUse::Kept(static_cast<size_t>(options.max_body_size));
  add(Method::kGet, "/ping", &Api::Ping);
  add(Method::kGet, "/info", &Api::Info);
  add(Method::kPost, "/pub", &Api::Publish, Access::kQuiet, message);
  add(Method::kPost, "/mpub", &Api::PublishMany, Access::kQuiet, messages);
  add(Method::kGet, "/stats", &Api::Stats, Access::kLogged, BodyUse::Skipped());
  add(Method::kGet, "/metrics", &Api::Metrics, Access::kQuiet);
  add(Method::kGet, "/config/:opt", &Api::GetOption);
  add(Method::kPut, "/config/:opt", &Api::PutOption, Access::kLogged, message);
  add(Method::kPost, "/backup", &Api::Backup);
  add(Method::kGet, "/topic/config", &Api::GetTopicConfig);
  add(Method::kPost, "/topic/config", &Api::SetTopicConfig);
  add(Method::kPut, "/topic/config", &Api::SetTopicConfig);

  const auto add_action = [this](std::string_view path, TopicAction action,
                                 void (Api::*handler)(TopicAction, Request)) {
    // Of all of them, only the creation of a topic does not read what was sent with it.
    const bool skips = action != TopicAction::kCreateTopic;
    router_.Add(
        Method::kPost, path,
        [this, action, handler](Request exchange) {
          (this->*handler)(action, std::move(exchange));
        },
        Access::kLogged, skips ? BodyUse::Skipped() : BodyUse());
  };
  add_action("/topic/create", TopicAction::kCreateTopic, &Api::ActOnTopic);
  add_action("/topic/delete", TopicAction::kDeleteTopic, &Api::ActOnTopic);
  add_action("/topic/empty", TopicAction::kEmptyTopic, &Api::ActOnTopic);
  add_action("/topic/pause", TopicAction::kPauseTopic, &Api::ActOnTopic);
  add_action("/topic/unpause", TopicAction::kUnpauseTopic, &Api::ActOnTopic);
  add_action("/channel/create", TopicAction::kCreateChannel, &Api::ActOnChannel);
  add_action("/channel/delete", TopicAction::kDeleteChannel, &Api::ActOnChannel);
  add_action("/channel/empty", TopicAction::kEmptyChannel, &Api::ActOnChannel);
  add_action("/channel/pause", TopicAction::kPauseChannel, &Api::ActOnChannel);
  add_action("/channel/unpause", TopicAction::kUnpauseChannel, &Api::ActOnChannel);

  AddDebugRoutes(backend_, &router_);
  AddHealthRoutes(backend_, &router_);
}

void Api::Ping(Request exchange) {
  const std::string health = backend_.Health();
  exchange->Plain(health == "OK" ? 200 : 500, health);
}

void Api::Info(Request exchange) {
  char hostname[256] = {};
  if (gethostname(hostname, sizeof hostname - 1) != 0) {
    exchange->Error(500, std::strerror(errno));
    return;
  }
  const Options& options = backend_.options();
  std::string json;
  const auto text = [&json](std::string_view name, std::string_view value) {
    json += name;
    AppendJsonString(value, &json);
  };
  const auto number = [&json](std::string_view name, int64_t value) {
    json += name;
    json += Piece(value).text();
  };
  text(R"({"version":)", kVersion);
  text(R"(,"broadcast_address":)", options.broadcast_address);
  text(R"(,"hostname":)", hostname);
  number(R"(,"http_port":)", backend_.http_port());
  number(R"(,"tcp_port":)", backend_.tcp_port());
  number(R"(,"start_time":)", UnixSeconds(backend_.start_time()));
  number(R"(,"max_heartbeat_interval":)", options.max_heartbeat_interval.count());
  number(R"(,"max_output_buffer_size":)", options.max_output_buffer_size);
  number(R"(,"max_output_buffer_timeout":)", options.max_output_buffer_timeout.count());
  number(R"(,"max_deflate_level":)", options.max_deflate_level);
  text(R"(,"topology_zone":)", options.topology_zone);
  text(R"(,"topology_region":)", options.topology_region);
  json += '}';
  exchange->Json(json);
}

void Api::Publish(Request exchange) {
  const Options& options = backend_.options();
  const http::BodyEnd end = exchange->request().body_end;
  if (end == http::BodyEnd::kTooLong) return exchange->Error(413, "MSG_TOO_BIG");
  if (end == http::BodyEnd::kBroken) return exchange->Error(500, "INTERNAL_ERROR");
  const std::string_view body = exchange->request().body;
  if (body.empty()) return exchange->Error(400, "MSG_EMPTY");
  const std::string* const named = NamedTopic(*exchange);
  if (named == nullptr) return;

  const std::string topic = *named;
  Duration defer = Duration::zero();
  if (const std::string* const text = exchange->request().params.Find("defer")) {
    const std::optional<Duration> parsed = ParseDefer(*text, options);
    if (!parsed) {
      // As nsqd: the topic is there from now on, although nothing was published to it.
      backend_.EnsureTopic(topic);
      return exchange->Error(400, "INVALID_DEFER");
    }
    defer = *parsed;
  }
  if (backend_.Drain().draining) return exchange->Error(503, "DRAINING");
  backend_.Publish(topic, {&body, 1}, defer, AnswerPublish(std::move(exchange), topic));
}

void Api::PublishMany(Request exchange) {
  const Options& options = backend_.options();
  const http::Request& request = exchange->request();
  const bool too_long = request.body_end == http::BodyEnd::kTooLong;
  // Without a declared length nobody knows that it is too long before the rest is checked.
  if (too_long && exchange->Header("Transfer-Encoding") == nullptr) {
    return exchange->Error(413, "BODY_TOO_BIG");
  }
  const std::string* const named = NamedTopic(*exchange);
  if (named == nullptr) return;

  const std::string topic = *named;
  const bool binary = IsBinary(request.params);
  Bodies bodies = binary ? SplitBinary(request.body, options) : SplitText(request.body, options);
  if (too_long && (binary || bodies.error.empty())) bodies.error = "BODY_TOO_BIG";
  if (!binary && request.body_end == http::BodyEnd::kBroken) {
    backend_.EnsureTopic(topic);
    return exchange->Error(500, "INTERNAL_ERROR");
  }
  if (!bodies.error.empty() || bodies.messages.empty()) {
    backend_.EnsureTopic(topic);  // as nsqd: even then
    if (bodies.error.empty()) return exchange->Text("OK");
    return exchange->Error(413, bodies.error);
  }
  if (backend_.Drain().draining) return exchange->Error(503, "DRAINING");
  backend_.Publish(topic, bodies.messages, Duration::zero(),
                   AnswerPublish(std::move(exchange), topic));
}

void Api::Stats(Request exchange) {
  if (!IsValid(*exchange)) return;
  const http::Params& params = exchange->request().params;
  const auto text = [&params](std::string_view name) {
    const std::string* const value = params.Find(name);
    return value == nullptr ? std::string() : *value;
  };
  StatsPage page;
  page.health = backend_.Health();
  page.start_time = backend_.start_time();
  page.filter.topic = text("topic");
  page.filter.channel = text("channel");
  page.filter.include_clients = BoolParam(params, "include_clients", true);
  if (BoolParam(params, "include_mem", true)) page.memory = backend_.Memory();
  const bool as_json = text("format") == "json";

  // A topic that is not there and one that lacks the channel are told apart in the answer, so a
  // topic is asked for with all its channels.
  StatsFilter filter = page.filter;
  if (!filter.topic.empty()) filter.channel.clear();
  backend_.GatherStats(filter, [shared = std::shared_ptr<Exchange>(std::move(exchange)), page,
                                as_json](DaemonStats stats) mutable {
    page.now = WallNow();
    page.unknown_topic = !page.filter.topic.empty() && stats.topics.empty();
    if (page.memory) page.memory->heap_objects += stats.held_objects;
    page.stats = std::move(stats);
    if (!page.filter.channel.empty()) KeepChannel(page.filter.channel, &page.stats.topics);
    if (as_json) {
      shared->Json(StatsJson(page));
    } else {
      shared->Text(StatsText(page));
    }
  });
}

void Api::Metrics(Request exchange) {
  const std::string health = backend_.Health();
  const int64_t budget = backend_.options().memory_budget_bytes;
  backend_.GatherMetrics(true, [shared = std::shared_ptr<Exchange>(std::move(exchange)), health,
                                budget](const std::vector<MetricsPart>& parts) {
    shared->Answer({200, metrics::kContentType, MetricsText(parts, health, budget), false});
  });
}

void Api::ActOnTopic(TopicAction action, Request exchange) {
  if (!IsValid(*exchange)) return;
  const std::string* const topic = exchange->request().params.Find("topic");
  if (topic == nullptr) return exchange->Error(400, "MISSING_ARG_TOPIC");
  if (!IsValidTopicName(*topic)) {
    // Some look for the topic without looking at its name first.
    const bool checks_name =
        action == TopicAction::kCreateTopic || action == TopicAction::kEmptyTopic;
    if (checks_name) return exchange->Error(400, "INVALID_TOPIC");
    return exchange->Error(404, "TOPIC_NOT_FOUND");
  }
  std::string name = *topic;
  Act(action, std::move(name), "", std::move(exchange));
}

void Api::ActOnChannel(TopicAction action, Request exchange) {
  if (!IsValid(*exchange)) return;
  const http::Params& params = exchange->request().params;
  const std::string* const topic = params.Find("topic");
  if (topic == nullptr) return exchange->Error(400, "MISSING_ARG_TOPIC");
  if (!IsValidTopicName(*topic)) return exchange->Error(400, "INVALID_ARG_TOPIC");
  const std::string* const channel = params.Find("channel");
  if (channel == nullptr) return exchange->Error(400, "MISSING_ARG_CHANNEL");
  if (!IsValidChannelName(*channel)) return exchange->Error(400, "INVALID_ARG_CHANNEL");
  std::string topic_name = *topic;
  std::string channel_name = *channel;
  Act(action, std::move(topic_name), std::move(channel_name), std::move(exchange));
}

void Api::Act(TopicAction action, std::string topic, std::string channel, Request exchange) {
  std::string path(exchange->request().path);
  std::shared_ptr<Exchange> shared(std::move(exchange));
  backend_.Act(action, std::move(topic), std::move(channel),
               [shared, path = std::move(path)](const Backend::ActionResult& result) {
                 if (result.status.ok()) return shared->Empty();
                 if (result.missing == Backend::Missing::kTopic) {
                   return shared->Error(404, "TOPIC_NOT_FOUND");
                 }
                 if (result.missing == Backend::Missing::kChannel) {
                   return shared->Error(404, "CHANNEL_NOT_FOUND");
                 }
                 NSQ_LOG(kError, "failure in ", path, " - ", result.status.ToString());
                 shared->Error(500, "INTERNAL_ERROR");
               });
}

// Ours: what of the daemon's options a topic has for itself.
void Api::GetTopicConfig(Request exchange) {
  const std::string* const topic = NamedTopic(*exchange);
  if (topic == nullptr) return;
  StatsFilter filter;
  filter.topic = *topic;
  filter.include_clients = false;
  backend_.GatherStats(
      filter, [shared = std::shared_ptr<Exchange>(std::move(exchange))](const DaemonStats& stats) {
        if (stats.topics.empty()) return shared->Error(404, "TOPIC_NOT_FOUND");
        const TopicStats& found = stats.topics.front();
        std::string json = R"({"durability":)";
        AppendJsonString(found.durability, &json);
        json += found.own_durability ? R"(,"durability_is_default":false})"
                                     : R"(,"durability_is_default":true})";
        shared->Json(json);
      });
}

// ?topic=orders&durability=memory|os|fsync|default
void Api::SetTopicConfig(Request exchange) {
  const std::string* const topic = NamedTopic(*exchange);
  if (topic == nullptr) return;
  const std::string* const value = exchange->request().params.Find("durability");
  if (value == nullptr) return exchange->Error(400, "MISSING_ARG_DURABILITY");
  TopicAction action = TopicAction::kTopicDurabilityDefault;
  if (*value != "default") {
    const std::optional<Durability> durability = ParseDurability(*value);
    // An ephemeral topic is in memory only.
    if (!durability || (IsEphemeral(*topic) && *durability != Durability::kMemory)) {
      return exchange->Error(400, "INVALID_ARG_DURABILITY");
    }
    switch (*durability) {
      case Durability::kMemory:
        action = TopicAction::kTopicDurabilityMemory;
        break;
      case Durability::kOs:
        action = TopicAction::kTopicDurabilityOs;
        break;
      case Durability::kFsync:
        action = TopicAction::kTopicDurabilityFsync;
        break;
    }
  }
  std::string name = *topic;
  Act(action, std::move(name), "", std::move(exchange));
}

// Ours: /backup?name=monday
void Api::Backup(Request exchange) {
  if (!HasValidQuery(*exchange)) return;
  const std::string* const given = exchange->request().params.Find("name");
  if (given == nullptr) return exchange->Error(400, "MISSING_ARG_NAME");
  // As a topic's: it becomes a directory.
  if (!IsValidTopicName(*given) || IsEphemeral(*given) || given->front() == '.') {
    return exchange->Error(400, "INVALID_ARG_NAME");
  }
  std::string name = *given;
  backend_.Backup(std::move(name), [shared = std::shared_ptr<Exchange>(std::move(exchange))](
                                       const Backend::BackupResult& result) {
    if (result.status.code() == Code::kExists) return shared->Error(409, "BACKUP_EXISTS");
    if (!result.status.ok()) {
      return shared->Error(500, "BACKUP_FAILED - " + result.status.detail());
    }
    std::string json = R"({"path":)";
    AppendJsonString(result.path, &json);
    json += R"(,"topics":)" + std::to_string(result.topics) + R"(,"bytes":)" +
            std::to_string(result.size_bytes) + "}";
    shared->Json(json);
  });
}

void Api::GetOption(Request exchange) {
  if (exchange->request().param == kDrain) return exchange->Json(DrainJson(backend_.Drain()));
  const Result<Backend::ConfigValue> value = backend_.GetConfig(exchange->request().param);
  if (!value.ok()) return exchange->Error(400, "INVALID_OPTION");
  if (value->json) {
    exchange->Json(value->body);
  } else {
    exchange->Text(value->body);
  }
}

void Api::PutOption(Request exchange) {
  const http::BodyEnd end = exchange->request().body_end;
  if (end == http::BodyEnd::kBroken) return exchange->Error(500, "INTERNAL_ERROR");
  const std::string_view body = exchange->request().body;
  if (body.empty() || end == http::BodyEnd::kTooLong) {
    return exchange->Error(413, "INVALID_VALUE");
  }
  const std::string& option = exchange->request().param;
  if (option == kLookupdAddresses) {
    bool is_null = false;
    Result<std::vector<std::string>> addresses = ParseJsonStrings(body, &is_null);
    if (!addresses.ok()) return exchange->Error(400, "INVALID_VALUE");
    backend_.SetLookupdAddresses(*std::move(addresses));
    if (is_null) return exchange->Json("null");
  } else if (option == kLogLevel) {
    const std::optional<LogLevel> level = ParseLogLevel(body);
    if (!level) return exchange->Error(400, "INVALID_VALUE");
    SetLogLevel(*level);
  } else if (option == kDrain) {
    const std::optional<Duration> timeout = ParseGoDuration(body);
    if (body == "false") {
      backend_.CancelDrain();
    } else if (body == "true" || (timeout && *timeout >= Duration::zero())) {
      backend_.StartDrain(timeout);
    } else {
      return exchange->Error(400, "INVALID_VALUE");
    }
  } else {
    return exchange->Error(400, "INVALID_OPTION");
  }
  GetOption(std::move(exchange));
}

}  // namespace nsq::nsqd
