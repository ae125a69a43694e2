// TLS, snappy and deflate, behind an IDENTIFY that has negotiated them: spec, nsqd-tcp 3.3-3.5.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/check.h"
#include "common/filters/deflate_filter.h"
#include "common/filters/snappy_filter.h"
#include "common/filters/tls_filter.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/wire/frame.h"
#include "nsqd/protocol/broker.h"
#include "nsqd/protocol/session.h"

namespace nsq::nsqd {
namespace {

constexpr Duration kHandshakeTime = seconds(5);

// The original has names for these, and numbers for all others.
std::string CipherSuite(const TlsSession& session) {
  static constexpr std::string_view kNamed[] = {
      "TLS_RSA_WITH_RC4_128_SHA",
      "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
      "TLS_RSA_WITH_AES_128_CBC_SHA",
      "TLS_RSA_WITH_AES_256_CBC_SHA",
      "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
      "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
      "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
      "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
      "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
      "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  };
  const bool named =
      std::find(std::begin(kNamed), std::end(kNamed), session.cipher_name) != std::end(kNamed);
  return named ? session.cipher_name : StrCat("Unknown ", session.cipher_id);
}

}  // namespace

void Session::Upgrade() {
  NSQ_DCHECK(upgrade_ && answers_.empty() && shaking_hands_ == nullptr);
  new_layer_ = true;
  const TlsContext* const context = upgrade_->tls ? broker_.tls() : nullptr;
  if (context == nullptr) {
    Compress();
    return;
  }
  NSQ_LOG(kInfo, "PROTOCOL(V2): [", info_.remote_address, "] upgrading connection to TLS");
  auto filter = std::make_unique<TlsFilter>(*context);
  shaking_hands_ = filter.get();
  handshake_deadline_ = loop_.Now() + kHandshakeTime;
  connection_.PushFilter(std::move(filter));
  ArmTimer();
  PauseOrResume();
}

void Session::OnFilterReady(const Status& status) {
  home_.Assert();
  const TlsFilter* const filter = std::exchange(shaking_hands_, nullptr);
  if (phase_ != Phase::kRunning) return;
  if (!status.ok()) {
    Refuse(refusal::IdentifyFailed(status.detail()));
    return;
  }
  const TlsSession session = filter->session();
  info_.tls = true;
  info_.tls_common_name = session.peer_name;
  info_.tls_version = session.version;
  info_.tls_cipher_suite = CipherSuite(session);
  Respond(kOkAnswer);
  Compress();
}

void Session::HandshakeFailed(std::string_view reason) {
  shaking_hands_ = nullptr;
  connection_.AbandonFilter();
  Refuse(refusal::IdentifyFailed(reason));
}

void Session::Compress() {
  const Layers layers = *std::exchange(upgrade_, std::nullopt);
  if (layers.snappy) {
    NSQ_LOG(kInfo, "PROTOCOL(V2): [", info_.remote_address, "] upgrading connection to snappy");
    info_.snappy = true;
    connection_.PushFilter(std::make_unique<SnappyFilter>());
    Respond(kOkAnswer);
  } else if (layers.deflate) {
    NSQ_LOG(kInfo, "PROTOCOL(V2): [", info_.remote_address,
            "] upgrading connection to deflate (level ", layers.deflate_level, ")");
    info_.deflate = true;
    connection_.PushFilter(std::make_unique<DeflateFilter>(layers.deflate_level));
    Respond(kOkAnswer);
  }
  last_command_ = loop_.Now();
  ArmTimer();
  PauseOrResume();
}

}  // namespace nsq::nsqd
