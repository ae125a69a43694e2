#include "tests/bench/handshake.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <optional>

#include "common/strings.h"

namespace nsq::bench {

std::string Identify(std::string_view more_fields) {
  const std::string json =
      StrCat("{\"client_id\":\"nsq_bench\",\"hostname\":\"nsq_bench\",\"user_agent\":\"nsq_bench\"",
             more_fields.empty() ? "" : ",", more_fields, "}");
  const uint32_t size = htobe32(static_cast<uint32_t>(json.size()));
  return StrCat("IDENTIFY\n", std::string_view(reinterpret_cast<const char*>(&size), sizeof size),
                json);
}

Status Handshake(int fd, std::string_view commands, int answers, ReadBuffer* buffer) {
  const std::string all = StrCat("  V2", commands);
  if (send(fd, all.data(), all.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(all.size())) {
    return ErrnoStatus(errno, "send the handshake");
  }
  while (answers > 0) {
    const std::optional<Frame> frame = NextFrame(buffer);
    if (frame && frame->type == FrameType::kResponse && frame->payload == "OK") {
      --answers;
    } else if (frame) {
      return Status(Code::kInvalid, StrCat("the handshake got '", frame->payload, "'"));
    } else if (Status status = buffer->Fill(fd); !status.ok()) {
      return status;
    }
  }
  return Status();
}

Status MakeNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0) return Status();
  return ErrnoStatus(errno, "make a socket non-blocking");
}

}  // namespace nsq::bench
