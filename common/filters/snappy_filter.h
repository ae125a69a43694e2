#pragma once

#include <cstddef>
#include <string_view>

#include "common/event/buffer.h"
#include "common/event/stream_filter.h"

namespace nsq {

// Snappy's framing format, the same from either side of a connection: chunks of a type, a length
// and at most 64 KiB of what is said, compressed if that saves an eighth, with a checksum each.
//
// Home: the connection's loop.
// Memory: a chunk that has not come whole, or what Decode has stopped before; nothing while idle.
class SnappyFilter final : public StreamFilter {
 public:
  // kCorrupt is final: whatever follows is not looked at.
  Status Decode(std::string_view outer, Buffer* inner, Buffer* reply) override;
  bool has_more() const override { return has_more_; }
  Status Encode(std::string_view inner, Buffer* outer) override;

 private:
  // Takes whole chunks off the front of `outer` until the limit.
  Status DecodeChunks(std::string_view* outer, Buffer* inner);
  Status CheckHeader(unsigned char type, size_t length) const;
  Status DecodeChunk(unsigned char type, std::string_view chunk, Buffer* inner);

  Buffer pending_;  // begins with a chunk's header
  bool heard_identifier_ = false;
  bool said_identifier_ = false;
  bool has_more_ = false;
  bool broken_ = false;
};

}  // namespace nsq
