#pragma once

#include <string>
#include <string_view>

#include "common/event/address.h"
#include "common/status.h"

namespace nsq::bench {

// One HTTP request without a body on a connection of its own; blocks at most five seconds in each
// system call. Returns the body of a 200; any other status is kInvalid.
Result<std::string> HttpCall(const Address& address, std::string_view method,
                             std::string_view target);

}  // namespace nsq::bench
