#include "admin/api.h"

#include <utility>

#include "admin/answer.h"
#include "admin/cluster_view.h"
#include "admin/encode.h"
#include "admin/encode_report.h"
#include "admin/history.h"
#include "admin/json_writer.h"
#include "admin/sampler.h"
#include "common/http/params.h"

namespace nsq::admin {
namespace {

// Writes one JSON object: the members, then the message.
template <typename T, typename Members>
Response AnswerOf(std::string_view what, const Result<Answer<T>>& answer, Members members) {
  if (!answer.ok()) return FailureOf(what, answer.status());
  JsonWriter json;
  json.BeginObject();
  members(answer->value, &json);
  WriteMessage(answer->warnings, &json);
  json.EndObject();
  return Response::Json(json.Take());
}

void StringArrayOrNull(const std::vector<std::string>& strings, JsonWriter* json) {
  if (strings.empty()) return json->Null();
  json->BeginArray();
  for (const std::string& text : strings) json->String(text);
  json->EndArray();
}

}  // namespace

void Api::AddRoutes(Router* router) {
  router->Add("GET", "/api/topics", [this](const Call& call) { return Topics(call); });
  router->Add("GET", "/api/topics/:topic", [this](const Call& call) { return Topic(call); });
  router->Add("GET", "/api/topics/:topic/:channel",
              [this](const Call& call) { return Channel(call); });
  router->Add("GET", "/api/nodes", [this](const Call&) { return Nodes(); });
  router->Add("GET", "/api/nodes/:node", [this](const Call& call) { return OneNode(call); });
  router->Add("GET", "/api/counter", [this](const Call&) { return Counter(); });
  router->Add("GET", "/api/history", [this](const Call& call) { return Past(call); });
  router->Add("GET", "/api/cluster", [this](const Call& call) { return Cluster(call); });
}

Response Api::Topics(const Call& call) {
  const http::Params params(call.query);
  if (!params.valid()) return Response::Error(400, params.error());
  const std::string* inactive = params.Find("inactive");
  if (inactive != nullptr && *inactive == "true") {
    return AnswerOf("get inactive topics", view_->InactiveTopics(),
                    [](const auto& topics, JsonWriter* json) {
                      json->Key("topics");
                      json->BeginObject();
                      for (const auto& [topic, channels] : topics) {
                        json->Key(topic);
                        StringArrayOrNull(channels, json);
                      }
                      json->EndObject();
                    });
  }
  return AnswerOf("get topics", view_->Topics(), [](const auto& topics, JsonWriter* json) {
    json->Key("topics");
    StringArrayOrNull(topics, json);
  });
}

Response Api::Topic(const Call& call) {
  return AnswerOf("get topic metadata", view_->Topic(call.params[0]), EncodeTopicMembers);
}

Response Api::Channel(const Call& call) {
  return AnswerOf("get channel metadata", view_->Channel(call.params[0], call.params[1]),
                  EncodeChannelMembers);
}

Response Api::Nodes() {
  return AnswerOf("get nodes", view_->Nodes(), [](const auto& nodes, JsonWriter* json) {
    json->Key("nodes");
    if (nodes.empty()) return json->Null();
    json->BeginArray();
    for (const Node& node : nodes) EncodeNode(node, json);
    json->EndArray();
  });
}

Response Api::OneNode(const Call& call) {
  return AnswerOf("get node stats", view_->NodeByAddress(call.params[0]),
                  [](const ClusterView::OneNode& node, JsonWriter* json) {
                    int64_t messages = 0;
                    int64_t clients = 0;
                    json->String("node", node.address);
                    json->Key("topics");
                    if (node.stats.topics.empty()) {
                      json->Null();
                    } else {
                      json->BeginArray();
                      for (const TopicStats& topic : node.stats.topics) {
                        messages += topic.message_count;
                        for (const ChannelStats& channel :
                             topic.channels.value_or(std::vector<ChannelStats>())) {
                          clients += static_cast<int64_t>(
                              channel.clients.value_or(std::vector<ClientStats>()).size());
                        }
                        EncodeTopic(topic, json);
                      }
                      json->EndArray();
                    }
                    json->Int("total_messages", messages);
                    json->Int("total_clients", clients);
                  });
}

Response Api::Counter() {
  return AnswerOf("get counters", view_->Counters(), [](const auto& counters, JsonWriter* json) {
    json->Key("stats");
    json->BeginObject();
    for (const auto& [key, counter] : counters) {
      json->Key(key);
      json->BeginObject();
      json->String("node", counter.node);
      json->String("topic_name", counter.topic);
      json->String("channel_name", counter.channel);
      json->Int("message_count", counter.message_count);
      json->EndObject();
    }
    json->EndObject();
  });
}

Response Api::Past(const Call& call) {
  const http::Params params(call.query);
  if (!params.valid()) return Response::Error(400, params.error());
  const std::string none;
  const std::string* topic = params.Find("topic");
  const std::string* node = params.Find("node");
  return Response::Json(
      history_->Encode(topic == nullptr ? none : *topic, node == nullptr ? none : *node));
}

Response Api::Cluster(const Call& call) {
  const http::Params params(call.query);
  if (!params.valid()) return Response::Error(400, params.error());
  const std::string none;
  const std::string* topic = params.Find("topic");
  const std::string* node = params.Find("node");
  Response response = Response::Json(EncodeReport(
      *sampler_->Report(), topic == nullptr ? none : *topic, node == nullptr ? none : *node));
  response.routine = true;
  return response;
}

}  // namespace nsq::admin
