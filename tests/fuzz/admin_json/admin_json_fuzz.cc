// JSON from outside, as nsqadmin reads it: bodies of requests, whose errors it words as Go does,
// and answers of daemons, which are read, added up and written again.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "admin/decode.h"
#include "admin/encode.h"
#include "admin/go_json.h"
#include "admin/json_writer.h"
#include "admin/merge.h"
#include "common/check.h"

namespace nsq::admin {
namespace {

bool IsJson(std::string_view text) { return nlohmann::json::accept(text); }

// Neither escapes, of which nlohmann's refuses lone surrogates, nor bytes that may be no UTF-8, nor
// numbers that may be beyond a double.
bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80 && c != '\\' && c != 'e' && c != 'E';
  });
}

// Two parsers must agree where they can; only ours limits the depth.
void TryScan(std::string_view text) {
  const std::string error = GoJsonError(text);
  const size_t length = GoJsonLength(text);
  NSQ_CHECK(length <= text.size());
  if (error.empty()) {
    NSQ_CHECK(length > 0 && GoJsonError(text.substr(0, length)).empty());
    if (IsPlain(text)) NSQ_CHECK(IsJson(text.substr(0, length)));
  } else {
    NSQ_CHECK(error == "exceeded max depth" || !IsJson(text));
  }
}

// Whatever was understood can be said, and is JSON.
void TryAnswers(std::string_view text) {
  StatsOrigin origin;
  origin.node = "a:1";
  origin.hostname = "a";
  origin.now_seconds = 1'700'000'000;
  Result<NodeStats> stats = DecodeStats(text, origin);
  if (stats.ok()) {
    for (const TopicStats& topic : stats->topics) {
      TopicStats total;
      AddTopic(topic, &total);
      AddTopic(topic, &total);
      FinishTopic(&total);
      JsonWriter json;
      EncodeTopic(total, &json);
      NSQ_CHECK(IsJson(json.Take()));
      if (!topic.channels.has_value()) continue;
      for (const ChannelStats& channel : *topic.channels) {
        ChannelStats whole;
        AddChannel(channel, &whole);
        AddChannel(channel, &whole);
        FinishChannel(&whole);
        JsonWriter one;
        EncodeChannel(whole, &one);
        NSQ_CHECK(IsJson(one.Take()));
      }
    }
  }
  Result<std::vector<Node>> nodes = DecodeProducers(text);
  if (nodes.ok()) {
    for (const Node& node : MergeNodes({{"l:1", *nodes}, {"l:2", *nodes}})) {
      JsonWriter json;
      EncodeNode(node, &json);
      NSQ_CHECK(IsJson(json.Take()));
    }
  }
  (void)DecodeInfo(text);
  (void)DecodeNames(text, "topics");
}

}  // namespace
}  // namespace nsq::admin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  nsq::admin::TryScan(input);
  nsq::admin::TryAnswers(input);
  return 0;
}
