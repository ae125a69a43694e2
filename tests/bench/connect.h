#pragma once

#include "common/event/address.h"
#include "common/event/unique_fd.h"
#include "common/status.h"

namespace nsq::bench {

// A connected TCP socket with TCP_NODELAY, blocking.
Result<UniqueFd> Connect(const Address& address);

}  // namespace nsq::bench
