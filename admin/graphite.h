#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/router.h"
#include "common/http/client.h"
#include "common/time.h"

namespace nsq::admin {

struct Options;

// -graphite-url, taken apart.
struct GraphiteUrl {
  std::string origin;     // "https://host:8080"
  std::string user_info;  // "user:password", unescaped; may be empty

  // Nothing unless it has a scheme (http or https) and a host.
  static std::optional<GraphiteUrl> Parse(std::string_view url);
};

// Asks graphite on behalf of the page: GET /api/graphite says a rate, and with -proxy-graphite GET
// /render passes on what a browser cannot reach itself.
//
// Home: any thread; it outlives the router it fills.
class Graphite {
 public:
  explicit Graphite(const Options& options);

  void AddRoutes(Router* router);
  // Calls under way end soon, with an error, and later ones at once: for a program that stops.
  void Abort() { client_.Abort(); }

 private:
  Response Rate(const Call& call);
  Response Render(const Call& call);

  const std::string url_;
  const std::optional<GraphiteUrl> proxied_;
  const int64_t interval_seconds_;
  http::Client client_;
};

// Of graphite's JSON: the first datapoint a second, with two decimals; "N/A" for a negative one.
// kCorrupt when there is none.
Result<std::string> RateFrom(std::string_view json, int64_t interval_seconds);

}  // namespace nsq::admin
