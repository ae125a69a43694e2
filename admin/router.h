#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/request.h"

namespace nsq::admin {

// What a handler is shown: the request, what stood for the `:names` of its pattern in order, and
// the raw query.
struct Call {
  const Request& request;
  std::vector<std::string> params;
  std::string_view query;
};
using Handler = std::function<Response(const Call&)>;

// Finds the handler for a method and path, and answers where there is none as NSQ's programs do:
// 404, 405 with Allow, OPTIONS, redirects to the right spelling.
//
// The path is decoded first and split then: "%23" can stand in a name, "%2f" separates.
//
// Home: filled by one thread, then immutable.
class Router {
 public:
  // All patterns live under `base_path`: "/", or "/x" without a slash at its end.
  explicit Router(std::string base_path);

  // `pattern`: "/api/topics/:topic". Fixed segments win over `:names`.
  void Add(std::string_view method, std::string_view pattern, Handler handler);

  Response Answer(const Request& request) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };

  const Route* Find(std::string_view method, const std::vector<std::string>& segments,
                    bool any_case, std::vector<std::string>* params) const;
  std::vector<std::string> Methods(const std::vector<std::string>& segments) const;
  std::optional<std::string> Corrected(const Request& request, std::string_view path) const;

  const std::string base_path_;
  std::vector<Route> routes_;
};

// "", "x", "/x/", "//x//y/../z/" -> "/", "/x", "/x", "/x/z".
std::string CleanPath(std::string_view path);

}  // namespace nsq::admin
