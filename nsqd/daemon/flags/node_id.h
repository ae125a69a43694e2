#pragma once

#include <cstdint>
#include <string_view>

namespace nsq::nsqd {

// The default of --node-id, 0 to 1023: a host keeps its id when it changes from the original to
// this program, because the rule is the same (spec, nsqd-config 11).
uint16_t NodeIdOf(std::string_view hostname);

}  // namespace nsq::nsqd
