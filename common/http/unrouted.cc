#include "common/http/unrouted.h"

#include <string>
#include <string_view>

#include "common/html.h"
#include "common/http/exchange.h"
#include "common/http/router.h"
#include "common/strings.h"

namespace nsq::http {
namespace {

// As Go writes a path into a Location header.
std::string EscapePath(std::string_view path) {
  static constexpr std::string_view kKept = "-_.~$&+,/:;=@";
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        kKept.find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return escaped;
}

void Redirect(const std::string& path, Exchange& exchange) {
  const Request& request = exchange.request();
  std::string location = EscapePath(path);
  if (request.target.find('?') != std::string_view::npos) {
    location.append("?").append(request.query);
  }
  exchange.AddHeader("Location", location);
  if (request.method == Method::kGet) {
    exchange.Answer({301, "text/html; charset=utf-8",
                     StrCat("<a href=\"", EscapeHtml(location), "\">Moved Permanently</a>.\n\n"),
                     false});
  } else {
    exchange.Plain(307, "");
  }
}

}  // namespace

void AnswerUnrouted(const Router& router, Exchange& exchange) {
  const Request& request = exchange.request();
  if (const auto path = router.Corrected(request.method, request.path)) {
    Redirect(*path, exchange);
    return;
  }
  if (request.method == Method::kOptions && request.path == "*") {
    exchange.Plain(200, "");
    return;
  }
  const std::string allowed = router.Allowed(request.path);
  if (allowed.empty()) {
    exchange.Error(404, "NOT_FOUND");
    return;
  }
  exchange.AddHeader("Allow", allowed);
  if (request.method == Method::kOptions) {
    exchange.Plain(200, "");
  } else {
    exchange.Error(405, "METHOD_NOT_ALLOWED");
  }
}

}  // namespace nsq::http
