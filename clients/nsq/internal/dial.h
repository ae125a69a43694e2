#pragma once

#include <string>

#include "common/event/address.h"
#include "common/event/unique_fd.h"
#include "common/status.h"

namespace nsq::client {

// A non-blocking connect to a numeric address or a Unix socket, calling from `local_addr`
// ("host:port") if it is not empty. Any thread.
Result<UniqueFd> Dial(const Address& to, const std::string& local_addr);

// "connection refused": what stands behind a status of the socket, as Go words it.
std::string ReasonOf(const Status& status);

}  // namespace nsq::client
