#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/daemon/lookup/lookup_peer.h"

namespace nsq::nsqd {

// Asks one nsqlookupd for the channels of `topic`: GET /channels. Blocks: for the helper pool.
// The names are as it says them, good or bad.
Result<std::vector<std::string>> FetchChannels(const LookupHttpAddress& from,
                                               const std::string& topic, Duration connect_timeout,
                                               Duration request_timeout);

// The names in its answer, {"channels":["a","b"]}; null means none.
Result<std::vector<std::string>> ParseChannels(std::string_view body);

}  // namespace nsq::nsqd
