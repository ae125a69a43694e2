#include "common/filters/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/strings.h"

namespace nsq {
namespace {

// A certificate chain or a list of authorities is not larger.
constexpr size_t kMaxPemBytes = size_t{16} << 20;

// No anonymous, no shared-secret, no exotic ciphers. The old protocols need signatures that
// OpenSSL's first security level forbids.
constexpr const char* kOldCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!PSK:!SRP:@SECLEVEL=0";
constexpr const char* kCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!PSK:!SRP:@SECLEVEL=1";

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Certificate = std::unique_ptr<X509, FreeX509>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

Status Invalid(std::string detail) { return Status(Code::kInvalid, std::move(detail)); }

// OpenSSL's reason for what has just failed.
std::string LastReason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

// As Go words it.
std::string Reason(int error_number) {
  std::string text = std::strerror(error_number);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] | 32);
  return text;
}

Result<std::string> ReadFile(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return Status(Code::kIo, StrCat("open ", path, ": ", Reason(errno)));
  std::string text;
  char bytes[4096];
  size_t n = 0;
  while (text.size() < kMaxPemBytes && (n = std::fread(bytes, 1, sizeof bytes, file)) > 0) {
    text.append(bytes, n);
  }
  const int failed = std::ferror(file) != 0 ? errno : 0;
  std::fclose(file);
  if (failed != 0) return Status(Code::kIo, StrCat("read ", path, ": ", Reason(failed)));
  return text;
}

std::unique_ptr<BIO, FreeBio> Reader(const std::string& text) {
  return std::unique_ptr<BIO, FreeBio>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key with a password is refused; without this OpenSSL would ask for it on the terminal.
int NoPassword(char*, int, int, void*) { return 0; }

std::vector<Certificate> ParseCertificates(const std::string& pem) {
  std::vector<Certificate> certificates;
  const auto reader = Reader(pem);
  while (X509* const one = PEM_read_bio_X509(reader.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(one);
  }
  ERR_clear_error();
  return certificates;
}

Result<std::vector<Certificate>> ReadAuthorities(const std::string& path) {
  const Result<std::string> pem = ReadFile(path);
  if (!pem.ok()) return pem.status();
  std::vector<Certificate> authorities = ParseCertificates(*pem);
  if (authorities.empty()) return Invalid("failed to append certificate to pool");
  return authorities;
}

Status UsePair(SSL_CTX* context, const std::string& cert_file, const std::string& key_file) {
  const Result<std::string> cert_pem = ReadFile(cert_file);
  if (!cert_pem.ok()) return cert_pem.status();
  const Result<std::string> key_pem = ReadFile(key_file);
  if (!key_pem.ok()) return key_pem.status();

  const std::vector<Certificate> chain = ParseCertificates(*cert_pem);
  if (chain.empty()) return Invalid("tls: failed to find any PEM data in certificate input");
  const auto reader = Reader(*key_pem);
  const Key key(PEM_read_bio_PrivateKey(reader.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return Invalid(key_pem->find("-----BEGIN ") == std::string::npos
                       ? "tls: failed to find any PEM data in key input"
                       : "tls: failed to parse private key");
  }
  if (X509_check_private_key(chain[0].get(), key.get()) != 1) {
    ERR_clear_error();
    return Invalid("tls: private key does not match public key");
  }
  if (SSL_CTX_use_certificate(context, chain[0].get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Invalid("tls: " + LastReason());
  }
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return Invalid("tls: " + LastReason());
    }
  }
  return Status();
}

Status UseAuthorities(SSL_CTX* context, const std::string& root_ca_file, bool announce) {
  if (root_ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
    return Status();
  }
  const Result<std::vector<Certificate>> authorities = ReadAuthorities(root_ca_file);
  if (!authorities.ok()) return authorities.status();
  for (const Certificate& authority : *authorities) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
    // Tells clients with several certificates which one to send.
    if (announce) SSL_CTX_add_client_CA(context, authority.get());
  }
  ERR_clear_error();
  return Status();
}

int AcceptAny(int, X509_STORE_CTX*) { return 1; }

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TlsContext::TlsContext(bool is_server)
    : context_(SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method())),
      is_server_(is_server) {
  NSQ_CHECK(context_ != nullptr);
  // An idle connection holds no buffers.
  SSL_CTX_set_mode(context_.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context_.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
  // Certificates may be as old as the protocols, but not weaker than this.
  X509_VERIFY_PARAM_set_auth_level(SSL_CTX_get0_param(context_.get()), 1);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::ForServer(const TlsServerOptions& options) {
  const std::shared_ptr<TlsContext> made(new TlsContext(true));
  SSL_CTX* const context = made->get();
  made->says_goodbye_ = options.says_goodbye;
  NSQ_CHECK(SSL_CTX_set_min_proto_version(context, static_cast<int>(options.min_version)) == 1);
  const bool old = options.min_version < TlsVersion::k1_2;
  NSQ_CHECK(SSL_CTX_set_cipher_list(context, old ? kOldCiphers : kCiphers) == 1);
  // Tickets are good for this context only: after a reload everybody shakes hands in full.
  SSL_CTX_set_num_tickets(context, 1);
  static constexpr unsigned char kName[] = "nsq";
  SSL_CTX_set_session_id_context(context, kName, sizeof kName - 1);

  if (Status status = UsePair(context, options.cert_file, options.key_file); !status.ok()) {
    return status;
  }
  const bool verify = options.client_auth == TlsClientAuth::kRequireVerify;
  if (verify || !options.root_ca_file.empty()) {
    if (Status status = UseAuthorities(context, options.root_ca_file, verify); !status.ok()) {
      return status;
    }
  }
  if (options.client_auth != TlsClientAuth::kNone) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       verify ? nullptr : AcceptAny);
  }
  return std::shared_ptr<const TlsContext>(made);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::ForClient(const TlsClientOptions& options) {
  const std::shared_ptr<TlsContext> made(new TlsContext(false));
  SSL_CTX* const context = made->get();
  NSQ_CHECK(SSL_CTX_set_min_proto_version(context, static_cast<int>(options.min_version)) == 1);
  const bool old = options.min_version < TlsVersion::k1_2;
  NSQ_CHECK(SSL_CTX_set_cipher_list(context, old ? kOldCiphers : kCiphers) == 1);
  if (!options.cert_file.empty() || !options.key_file.empty()) {
    if (Status status = UsePair(context, options.cert_file, options.key_file); !status.ok()) {
      return status;
    }
  }
  if (!options.skip_verify) {
    if (Status status = UseAuthorities(context, options.root_ca_file, false); !status.ok()) {
      return status;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  return std::shared_ptr<const TlsContext>(made);
}

Status CheckRootCaFile(const std::string& path) { return ReadAuthorities(path).status(); }

}  // namespace nsq
