#include "clients/nsq/internal/tls.h"

#include "common/filters/tls_context.h"

namespace nsq::client {

Expected<std::shared_ptr<const TlsContext>> MakeTls(const ClientOptions& options) {
  if (!options.tls_v1) return std::shared_ptr<const TlsContext>();
  TlsClientOptions tls;
  tls.root_ca_file = options.tls_root_ca_file;
  tls.cert_file = options.tls_cert;
  tls.key_file = options.tls_key;
  tls.skip_verify = options.tls_insecure_skip_verify;
  switch (options.tls_min_version) {
    case LeastTls::k10:
      tls.min_version = TlsVersion::k1_0;
      break;
    case LeastTls::k11:
      tls.min_version = TlsVersion::k1_1;
      break;
    case LeastTls::k12:
      tls.min_version = TlsVersion::k1_2;
      break;
    case LeastTls::k13:
      tls.min_version = TlsVersion::k1_3;
      break;
  }
  auto context = TlsContext::ForClient(tls);
  if (!context.ok()) return Error{ErrorCode::kTlsFailed, context.status().detail(), ""};
  return std::move(*context);
}

}  // namespace nsq::client
