#include "admin/router.h"

#include <algorithm>
#include <utility>

#include "common/html.h"
#include "common/http/params.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  for (const std::string_view part : Split(path, '/')) segments.emplace_back(part);
  segments.erase(segments.begin());  // what stands before the first slash
  return segments;
}

bool Same(std::string_view a, std::string_view b, bool any_case) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return any_case ? lower(x) == lower(y) : x == y; });
}

bool IsParam(std::string_view segment) { return !segment.empty() && segment[0] == ':'; }

// As a URL shows it: what a path may hold stays, the rest is escaped.
std::string EscapePath(std::string_view path) {
  constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "/-_.~!$&'()*+,;=:@";
  std::string escaped;
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kPlain.find(c) != std::string_view::npos) {
      escaped.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped.push_back('%');
    escaped.push_back(kHex[byte >> 4]);
    escaped.push_back(kHex[byte & 15]);
  }
  return escaped;
}

Response Redirect(const Request& request, std::string_view path, std::string_view query) {
  Response response;
  const std::string location = EscapePath(path) + (query.empty() ? "" : "?" + std::string(query));
  response.headers.emplace_back("Location", location);
  if (request.method != "GET") {
    response.status = 307;
    return response;
  }
  response.status = 301;
  response.content_type = "text/html; charset=utf-8";
  response.body = StrCat("<a href=\"", EscapeHtml(location), "\">Moved Permanently</a>.\n\n");
  return response;
}

}  // namespace

std::string CleanPath(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string clean;
  for (const std::string_view part : kept) clean.append("/").append(part);
  return clean.empty() ? "/" : clean;
}

Router::Router(std::string base_path) : base_path_(std::move(base_path)) {}

void Router::Add(std::string_view method, std::string_view pattern, Handler handler) {
  std::string path(pattern);
  if (base_path_ != "/") path = pattern == "/" ? base_path_ : base_path_ + path;
  routes_.push_back({std::string(method), Segments(path), std::move(handler)});
}

const Router::Route* Router::Find(std::string_view method, const std::vector<std::string>& segments,
                                  bool any_case, std::vector<std::string>* params) const {
  const Route* best = nullptr;
  size_t best_params = 0;
  for (const Route& route : routes_) {
    if (route.method != method || route.segments.size() != segments.size()) continue;
    size_t names = 0;
    bool fits = true;
    for (size_t i = 0; fits && i < segments.size(); ++i) {
      if (IsParam(route.segments[i])) {
        ++names;
        fits = !segments[i].empty();
      } else {
        fits = Same(route.segments[i], segments[i], any_case);
      }
    }
    if (!fits || (best != nullptr && names >= best_params)) continue;
    best = &route;
    best_params = names;
  }
  if (best == nullptr || params == nullptr) return best;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (IsParam(best->segments[i])) params->push_back(segments[i]);
  }
  return best;
}

// Sorted, with OPTIONS; empty for an unknown path.
std::vector<std::string> Router::Methods(const std::vector<std::string>& segments) const {
  std::vector<std::string> methods;
  for (const char* method : {"DELETE", "GET", "POST", "PUT"}) {
    if (Find(method, segments, false, nullptr) != nullptr) methods.emplace_back(method);
  }
  if (!methods.empty()) methods.emplace_back("OPTIONS");
  std::sort(methods.begin(), methods.end());
  return methods;
}

std::optional<std::string> Router::Corrected(const Request& request, std::string_view path) const {
  const std::vector<std::string> segments = Segments(CleanPath(path));
  const Route* route = Find(request.method, segments, /*any_case=*/true, nullptr);
  if (route == nullptr) return std::nullopt;
  std::string corrected;
  for (size_t i = 0; i < segments.size(); ++i) {
    corrected += "/" + (IsParam(route->segments[i]) ? segments[i] : route->segments[i]);
  }
  if (corrected == path) return std::nullopt;
  return corrected;
}

Response Router::Answer(const Request& request) const {
  std::string_view target = request.target;
  // A full URL is routed by its path.
  if (const size_t scheme = target.find("://");
      scheme != std::string_view::npos && scheme < target.find('/') && target[0] != '/') {
    const size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const size_t question = target.find('?');
  const std::string_view raw_path = target.substr(0, question);
  const std::string_view query =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  std::string path;
  if (raw_path.empty() || raw_path[0] != '/' || !http::Unescape(raw_path, false, &path)) {
    return Response::Text(400, "400 Bad Request");
  }
  const std::vector<std::string> segments = Segments(path);
  Call call{request, {}, query};
  if (const Route* route = Find(request.method, segments, false, &call.params)) {
    return route->handler(call);
  }
  const std::vector<std::string> methods = Methods(segments);
  if (!methods.empty()) {
    std::string allow;
    for (const std::string& method : methods) allow += (allow.empty() ? "" : ", ") + method;
    Response response =
        request.method == "OPTIONS" ? Response() : Response::Error(405, "METHOD_NOT_ALLOWED");
    response.headers.emplace_back("Allow", allow);
    return response;
  }
  if (const std::optional<std::string> right = Corrected(request, path)) {
    return Redirect(request, *right, query);
  }
  return Response::Error(404, "NOT_FOUND");
}

}  // namespace nsq::admin
