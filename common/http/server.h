#pragma once

#include <cstddef>
#include <memory>

#include "common/event/unique_fd.h"
#include "common/time.h"

namespace nsq {
class ConnectionLimit;
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
  static constexpr Duration kHandshakeTime = seconds(10);

  // `router` outlives the server, and so does `limit`, which several servers may share; null: as
  // many connections as come. One too many hears 503 {"message":"TOO_MANY_CONNECTIONS"}, over TLS
  // an alert, before it has said anything.
  Server(EventLoop& loop, const Router& router, ConnectionLimit* limit = nullptr);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // `fd` is listening and non-blocking (nsq::Listen).
  void Listen(UniqueFd fd);
  // Clients of `fd` speak TLS, by the context that UseTls was given last, and have shaken hands
  // within `handshake_time` or are closed.
  void ListenTls(UniqueFd fd, Duration handshake_time = kHandshakeTime);
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
