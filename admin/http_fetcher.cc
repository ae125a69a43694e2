#include "admin/http_fetcher.h"

#include <chrono>
#include <utility>

#include "admin/call_stats.h"
#include "admin/flags.h"
#include "common/http/client.h"
#include "common/log.h"

namespace nsq::admin {
namespace {

class HttpFetcher : public Fetcher {
 public:
  HttpFetcher(http::ClientOptions options, CallStats* stats)
      : client_(std::move(options)), stats_(stats) {}

  // Logged for debugging only: an open page asks every daemon every two seconds.
  Result<std::string> Get(const std::string& url) override {
    NSQ_LOG(kDebug, "CI: querying ", url);
    const auto start = std::chrono::steady_clock::now();
    Result<std::string> body = client_.Query(url);
    Count(body.status(), start);
    return body;
  }

  Status Post(const std::string& url) override {
    NSQ_LOG(kInfo, "CI: querying ", url);
    const auto start = std::chrono::steady_clock::now();
    Status status = client_.Command(url).status();
    Count(status, start);
    return status;
  }

  void Abort() override { client_.Abort(); }

 private:
  void Count(const Status& status, SteadyTime start) {
    const char* outcome = status.ok()                           ? "ok"
                          : status.code() == Code::kTimeout     ? "timeout"
                          : status.code() == Code::kUnavailable ? "unreachable"
                                                                : "refused";
    stats_->Add(outcome, std::chrono::steady_clock::now() - start);
  }

  http::Client client_;
  CallStats* const stats_;
};

}  // namespace

std::unique_ptr<Fetcher> MakeHttpFetcher(const Options& options, CallStats* stats) {
  http::ClientOptions client;
  client.connect_timeout = options.connect_timeout;
  client.request_timeout = options.request_timeout;
  client.tls.ca_file = options.tls_root_ca_file;
  client.tls.cert_file = options.tls_cert;
  client.tls.key_file = options.tls_key;
  client.tls.skip_verify = options.tls_insecure_skip_verify;
  return std::make_unique<HttpFetcher>(std::move(client), stats);
}

}  // namespace nsq::admin
