#include "nsqd/http/debug_routes.h"

#include <malloc.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "common/http/exchange.h"
#include "common/http/params.h"
#include "common/http/router.h"
#include "common/strings.h"

namespace nsq::nsqd {
namespace {

using http::Exchange;
using http::Method;

constexpr std::string_view kIndex =
    "<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n/debug/pprof/\n<br>\n"
    "<p>This nsqd is not a Go program: it has no Go profiles. Profile it with perf.</p>\n"
    "<ul>\n<li><a href='cmdline'>cmdline</a></li>\n<li><a href='symbol'>symbol</a></li>\n</ul>\n"
    "</body>\n</html>\n";

// Of what is sent to setblockrate: "rate=1".
constexpr size_t kMaxFormBytes = 4096;

void AnswerPprof(Exchange& exchange, std::string_view type, std::string_view body) {
  exchange.AddHeader("X-Content-Type-Options", "nosniff");
  exchange.Answer({200, type, body, false});
}

void Index(std::unique_ptr<Exchange> exchange) {
  AnswerPprof(*exchange, "text/html; charset=utf-8", kIndex);
}

// The arguments, with a NUL between them.
void CommandLine(std::unique_ptr<Exchange> exchange) {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string arguments((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (arguments.ends_with('\0')) arguments.pop_back();
  AnswerPprof(*exchange, Exchange::kTextPlain, arguments);
}

// The form of the answer, and none of the symbols.
void Symbol(std::unique_ptr<Exchange> exchange) {
  AnswerPprof(*exchange, Exchange::kTextPlain, "num_symbols: 0\n");
}

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

void AddDebugRoutes(http::Router* router) {
  using http::Access;
  router->Add(Method::kGet, "/debug/pprof/", Index, Access::kQuiet);
  router->Add(Method::kGet, "/debug/pprof/cmdline", CommandLine, Access::kQuiet);
  router->Add(Method::kGet, "/debug/pprof/symbol", Symbol, Access::kQuiet);
  router->Add(Method::kPost, "/debug/pprof/symbol", Symbol, Access::kQuiet);
  router->Add(Method::kPost, "/debug/freememory", FreeMemory);
  router->Add(Method::kPut, "/debug/setblockrate", SetBlockRate, Access::kLogged,
              http::BodyUse::Kept(kMaxFormBytes));
}

}  // namespace nsq::nsqd
