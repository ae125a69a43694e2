#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "common/event/buffer.h"
#include "common/event/stream_filter.h"

namespace nsq {

// Raw deflate (RFC 1951, no header of zlib or gzip), the same from either side of a connection: one
// stream in each direction, flushed (an empty stored block) with every Encode, never finished.
//
// Home: the connection's loop.
// Memory: 40 KiB once the peer has said something, since it may refer to what it said before; 260
// KiB once this side has said more than a few words, given back by Trim if it has not lately: what
// is said next does not refer to what was said before, which the format allows.
class DeflateFilter final : public StreamFilter {
 public:
  // `level`: 1 to 9.
  explicit DeflateFilter(int level);
  ~DeflateFilter() override;

  Status Decode(std::string_view outer, Buffer* inner, Buffer* reply) override;
  bool has_more() const override { return has_more_; }
  Status Encode(std::string_view inner, Buffer* outer) override;
  void Trim() override;

 private:
  struct Inflater;
  struct Deflater;

  Status Inflate(std::string_view* outer, Buffer* inner);

  const int level_;
  std::unique_ptr<Inflater> inflater_;  // none before the first byte
  std::unique_ptr<Deflater> deflater_;  // none while there is nothing to say
  Buffer pending_;                      // what Decode has stopped before
  bool has_more_ = false;
  size_t encoded_since_trim_ = 0;
  Status ended_;  // final
};

}  // namespace nsq
