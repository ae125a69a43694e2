#pragma once

#include <cstddef>
#include <memory>

#include "common/event/unique_fd.h"

namespace nsq {
class EventLoop;
class TlsContext;
}  // namespace nsq

namespace nsq::http {

class Router;
struct Route;

// An HTTP/1.x server on one loop: keep-alive, pipelining answered in order, chunked uploads,
// Expect: 100-continue. Several servers, one a loop, may share a listening socket through dup().
//
// Home: its loop.
// Owns: its listening sockets and connections. Destroying it closes all of them at once; Exchanges
// that are still out answer nobody then.
class Server {
 public:
  // `router` outlives the server.
  Server(EventLoop& loop, const Router& router);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // `fd` is listening and non-blocking (nsq::Listen).
  void Listen(UniqueFd fd);
  // Clients of `fd` speak TLS, by the context that UseTls was given last.
  void ListenTls(UniqueFd fd);
  void UseTls(std::shared_ptr<const TlsContext> context);

  // Every request without TLS is given to `route`, whatever it asks for.
  void DivertPlain(Route route);

  // Accepts nobody any more and ends the connections that wait for a next request; those with a
  // request in progress end with its answer.
  void Stop();

  size_t connections() const;

 private:
  class Core;

  const std::unique_ptr<Core> core_;
};

}  // namespace nsq::http
