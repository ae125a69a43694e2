#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"

namespace re2 {
class RE2;
}

namespace nsq::nsqd {

class Session;

// What an auth server is asked about a client (spec, nsqd-tcp 3.7).
struct AuthQuestion {
  std::string secret;
  std::string remote_ip;    // empty on a Unix socket
  std::string common_name;  // of its certificate; empty if it has shown none
  bool tls = false;
};

// What an auth server lets a client do.
//
// Home: immutable; any thread.
class Authorizations {
 public:
  enum class Permission { kSubscribe, kPublish };

  // The server's answer. kInvalid if it is not to be trusted: no such JSON, a ttl that is not above
  // 0, an unknown permission, an expression that does not compile.
  static Result<std::shared_ptr<const Authorizations>> Parse(std::string_view json);

  ~Authorizations();

  // Expressions are searched for, not anchored. For a publish, `channel` is empty: a list of
  // channels that does not match nothing lets nobody publish.
  bool Allows(Permission permission, std::string_view topic, std::string_view channel) const;

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  Duration ttl() const { return ttl_; }
  const std::string& identity() const { return identity_; }
  const std::string& identity_url() const { return identity_url_; }

 private:
  struct Entry {
    const re2::RE2* topic = nullptr;
    std::vector<const re2::RE2*> channels;
    bool subscribe = false;
    bool publish = false;
  };
  struct Reader;

  Authorizations();

  Duration ttl_{0};
  std::string identity_;
  std::string identity_url_;
  std::vector<Entry> entries_;
  std::vector<std::unique_ptr<re2::RE2>> expressions_;  // each once, however often it is used
};

// Where an auth server's answer goes; outlives the session that waits for it.
//
// Home: the session's loop, which alone reads and clears `session`.
struct AuthTicket {
  Session* session = nullptr;  // null: it has ended, or does not wait any more
};

}  // namespace nsq::nsqd
