#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/router.h"

namespace nsq::admin {

// One file of web/, as it was when the program was built.
struct Asset {
  std::string_view name;  // "main.js", "vendor/uPlot.esm.js"
  std::string_view content;
};
// In the generated file web_assets.cc.
const Asset* FindAsset(std::string_view name);

// What the page must know before its first call; stands in the index document.
struct PageConfig {
  std::string base_path;
  std::string graphite_url;  // as the browser reaches it; empty: by way of us, or not at all
  bool graphs = false;       // there is a graphite
  std::string statsd_prefix;
  std::string statsd_counter_format;
  std::string statsd_gauge_format;
  int64_t statsd_interval_seconds = 0;
};

// The index document for every page's URL, and the files it loads.
//
// Home: any thread; it outlives the router it fills.
class Pages {
 public:
  // `lookupds` says the addresses of nsqlookupds as they are now. `is_admin` tells from a request's
  // header whether it may change things. With `dev_static_dir` files are read from there at each
  // request; the index document stays the embedded one.
  Pages(PageConfig config, std::function<std::vector<std::string>()> lookupds,
        std::function<bool(const Request&)> is_admin, std::string dev_static_dir);

  void AddRoutes(Router* router);

 private:
  Response Index(const Call& call) const;
  Response File(const Call& call, const std::string& name) const;

  const PageConfig config_;
  const std::function<std::vector<std::string>()> lookupds_;
  const std::function<bool(const Request&)> is_admin_;
  const std::string dev_static_dir_;
};

}  // namespace nsq::admin
