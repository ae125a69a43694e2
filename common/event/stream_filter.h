#pragma once

#include <cstddef>
#include <string_view>

#include "common/status.h"

namespace nsq {

class Buffer;

// One layer between a socket and what is said over it: TLS, snappy, deflate. Filters stack; the
// socket's side is "outer", the session's side is "inner".
//
// Home: the connection's loop; moves with it. A filter holds no reference to a loop.
class StreamFilter {
 public:
  // What one Decode appends at most, give or take what its format cannot cut: a few bytes of a
  // compressed stream may mean a thousand times as many.
  static constexpr size_t kDecodeBytes = size_t{256} * 1024;

  virtual ~StreamFilter() = default;

  // What it says before it has heard anything: a client's half of a handshake.
  virtual Status Start(Buffer* /*outer*/) { return Status(); }

  // Whether it can carry what the session says. Until then only Decode is called.
  virtual bool ready() const { return true; }

  // Takes all of `outer` as it came from the peer and appends what it means to `inner`; what is
  // more than kDecodeBytes stays in the filter until it is called again with nothing. Anything the
  // layer itself has to answer goes to `reply`, in outer form. An error ends the stream: what was
  // understood before it is in `inner`, what the peer is to be told of it in `reply`.
  //   kUnavailable  the peer has ended the stream, as it may
  //   kCorrupt      the peer's bytes are not of this layer
  //   kInvalid      a handshake failed: the detail says why
  virtual Status Decode(std::string_view outer, Buffer* inner, Buffer* reply) = 0;
  // Whether Decode has stopped at its limit. Nothing new may be given to it before it goes on.
  virtual bool has_more() const { return false; }

  // Takes all of `inner` and appends its outer form, flushed: the peer can decode all of it.
  virtual Status Encode(std::string_view inner, Buffer* outer) = 0;

  // What it says last, if it is open at all.
  virtual void Finish(Buffer* /*outer*/) {}

  // Gives back memory that it can do without. Called now and then.
  virtual void Trim() {}
};

}  // namespace nsq
