#pragma once

#include <cstddef>
#include <memory>

#include "common/event/unique_fd.h"
#include "common/status.h"

namespace nsq {
class EventLoop;
}

namespace nsq::http {

class Exchange;
class Router;

struct Limits {
  // The longest body a handler is shown. Above this the client gets a bare 413 and the connection
  // ends. Choose it well above what handlers accept, so that they can refuse in their own words:
  // ForBodies does.
  size_t max_body_bytes = size_t{32} << 20;
  size_t max_header_bytes = (size_t{1} << 20) + 4096;

  // For handlers that refuse bodies longer than `accepted_bytes` by themselves.
  static Limits ForBodies(size_t accepted_bytes);
};

// An HTTP/1.x server on one loop, by libevent's evhttp: keep-alive, pipelining answered in order,
// chunked uploads, Expect: 100-continue. Several servers, one a loop, may share a listening socket
// through dup().
//
// Home: its loop.
// Owns: its listening sockets and connections. Destroying it closes all of them at once; Exchanges
// that are still out answer nobody then.
class Server {
 public:
  // `router` outlives the server.
  Server(EventLoop& loop, const Router& router, Limits limits);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // `fd` is listening and non-blocking (nsq::Listen).
  Status Listen(UniqueFd fd);

  // Accepts nobody any more and ends the connections that wait for a next request; those with a
  // request in progress end with its answer.
  void Stop();

  size_t connections() const;

 private:
  friend class Exchange;
  class Core;

  const std::unique_ptr<Core> core_;
};

}  // namespace nsq::http
