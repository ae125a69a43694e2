#pragma once

#include <string>
#include <string_view>

#include "common/status.h"
#include "tests/bench/read_buffer.h"

namespace nsq::bench {

// An IDENTIFY command; `more_fields` is JSON like "\"heartbeat_interval\":-1", or empty.
std::string Identify(std::string_view more_fields);

// Sends the magic and `commands` on a blocking socket and waits for as many OK as there should
// be. What follows them stays in the buffer.
Status Handshake(int fd, std::string_view commands, int answers, ReadBuffer* buffer);

Status MakeNonBlocking(int fd);

}  // namespace nsq::bench
