#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "admin/request.h"
#include "common/status.h"

namespace nsq::admin {

class CallStats;

// What every answer allows a browser to load: only what comes from here, and images from `images`
// ("https://graphite:8080") unless it is empty.
std::string SecurityPolicy(std::string_view images);

// nsqadmin's HTTP listener: a loop that holds the connections, and threads for the requests, which
// wait for daemons. A connection without a request costs no thread, however slow its client is.
//
// Adds to every answer the security headers, compression where the client asks for it, and a line
// in the log.
//
// Home: the thread that made it.
class HttpServer {
 public:
  // Called on many threads at once.
  using Handler = std::function<Response(const Request&)>;

  // `stats`, if not null, counts what is answered.
  explicit HttpServer(Handler handler, CallStats* stats = nullptr);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  // stops

  // `address` is "host:port"; port 0 takes a free one. Serves on threads of its own. kInvalid or
  // kIo say why it cannot be had. Call once.
  Status Listen(const std::string& address);

  // "127.0.0.1:4171", as bound.
  const std::string& address() const;

  // Closes the listener, and all connections but those whose request a handler works on, which it
  // waits for; requests that no handler has begun with hear 503.
  void Stop();

 private:
  class Core;

  const std::unique_ptr<Core> core_;
};

}  // namespace nsq::admin
