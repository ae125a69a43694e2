#include "nsqd/daemon/lookup/channels_query.h"

#include <nlohmann/json.hpp>

#include "common/event/address.h"
#include "common/http/client.h"
#include "common/strings.h"

namespace nsq::nsqd {
namespace {

// Room for the longest names of some ten thousand channels.
constexpr size_t kMaxAnswerBytes = size_t{1} << 20;

}  // namespace

http::ClientOptions ChannelsClientOptions(Duration connect_timeout, Duration request_timeout) {
  http::ClientOptions options;
  options.connect_timeout = connect_timeout;
  options.request_timeout = request_timeout;
  options.max_response_bytes = kMaxAnswerBytes;
  return options;
}

Result<std::vector<std::string>> FetchChannels(http::Client& client, const LookupHttpAddress& from,
                                               const std::string& topic) {
  const std::string url = StrCat("http://", JoinHostPort(from.host, from.port),
                                 "/channels?topic=", http::EscapeQuery(topic));
  const Result<std::string> body = client.Query(url);
  if (!body.ok()) return body.status();
  Result<std::vector<std::string>> channels = ParseChannels(*body);
  if (channels.ok()) return channels;
  return Status(channels.status().code(),
                StrCat("Get \"", url, "\": ", channels.status().detail()));
}

Result<std::vector<std::string>> ParseChannels(std::string_view body) {
  const nlohmann::json answer = nlohmann::json::parse(body, nullptr, false);
  if (!answer.is_object()) return Status(Code::kInvalid, "not a JSON object");
  std::vector<std::string> channels;
  const auto list = answer.find("channels");
  if (list == answer.end() || list->is_null()) return channels;
  if (!list->is_array()) return Status(Code::kInvalid, "channels is not an array");
  for (const nlohmann::json& channel : *list) {
    if (!channel.is_string()) return Status(Code::kInvalid, "a channel that is not a string");
    channels.push_back(channel.get<std::string>());
  }
  return channels;
}

}  // namespace nsq::nsqd
