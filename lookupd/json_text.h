#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lookupd/registration_db.h"

namespace nsq::lookupd {

// What the answer to IDENTIFY tells an nsqd about this daemon.
struct Identity {
  std::string broadcast_address;
  std::string hostname;
  uint16_t tcp_port = 0;
  uint16_t http_port = 0;
};

// The JSON texts this daemon says, keys in NSQ's order, no white space; all lists are [] when
// empty, never null. nsqadmin ends itself over a /nodes whose `tombstones` is shorter than its
// `topics`: they come from one list here.
std::string IdentityJson(const Identity& identity);
std::string TopicsJson(const std::vector<std::string_view>& topics);
std::string ChannelsJson(const std::vector<std::string_view>& channels);
std::string LookupJson(const RegistrationDb::LookupView& view);
std::string NodesJson(const std::vector<RegistrationDb::NodeView>& nodes);
std::string DebugJson(const RegistrationDb::Dump& dump);

}  // namespace nsq::lookupd
