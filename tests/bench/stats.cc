#include "tests/bench/stats.h"

#include <exception>
#include <nlohmann/json.hpp>

#include "common/strings.h"
#include "tests/bench/http_call.h"

namespace nsq::bench {
namespace {

using nlohmann::json;

void Add(const json& from, const char* name, uint64_t* to) { *to += from.at(name).get<uint64_t>(); }

void AddTopic(const json& topic, QueueTotals* totals) {
  Add(topic, "message_count", &totals->topic_messages);
  Add(topic, "depth", &totals->topic_depth);
  for (const json& channel : topic.at("channels")) {
    Add(channel, "depth", &totals->channel_depth);
    Add(channel, "in_flight_count", &totals->in_flight);
    Add(channel, "deferred_count", &totals->deferred);
    Add(channel, "requeue_count", &totals->requeued);
    Add(channel, "timeout_count", &totals->timed_out);
  }
}

}  // namespace

Result<QueueTotals> FetchTotals(const Address& http, const std::vector<std::string>& topics) {
  QueueTotals totals;
  for (const std::string& topic : topics) {
    const Result<std::string> text =
        HttpCall(http, "GET", StrCat("/stats?format=json&include_clients=false&topic=", topic));
    if (!text.ok()) return text.status();
    try {
      const json stats = json::parse(*text);
      for (const json& each : stats.at("topics")) AddTopic(each, &totals);
    } catch (const std::exception& error) {
      return Status(Code::kCorrupt, StrCat("/stats: ", error.what()));
    }
  }
  return totals;
}

Result<uint16_t> FetchTcpPort(const Address& http) {
  const Result<std::string> text = HttpCall(http, "GET", "/info");
  if (!text.ok()) return text.status();
  try {
    return json::parse(*text).at("tcp_port").get<uint16_t>();
  } catch (const std::exception& error) {
    return Status(Code::kCorrupt, StrCat("/info: ", error.what()));
  }
}

}  // namespace nsq::bench
