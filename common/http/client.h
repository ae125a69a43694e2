#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/time.h"

namespace nsq::http {

class NameCheck;

// For https; empty means the system's authorities and no certificate of ours.
struct TlsOptions {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  bool skip_verify = false;
  int min_version = 0;  // as on the wire: 0x0301 (TLS 1.0) to 0x0304; 0: OpenSSL's
};

struct ClientOptions {
  Duration connect_timeout = seconds(2);  // of the name server, then of each address
  Duration request_timeout = seconds(5);  // for all of a call, redirects and the retry included
  TlsOptions tls;
  std::string user_agent = "Go-http-client/1.1";  // what the original's daemons say
  size_t max_response_bytes = size_t{64} << 20;
};

struct Response {
  int status = 0;
  std::string body;
  std::string content_type = {};  // as the server says; may be empty
};

// Asks HTTP servers, by the rules of NSQ's tools (spec, nsqadmin 4): redirects are followed, and a
// 403 whose body names an https_port is asked again there over TLS.
//
// Home: any thread, several at once. Every call blocks: on a loop's behalf it runs on the
// HelperPool. Each call has its own connection. A process with a Client ignores SIGPIPE.
// Errors: kUnavailable when nobody answers, kTimeout when not in time; the detail reads as the
// original's: `Get "http://a:1/x": dial tcp a:1: connect: connection refused`.
class Client {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit Client(ClientOptions options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // Whatever the server answers, any status.
  Result<Response> Get(const std::string& url, const Headers& headers = {});
  Result<Response> Post(const std::string& url, std::string_view body, const Headers& headers = {});
  Result<Response> Put(const std::string& url, std::string_view body, const Headers& headers = {});

  // The body of a 200; any other status is an error: kNotFound for 404, kInvalid for the rest, with
  // the detail `got response 404 Not Found "{\"message\":\"TOPIC_NOT_FOUND\"}"`.
  Result<std::string> Query(const std::string& url);
  Result<std::string> Command(const std::string& url, std::string_view body = {});

  // Calls under way end soon, with an error, and later ones at once: for a program that stops. A
  // name that is being looked up is waited for.
  void Abort();

 private:
  struct Call;
  class Deadlines;

  Result<Response> Ask(Call call);
  Result<Response> FollowRedirects(Call* call);
  Result<Response> AskOnce(const Call& call, std::string* location);

  const ClientOptions options_;
  const std::unique_ptr<Deadlines> deadlines_;
  const std::unique_ptr<NameCheck> names_;
};

// Percent-encodes what may not stand in a query's name or value, as Go does (space is '+').
std::string EscapeQuery(std::string_view text);

}  // namespace nsq::http
