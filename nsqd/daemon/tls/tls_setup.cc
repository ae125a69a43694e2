#include "nsqd/daemon/tls/tls_setup.h"

#include <optional>
#include <utility>

#include "common/event/helper_pool.h"
#include "nsqd/options.h"

namespace nsq::nsqd {
namespace {

TlsClientAuth ClientAuth(const std::string& policy) {
  if (policy == "require") return TlsClientAuth::kRequire;
  if (policy == "require-verify") return TlsClientAuth::kRequireVerify;
  return TlsClientAuth::kNone;  // as the original: other words ask for nothing
}

}  // namespace

Result<TlsContexts> LoadTls(const Options& options) {
  TlsContexts contexts;
  if (options.tls_cert.empty() && options.tls_key.empty()) return contexts;
  TlsServerOptions server;
  server.cert_file = options.tls_cert;
  server.key_file = options.tls_key;
  server.root_ca_file = options.tls_root_ca_file;
  server.client_auth = ClientAuth(options.tls_client_auth_policy);
  server.min_version = static_cast<TlsVersion>(options.tls_min_version);
  auto tcp = TlsContext::ForServer(server);
  if (!tcp.ok()) return tcp.status();
  // The original closes TCP connections without a word, as its clients expect, and HTTPS with one.
  server.says_goodbye = true;
  auto https = TlsContext::ForServer(server);
  if (!https.ok()) return https.status();
  contexts.tcp = std::move(*tcp);
  contexts.https = std::move(*https);
  return contexts;
}

void ReloadTls(const Options& options, HelperPool& pool, EventLoop* loop,
               std::function<void(Result<TlsContexts>)> done) {
  struct Reload : Job {
    Reload(const Options& o, std::function<void(Result<TlsContexts>)> d)
        : options(o), done(std::move(d)) {}
    void Run() noexcept override { loaded.emplace(LoadTls(options)); }
    void Open() noexcept override { done(std::move(*loaded)); }
    const Options& options;
    const std::function<void(Result<TlsContexts>)> done;
    std::optional<Result<TlsContexts>> loaded;
  };
  pool.Submit(std::make_unique<Reload>(options, std::move(done)), loop);
}

}  // namespace nsq::nsqd
