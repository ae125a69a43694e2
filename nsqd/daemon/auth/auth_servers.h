#pragma once

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/http/client.h"
#include "common/status.h"
#include "common/time.h"
#include "nsqd/protocol/auth.h"

namespace nsq::nsqd {

struct AuthConfig {
  std::vector<std::string> addresses;  // "host:port", or a URL
  bool post = false;                   // else GET
  Duration connect_timeout = seconds(2);
  Duration request_timeout = seconds(5);  // of each server
  std::string ca_file;                    // for https; empty: the system's
  int tls_min_version = 0;                // 769 (TLS 1.0) to 772; 0: OpenSSL's
};

// The auth servers, asked one after the other until one answers.
//
// Home: any thread, several at once. Ask blocks: for a helper pool.
class AuthServers {
 public:
  // A thousand authorizations are some 100 KiB. More is refused.
  static constexpr size_t kMaxAnswerBytes = size_t{1} << 20;

  explicit AuthServers(AuthConfig config);

  // Begins with one picked at random. The detail of an error tells what each of them did wrong, for
  // the log; the secret is not in it.
  Result<std::shared_ptr<const Authorizations>> Ask(const AuthQuestion& question);

  // Calls under way fail soon, later ones at once.
  void Abort();

 private:
  Result<std::shared_ptr<const Authorizations>> AskOne(const std::string& address,
                                                       const AuthQuestion& question);

  const AuthConfig config_;
  http::Client client_;
  std::atomic<size_t> next_;  // random at first, then in turn
};

}  // namespace nsq::nsqd
