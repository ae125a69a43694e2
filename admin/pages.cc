#include "admin/pages.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include "admin/graphite.h"
#include "admin/http_server.h"
#include "admin/json_writer.h"
#include "common/html.h"
#include "common/strings.h"
#include "common/version.h"

namespace nsq::admin {
namespace {

std::string_view TypeOf(std::string_view name) {
  const std::string_view ending = name.substr(name.rfind('.') + 1);
  if (ending == "js") return "text/javascript; charset=utf-8";
  if (ending == "css") return "text/css; charset=utf-8";
  if (ending == "html") return "text/html; charset=utf-8";
  if (ending == "svg") return "image/svg+xml";
  if (ending == "png") return "image/png";
  return "text/plain; charset=utf-8";
}

void ReplaceAll(std::string_view what, std::string_view with, std::string* text) {
  for (size_t at = text->find(what); at != std::string::npos;
       at = text->find(what, at + with.size())) {
    text->replace(at, what.size(), with);
  }
}

// FNV-1a: names a content, protects nothing.
std::string ETag(std::string_view content) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : content) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  }
  char text[24];
  std::snprintf(text, sizeof text, "\"%016llx\"", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace

Pages::Pages(PageConfig config, std::function<std::vector<std::string>()> lookupds,
             std::function<bool(const Request&)> is_admin, std::string dev_static_dir)
    : config_(std::move(config)),
      lookupds_(std::move(lookupds)),
      is_admin_(std::move(is_admin)),
      dev_static_dir_(std::move(dev_static_dir)) {}

void Pages::AddRoutes(Router* router) {
  for (const char* pattern : {"/", "/topics", "/topics/:topic", "/topics/:topic/:channel", "/nodes",
                              "/nodes/:node", "/counter", "/lookup"}) {
    router->Add("GET", pattern, [this](const Call& call) { return Index(call); });
  }
  for (const char* pattern : {"/static/:asset", "/fonts/:asset"}) {
    router->Add("GET", pattern, [this](const Call& call) { return File(call, call.params[0]); });
  }
  router->Add("GET", "/static/vendor/:asset",
              [this](const Call& call) { return File(call, "vendor/" + call.params[0]); });
  router->Add("GET", "/ping", [](const Call&) { return Response::Text(200, "OK"); });
}

Response Pages::Index(const Call& call) const {
  JsonWriter json;
  json.BeginObject();
  json.String("version", kVersion);
  json.String("base_path", config_.base_path);
  json.String("user_agent", StrCat("nsqadmin/v", kVersion));
  json.Key("lookupds");
  json.BeginArray();
  for (const std::string& address : lookupds_()) json.String(address);
  json.EndArray();
  json.Bool("graphs", config_.graphs);
  json.String("graphite_url", config_.graphite_url);
  json.String("statsd_prefix", config_.statsd_prefix);
  json.String("statsd_counter_format", config_.statsd_counter_format);
  json.String("statsd_gauge_format", config_.statsd_gauge_format);
  json.Int("statsd_interval", config_.statsd_interval_seconds);
  json.Bool("is_admin", is_admin_(call.request));
  json.EndObject();

  const Asset* index = FindAsset("index.html");
  Response response;
  response.content_type = "text/html";  // as nsqadmin; the document names its encoding
  response.body = index == nullptr ? std::string() : std::string(index->content);
  ReplaceAll("{{BASE}}", EscapeHtml(config_.base_path == "/" ? "" : config_.base_path),
             &response.body);
  ReplaceAll("{{CONFIG}}", EscapeHtml(json.Take()), &response.body);
  response.headers.emplace_back("Cache-Control", "no-store");
  if (const auto graphite = GraphiteUrl::Parse(config_.graphite_url)) {
    response.headers.emplace_back("Content-Security-Policy", SecurityPolicy(graphite->origin));
  }
  return response;
}

Response Pages::File(const Call& call, const std::string& name) const {
  Response response;
  if (!dev_static_dir_.empty()) {
    // No "..": a name is one segment of a decoded path, which cannot hold a slash.
    std::ifstream file(dev_static_dir_ + "/" + name, std::ios::binary);
    if (!file || name == "vendor/.." || name == "..") return Response::Text(404, "NOT_FOUND");
    response.body.assign(std::istreambuf_iterator<char>(file), {});
    response.headers.emplace_back("Cache-Control", "no-store");
  } else {
    const Asset* asset = FindAsset(name);
    if (asset == nullptr) return Response::Text(404, "NOT_FOUND");
    const std::string tag = ETag(asset->content);
    response.headers.emplace_back("Cache-Control", "no-cache");  // ask, and be told 304
    response.headers.emplace_back("ETag", tag);
    if (call.request.Header("If-None-Match") == tag) {
      response.status = 304;
      return response;
    }
    response.body = asset->content;
  }
  response.content_type = TypeOf(name);
  return response;
}

}  // namespace nsq::admin
