#pragma once

#include <string_view>

#include "common/status.h"
#include "lookupd/registration_db.h"

namespace nsq::lookupd {

// Reads the JSON body of an IDENTIFY by the rules that nsqds of any version are used to: keys in
// any letter case, the last of several wins, null and unknown keys change nothing, bytes that are
// not UTF-8 become U+FFFD. What is not said stays empty or 0.
//
// kInvalid: not one JSON object, or a known key with a value of the wrong type (a port with a
// fraction, for instance). The detail is for the log.
Result<Peer> ParseIdentifyBody(std::string_view body);

// Whether it has what an nsqd must say: broadcast address, both ports and version. Any number but
// 0 will do for a port, as in nsqlookupd.
bool HasRequiredFields(const Peer& peer);

}  // namespace nsq::lookupd
