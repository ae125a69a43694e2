#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/event/stream_filter.h"

struct ssl_st;

namespace nsq {

class TlsContext;

// What two sides have agreed on.
struct TlsSession {
  std::string version;      // "TLS1.0" to "TLS1.3"
  uint16_t cipher_id = 0;   // as on the wire
  std::string cipher_name;  // IANA's
  std::string peer_name;    // the common name of the peer's certificate; empty if it has none
};

// Go's words for why a certificate was not believed; `error` is OpenSSL's, X509_V_ERR_...
std::string_view TlsVerifyText(long error);

// TLS, as server or client by its context. Not ready before the handshake is done; who pushes it
// sets the handshake a deadline.
//
// Home: the connection's loop.
// Memory: no buffers while idle; OpenSSL's own state is some 10 KiB.
class TlsFilter final : public StreamFilter {
 public:
  // Why a handshake with somebody who speaks plain HTTP has failed; an HTTPS server answers those.
  static constexpr std::string_view kSpokeHttp = "client sent an HTTP request to an HTTPS server";

  // `context` may go before the filter. `server_name`, for clients: what the server's certificate
  // must be for, a host name or an IP address; empty if that does not matter.
  explicit TlsFilter(const TlsContext& context, std::string_view server_name = {});
  ~TlsFilter() override;

  Status Start(Buffer* outer) override;
  bool ready() const override { return ready_; }
  // While it is not ready an error is kInvalid, with Go's words for it ("tls: client didn't provide
  // a certificate"): the original passes those on to clients.
  Status Decode(std::string_view outer, Buffer* inner, Buffer* reply) override;
  Status Encode(std::string_view inner, Buffer* outer) override;
  void Finish(Buffer* outer) override;

  // Once it is ready.
  TlsSession session() const;

 private:
  // What OpenSSL reads from and writes to, while it is called.
  struct Ends;
  struct Free {
    void operator()(ssl_st* ssl) const;
  };

  Status ShakeHands();
  // Why the last call has failed.
  Status Failure(int result) const;

  const std::unique_ptr<Ends> ends_;
  const std::unique_ptr<ssl_st, Free> ssl_;
  const bool is_server_;
  const bool says_goodbye_;
  bool heard_ = false;  // anything at all
  bool ready_ = false;
  Status ended_;  // final
};

}  // namespace nsq
