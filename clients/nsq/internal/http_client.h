#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/event/event_loop.h"
#include "common/status.h"
#include "common/time.h"

namespace nsq {
class TlsContext;
}

namespace nsq::client {

class RuntimeCore;

struct HttpRequest {
  bool is_post = false;  // else GET
  std::string url;       // user:password@ becomes an Authorization
  std::string body;      // of a POST
  // Each replaces one of the same name (in any case) that would be sent by itself.
  std::vector<std::pair<std::string, std::string>> headers;
};

struct HttpResponse {
  int status = 0;
  std::string status_line;  // "404 Not Found"
  std::string body;         // empty if HttpOptions::keep_bodies is false
};

struct HttpOptions {
  Duration connect_timeout = seconds(2);
  Duration request_timeout = seconds(5);  // for all of a call
  std::string user_agent;
  // A redirected POST: 307 and 308 send it again, to the new place. 301, 302 and 303 would make an
  // empty GET of it: they are followed only if this is set, else they are the answer.
  bool follow_post_as_get = false;
  bool keep_bodies = true;
  size_t max_body_bytes = size_t{64} << 20;
  size_t idle_connections = 4;                      // kept for the next call, of each host
  std::shared_ptr<const TlsContext> tls = nullptr;  // for https; null: the system's authorities
};

// Asks HTTP servers, on a loop: any number of calls at the same time, connections are used again.
//
// Home: its loop. Destroying it ends what is under way without an answer.
// Errors, worded as Go's: `Get "http://a:1/x": dial tcp 10.0.0.1:1: connect: connection refused`
//   kUnavailable  nobody answers, or in another language
//   kTimeout      not in time
//   kInvalid      the URL is none
class HttpClient {
 public:
  using Done = std::function<void(Result<HttpResponse>)>;

  HttpClient(EventLoop& loop, RuntimeCore& runtime, HttpOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  // `done` is called once, never before this returns, and may ask again; it must not destroy the
  // client.
  void Ask(HttpRequest request, Done done);

 private:
  class Call;
  class Wire;

  Result<std::shared_ptr<const TlsContext>> Tls();
  std::unique_ptr<Wire> TakeIdle(const std::string& place);
  void KeepIdle(std::unique_ptr<Wire> wire);
  void DropIdle(Wire* wire);
  void Bury(std::unique_ptr<Wire> wire);
  void Remove(Call* call);

  EventLoop& loop_;
  RuntimeCore& runtime_;
  HttpOptions options_;
  std::list<std::unique_ptr<Call>> calls_;
  std::list<std::unique_ptr<Wire>> idle_;
};

// "host:port" -> true if it has a port, as Go's net.SplitHostPort sees it; else the reason is in
// `why`.
bool HasPort(std::string_view address, std::string* why);

// Form-escapes as Go's url.QueryEscape: all but A-Za-z0-9-_.~ as %XX, space as '+'.
std::string QueryEscape(std::string_view text);

}  // namespace nsq::client
