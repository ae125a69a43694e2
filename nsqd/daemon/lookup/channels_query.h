#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/daemon/lookup/lookup_peer.h"

namespace nsq::http {
class Client;
struct ClientOptions;
}  // namespace nsq::http

namespace nsq::nsqd {

// What the client of FetchChannels should be like.
http::ClientOptions ChannelsClientOptions(Duration connect_timeout, Duration request_timeout);

// Asks one nsqlookupd for the channels of `topic`: GET /channels. Blocks: for the helper pool.
// The names are as it says them, good or bad.
Result<std::vector<std::string>> FetchChannels(http::Client& client, const LookupHttpAddress& from,
                                               const std::string& topic);

// The names in its answer, {"channels":["a","b"]}; null means none.
Result<std::vector<std::string>> ParseChannels(std::string_view body);

}  // namespace nsq::nsqd
