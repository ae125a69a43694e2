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

// nsqadmin's HTTP listener, on cpp-httplib: a thread for each connection, one request for each
// connection (an idle keep-alive connection would hold its thread and wake it a hundred times a
// second).
//
// Adds to every answer the security headers, compression where the client asks for it, and a line
// in the log.
//
// Home: any thread.
class HttpServer {
 public:
  // Called on many threads at once.
  using Handler = std::function<Response(const Request&)>;

  // `stats`, if not null, counts what is answered.
  explicit HttpServer(Handler handler, CallStats* stats = nullptr);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  // stops

  // `address` is "host:port"; port 0 takes a free one. Serves on threads of its own. kIo says why
  // it cannot be had.
  Status Listen(const std::string& address);

  // "127.0.0.1:4171", as bound.
  const std::string& address() const;

  // Closes the listener; requests under way are answered.
  void Stop();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace nsq::admin
