#pragma once

#include <string>

#include "common/event/address.h"
#include "common/event/unique_fd.h"
#include "common/status.h"

namespace nsq::client {

// "host:port", or the path of a Unix socket, which has a '/' or begins with '@'; the detail of an
// error reads as Go's: "dial tcp: address 127.0.0.1: missing port in address".
Result<Address> ParseNsqdAddress(const std::string& text);

// A non-blocking connect to a numeric address or a Unix socket, calling from `local_addr`
// ("host:port") if it is not empty. Any thread.
Result<UniqueFd> Dial(const Address& to, const std::string& local_addr);

// "connection refused": what stands behind a status of the socket, as Go words it.
std::string ReasonOf(const Status& status);

}  // namespace nsq::client
