#include "nsqd/http/health_routes.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/http/exchange.h"
#include "common/http/router.h"
#include "common/strings.h"
#include "nsqd/http/backend.h"

namespace nsq::nsqd {
namespace {

using http::Exchange;

void Answer(Exchange& exchange, const std::string& reasons) {
  exchange.Plain(reasons.empty() ? 200 : 503, reasons.empty() ? "OK" : reasons);
}

// Whether to restart it: it is alive while all its loops turn, whatever the disk does.
void Livez(Backend& backend, std::unique_ptr<Exchange> exchange) {
  backend.CheckLoops([shared = std::shared_ptr<Exchange>(std::move(exchange))](
                         const std::vector<std::string>& silent) {
    std::string reasons;
    for (const std::string& loop : silent) reasons += StrCat(loop, " does not turn\n");
    Answer(*shared, reasons);
  });
}

// Whether to send producers to it.
void Readyz(Backend& backend, std::unique_ptr<Exchange> exchange) {
  std::string reasons;
  if (const DrainState drain = backend.Drain(); drain.draining) {
    reasons += "draining";
    if (drain.counted) {
      reasons += StrCat(": ", drain.waiting, " waiting, ", drain.in_flight, " in flight, ",
                        drain.deferred, " deferred");
    }
    reasons += "\n";
  }
  if (const std::string health = backend.Health(); health != "OK") {
    reasons += StrCat("disk: ", health, "\n");
  }
  Answer(*exchange, reasons);
}

}  // namespace

void AddHealthRoutes(Backend& backend, http::Router* router) {
  router->Add(
      http::Method::kGet, "/livez",
      [&backend](std::unique_ptr<Exchange> exchange) { Livez(backend, std::move(exchange)); },
      http::Access::kQuiet);
  router->Add(
      http::Method::kGet, "/readyz",
      [&backend](std::unique_ptr<Exchange> exchange) { Readyz(backend, std::move(exchange)); },
      http::Access::kQuiet);
}

}  // namespace nsq::nsqd
