#include "common/filters/tls_filter.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "common/check.h"
#include "common/event/buffer.h"
#include "common/filters/tls_context.h"
#include "common/strings.h"

namespace nsq {
namespace {

constexpr size_t kRecordBytes = size_t{16} * 1024;
constexpr unsigned char kAlertRecord = 0x15;
constexpr unsigned char kHandshakeRecord = 0x16;

// As Go's server judges it.
bool LooksLikeHttp(std::string_view bytes) {
  for (const char* const start : {"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"}) {
    if (bytes.starts_with(start)) return true;
  }
  return false;
}

// What Go calls an alert that the peer has sent.
std::string_view AlertText(int alert) {
  switch (alert) {
    case SSL_AD_UNEXPECTED_MESSAGE:
      return "unexpected message";
    case SSL_AD_BAD_RECORD_MAC:
      return "bad record MAC";
    case SSL_AD_RECORD_OVERFLOW:
      return "record overflow";
    case SSL_AD_HANDSHAKE_FAILURE:
      return "handshake failure";
    case SSL_AD_BAD_CERTIFICATE:
      return "bad certificate";
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      return "unsupported certificate";
    case SSL_AD_CERTIFICATE_REVOKED:
      return "revoked certificate";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "expired certificate";
    case SSL_AD_CERTIFICATE_UNKNOWN:
      return "unknown certificate";
    case SSL_AD_ILLEGAL_PARAMETER:
      return "illegal parameter";
    case SSL_AD_UNKNOWN_CA:
      return "unknown certificate authority";
    case SSL_AD_ACCESS_DENIED:
      return "access denied";
    case SSL_AD_DECODE_ERROR:
      return "error decoding message";
    case SSL_AD_DECRYPT_ERROR:
      return "error decrypting message";
    case SSL_AD_PROTOCOL_VERSION:
      return "protocol version not supported";
    case SSL_AD_INSUFFICIENT_SECURITY:
      return "insufficient security level";
    case SSL_AD_INTERNAL_ERROR:
      return "internal error";
    case SSL_AD_USER_CANCELLED:
      return "user canceled";
    case SSL_AD_NO_RENEGOTIATION:
      return "no renegotiation";
    case SSL_AD_MISSING_EXTENSION:
      return "missing extension";
    case SSL_AD_CERTIFICATE_REQUIRED:
      return "certificate required";
    default:
      return "alert";
  }
}

}  // namespace

std::string_view TlsVerifyText(long error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "x509: certificate has expired or is not yet valid";
    case X509_V_ERR_INVALID_PURPOSE:
      return "x509: certificate specifies an incompatible key usage";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "x509: certificate is valid for another name";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "x509: certificate signed by unknown authority";
    default:
      return X509_verify_cert_error_string(error);
  }
}

struct TlsFilter::Ends {
  std::string_view in;
  Buffer* out = nullptr;

  static int Read(BIO* bio, char* to, size_t size, size_t* got) {
    auto* const ends = static_cast<Ends*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *got = std::min(size, ends->in.size());
    if (*got == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(to, ends->in.data(), *got);
    ends->in.remove_prefix(*got);
    return 1;
  }

  static int Write(BIO* bio, const char* bytes, size_t size, size_t* put) {
    auto* const ends = static_cast<Ends*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    NSQ_DCHECK(ends->out != nullptr);
    ends->out->Append({bytes, size});
    *put = size;
    return 1;
  }

  static long Control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nsq");
      NSQ_CHECK(made != nullptr);
      BIO_meth_set_read_ex(made, Read);
      BIO_meth_set_write_ex(made, Write);
      BIO_meth_set_ctrl(made, Control);
      return made;
    }();
    return method;
  }
};

void TlsFilter::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsFilter::TlsFilter(const TlsContext& context, std::string_view server_name)
    : ends_(std::make_unique<Ends>()),
      ssl_(SSL_new(context.get())),
      is_server_(context.is_server()),
      says_goodbye_(context.says_goodbye()) {
  NSQ_CHECK(ssl_ != nullptr);
  BIO* const bio = BIO_new(Ends::Method());
  NSQ_CHECK(bio != nullptr);
  BIO_set_data(bio, ends_.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (is_server_) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  if (server_name.empty()) return;
  const std::string name(server_name);
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1) return;
  ERR_clear_error();  // it is no IP address
  SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  SSL_set1_host(ssl_.get(), name.c_str());
}

TlsFilter::~TlsFilter() = default;

Status TlsFilter::Start(Buffer* outer) {
  if (is_server_) return Status();
  ends_->out = outer;
  const Status status = ShakeHands();
  ends_->out = nullptr;
  return status;
}

Status TlsFilter::ShakeHands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    ready_ = true;
    return Status();
  }
  return Failure(result);
}

Status TlsFilter::Decode(std::string_view outer, Buffer* inner, Buffer* reply) {
  if (!ended_.ok()) return ended_;
  if (!heard_ && !outer.empty()) {
    heard_ = true;
    // Somebody who does not speak TLS at all is not answered in TLS.
    const auto type = static_cast<unsigned char>(outer[0]);
    if (type != kHandshakeRecord && type != kAlertRecord) {
      ended_ = Status(Code::kInvalid, LooksLikeHttp(outer)
                                          ? std::string(kSpokeHttp)
                                          : "tls: first record does not look like a TLS handshake");
      return ended_;
    }
  }
  ends_->in = outer;
  ends_->out = reply;
  if (!ready_) ended_ = ShakeHands();
  while (ready_ && ended_.ok()) {
    ERR_clear_error();
    size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), inner->Reserve(kRecordBytes), kRecordBytes, &got);
    if (result == 1) {
      inner->Commit(got);
      continue;
    }
    ended_ = Failure(result);
    break;
  }
  ends_->in = {};
  ends_->out = nullptr;
  return ended_;
}

// kOk if it only waits for more.
Status TlsFilter::Failure(int result) const {
  const Code code = ready_ ? Code::kCorrupt : Code::kInvalid;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Status();
    case SSL_ERROR_ZERO_RETURN:
      return ready_ ? Status(Code::kUnavailable, "tls: the peer has ended the stream")
                    : Status(code, "EOF");
    default:
      break;
  }
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return Status(code, "tls: internal error");
  const int reason = ERR_GET_REASON(error);
  if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
    return Status(code, StrCat("remote error: tls: ", AlertText(reason - SSL_AD_REASON_OFFSET)));
  }
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return Status(code, "tls: client didn't provide a certificate");
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return Status(code, StrCat("tls: failed to verify certificate: ",
                                 TlsVerifyText(SSL_get_verify_result(ssl_.get()))));
    case SSL_R_NO_SHARED_CIPHER:
      return Status(code, "tls: no cipher suite supported by both client and server");
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return Status(code, "tls: client offered only unsupported versions");
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
      return Status(code, "local error: tls: bad record MAC");
    default:
      break;
  }
  const char* const text = ERR_reason_error_string(error);
  return Status(code, StrCat("tls: ", text == nullptr ? "unknown error" : text));
}

Status TlsFilter::Encode(std::string_view inner, Buffer* outer) {
  NSQ_DCHECK(ready_);
  if (inner.empty()) return Status();
  ends_->out = outer;
  ERR_clear_error();
  size_t put = 0;
  const int result = SSL_write_ex(ssl_.get(), inner.data(), inner.size(), &put);
  ends_->out = nullptr;
  if (result == 1) return Status();
  ERR_clear_error();
  return Status(Code::kUnavailable, "tls: the stream is broken");
}

void TlsFilter::Finish(Buffer* outer) {
  if (!ready_ || !says_goodbye_) return;
  ends_->out = outer;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  ends_->out = nullptr;
}

TlsSession TlsFilter::session() const {
  NSQ_DCHECK(ready_);
  TlsSession session;
  switch (SSL_version(ssl_.get())) {
    case TLS1_VERSION:
      session.version = "TLS1.0";
      break;
    case TLS1_1_VERSION:
      session.version = "TLS1.1";
      break;
    case TLS1_2_VERSION:
      session.version = "TLS1.2";
      break;
    default:
      session.version = "TLS1.3";
      break;
  }
  if (const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl_.get())) {
    session.cipher_id = SSL_CIPHER_get_protocol_id(cipher);
    session.cipher_name = SSL_CIPHER_standard_name(cipher);
  }
  if (const X509* const certificate = SSL_get0_peer_certificate(ssl_.get())) {
    char name[256];
    const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                                 name, sizeof name);
    if (length > 0) session.peer_name.assign(name, static_cast<size_t>(length));
  }
  return session;
}

}  // namespace nsq
