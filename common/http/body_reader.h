#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/http/request_head.h"

namespace nsq::http {

// Follows a request's body to its end, whatever its framing, and says which bytes are its own.
//
// Home: its owner's; pure. Holds nothing of the body. RFC 9112, 6 and 7.
class BodyReader {
 public:
  enum class State : uint8_t {
    kMore,
    kWhole,
    kBroken,  // not the framing that was promised: nobody knows where it ends
  };

  // A body of no bytes.
  BodyReader() = default;
  // `length_bytes` counts with Framing::kLength alone.
  BodyReader(Framing framing, uint64_t length_bytes);

  State state() const { return state_; }
  // Of a body with a length.
  uint64_t rest_bytes() const { return part_ == Part::kLength ? rest_bytes_ : 0; }

  // Takes bytes off the front of `data` and returns how many; those of them that are body are
  // `piece`, a view into `data`. Zero: more must come first, and what is there be offered again
  // with it, or the state has changed.
  size_t Take(std::string_view data, std::string_view* piece);

 private:
  // What is expected next.
  enum class Part : uint8_t { kLength, kChunkSize, kChunk, kChunkEnd, kTrailer };

  size_t TakeChunkSize(std::string_view data);
  size_t TakeTrailer(std::string_view data);
  size_t Break();

  State state_ = State::kWhole;
  Part part_ = Part::kLength;
  uint64_t rest_bytes_ = 0;  // of the body, or of the chunk
  uint64_t trailer_bytes_ = 0;
};

}  // namespace nsq::http
