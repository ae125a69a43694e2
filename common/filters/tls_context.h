#pragma once

#include <memory>
#include <string>

#include "common/status.h"

struct ssl_ctx_st;

namespace nsq {

// The numbers that TLS itself has for them.
enum class TlsVersion : int { k1_0 = 0x0301, k1_1 = 0x0302, k1_2 = 0x0303, k1_3 = 0x0304 };

// What a server asks of its clients' certificates.
enum class TlsClientAuth {
  kNone,           // nothing
  kRequire,        // there must be one
  kRequireVerify,  // there must be one, signed by an authority that is known
};

// Paths are of PEM files.
struct TlsServerOptions {
  std::string cert_file;  // the server's own, then what leads to an authority
  std::string key_file;
  std::string root_ca_file;  // empty: the system's authorities
  TlsClientAuth client_auth = TlsClientAuth::kNone;
  TlsVersion min_version = TlsVersion::k1_0;
  // Say goodbye (close_notify) before closing: HTTP clients look for it, NSQ's do not.
  bool says_goodbye = false;
};

struct TlsClientOptions {
  std::string root_ca_file;  // empty: the system's authorities
  std::string cert_file;     // } both or none
  std::string key_file;      // }
  bool skip_verify = false;  // take any certificate of any name
  TlsVersion min_version = TlsVersion::k1_2;
};

// What all connections of one side have in common: certificates and rules, as read from their files
// once. To reload is to make another; connections keep the one they began with.
//
// Home: any thread; immutable.
class TlsContext {
 public:
  // Errors are worded as Go's, since the original prints those: "open <file>: no such file or
  // directory", "tls: private key does not match public key".
  static Result<std::shared_ptr<const TlsContext>> ForServer(const TlsServerOptions& options);
  static Result<std::shared_ptr<const TlsContext>> ForClient(const TlsClientOptions& options);

  // For TlsFilter.
  ssl_ctx_st* get() const { return context_.get(); }
  bool is_server() const { return is_server_; }
  bool says_goodbye() const { return says_goodbye_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };

  explicit TlsContext(bool is_server);

  std::unique_ptr<ssl_ctx_st, Free> context_;
  const bool is_server_;
  bool says_goodbye_ = true;
};

// Whether the file can be read and holds a certificate; worded as above.
Status CheckRootCaFile(const std::string& path);

}  // namespace nsq
