#include "admin/http_fetcher.h"

#include <utility>

#include "admin/flags.h"
#include "common/http/client.h"
#include "common/log.h"

namespace nsq::admin {
namespace {

class HttpFetcher : public Fetcher {
 public:
  explicit HttpFetcher(http::ClientOptions options) : client_(std::move(options)) {}

  // Logged for debugging only: an open page asks every daemon every two seconds.
  Result<std::string> Get(const std::string& url) override {
    NSQ_LOG(kDebug, "CI: querying ", url);
    return client_.Query(url);
  }

  Status Post(const std::string& url) override {
    NSQ_LOG(kInfo, "CI: querying ", url);
    return client_.Command(url).status();
  }

 private:
  http::Client client_;
};

}  // namespace

std::unique_ptr<Fetcher> MakeHttpFetcher(const Options& options) {
  http::ClientOptions client;
  client.connect_timeout = options.connect_timeout;
  client.request_timeout = options.request_timeout;
  client.tls.ca_file = options.tls_root_ca_file;
  client.tls.cert_file = options.tls_cert;
  client.tls.key_file = options.tls_key;
  client.tls.skip_verify = options.tls_insecure_skip_verify;
  return std::make_unique<HttpFetcher>(std::move(client));
}

}  // namespace nsq::admin
