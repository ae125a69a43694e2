#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace nsq::bench {

// What a socket sent and nobody looked at yet, in one piece.
//
// Home: the thread that made it.
class ReadBuffer {
 public:
  ReadBuffer();

  // One read of whatever is there. kUnavailable when the other side closed, kTimeout when nothing
  // was there, kIo otherwise.
  Status Fill(int fd);

  // What was read elsewhere.
  void Append(std::string_view bytes);

  std::string_view unread() const { return {bytes_.data() + begin_, end_ - begin_}; }
  // Pieces of unread() stay valid until the next Fill.
  void Consume(size_t size_bytes) { begin_ += size_bytes; }

 private:
  void MakeRoom(size_t size_bytes);

  std::vector<char> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

enum class FrameType : int32_t { kResponse = 0, kError = 1, kMessage = 2 };

struct Frame {
  FrameType type = FrameType::kResponse;
  std::string_view payload;
};

// Takes the next whole frame of the V2 protocol; nothing if it is not there whole.
std::optional<Frame> NextFrame(ReadBuffer* buffer);

// Takes the next whole HTTP/1.1 answer with a Content-Length and returns its status code; nothing
// if it is not there whole, 0 if it cannot be understood.
std::optional<int> NextHttpAnswer(ReadBuffer* buffer);

}  // namespace nsq::bench
