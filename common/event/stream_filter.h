#pragma once

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
  virtual ~StreamFilter() = default;

  // Takes all of `outer` as it came from the peer and appends what it means to `inner`. Anything
  // the layer itself has to answer (a handshake) goes to `reply`, in outer form.
  //   kCorrupt  the peer's bytes are not of this layer: close the connection
  virtual Status Decode(std::string_view outer, Buffer* inner, Buffer* reply) = 0;

  // Takes all of `inner` and appends its outer form, flushed: the peer can decode all of it.
  virtual Status Encode(std::string_view inner, Buffer* outer) = 0;
};

}  // namespace nsq
