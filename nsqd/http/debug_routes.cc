#include "nsqd/http/debug_routes.h"

#include <malloc.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/debug/debug_routes.h"
#include "common/http/exchange.h"
#include "common/http/params.h"
#include "common/http/router.h"
#include "common/strings.h"
#include "nsqd/http/backend.h"
#include "nsqd/http/metrics_page.h"

namespace nsq::nsqd {
namespace {

using http::Exchange;
using http::Method;

// Of what is sent to setblockrate: "rate=1".
constexpr size_t kMaxFormBytes = 4096;

// Blocks the loop while the allocator looks for whole free pages: an operator's own wish.
void FreeMemory(std::unique_ptr<Exchange> exchange) {
  malloc_trim(0);
  exchange->Plain(200, "");
}

// There is no profiler to set the rate of; the parameter is checked, for scripts that rely on it.
void SetBlockRate(std::unique_ptr<Exchange> exchange) {
  const http::Request& request = exchange->request();
  const std::string_view* const type = exchange->Header("Content-Type");
  std::string rate;
  if (const std::string* in_query = request.params.Find("rate")) rate = *in_query;
  if (type != nullptr && type->starts_with("application/x-www-form-urlencoded")) {
    const http::Params form(request.body);
    if (const std::string* in_form = form.Find("rate")) rate = *in_form;
  }
  const std::string_view digits = rate.starts_with('+') && !rate.starts_with("+-")
                                      ? std::string_view(rate).substr(1)
                                      : std::string_view(rate);
  int64_t number = 0;
  if (!ParseInt(digits, &number)) {
    exchange->Plain(400, StrCat("invalid block rate : strconv.Atoi: parsing ", GoQuoted(rate),
                                ": invalid syntax"));
    return;
  }
  exchange->Plain(200, "");
}

}  // namespace

void AddDebugRoutes(Backend& backend, http::Router* router) {
  DebugSource source;
  source.program = "nsqd";
  source.loops = [&backend](DebugSource::Done done) {
    backend.GatherMetrics(false, [done = std::move(done)](std::vector<MetricsPart> parts) {
      std::vector<LoopReport> loops;
      for (MetricsPart& part : parts) loops.push_back(std::move(part.loop));
      done(std::move(loops));
    });
  };
  nsq::AddDebugRoutes(source, router);
  using http::Access;
  router->Add(Method::kPost, "/debug/freememory", FreeMemory);
  router->Add(Method::kPut, "/debug/setblockrate", SetBlockRate, Access::kLogged,
              http::BodyUse::Kept(kMaxFormBytes));
}

}  // namespace nsq::nsqd
