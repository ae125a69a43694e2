#include "tests/bench/stats.h"

#include <exception>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

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
  // One question however many they are: answering it is work of the server's, too.
  std::string target = "/stats?format=json&include_clients=false";
  if (topics.size() == 1) target += "&topic=" + topics.front();
  const Result<std::string> text = HttpCall(http, "GET", target);
  if (!text.ok()) return text.status();
  const std::set<std::string_view> wanted(topics.begin(), topics.end());
  QueueTotals totals;
  try {
    const json stats = json::parse(*text);
    for (const json& each : stats.at("topics")) {
      if (wanted.contains(each.at("topic_name").get_ref<const std::string&>())) {
        AddTopic(each, &totals);
      }
    }
  } catch (const std::exception& error) {
    return Status(Code::kCorrupt, StrCat("/stats: ", error.what()));
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
