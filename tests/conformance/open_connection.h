#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "common/event/unique_fd.h"
#include "common/time.h"
#include "tests/conformance/conversation.h"

namespace nsq::conformance {

// A connection on which a test speaks and listens in turn.
class OpenConnection {
 public:
  OpenConnection(uint16_t port, Protocol protocol, std::string_view first);

  void Send(std::string_view bytes);
  void Shutdown();  // of our side
  // The next frame as text, as in Heard; "(end)" if the connection ended, "(silence)" if nothing
  // came for so long.
  std::string Next(Duration patience);
  std::string Next();
  // Of the last message that Next gave.
  const std::string& message_id() const { return message_id_; }
  int64_t message_timestamp_ns() const { return message_timestamp_ns_; }

  // Bytes as they are: for what is no frame. Up to `size`, fewer if it ended.
  std::string Take(size_t size);
  int fd() const { return fd_.get(); }

 private:
  bool Receive(SteadyTime deadline);

  const Protocol protocol_;
  UniqueFd fd_;
  std::string received_;
  bool ended_ = false;
  std::string message_id_;
  int64_t message_timestamp_ns_ = 0;
};

}  // namespace nsq::conformance
