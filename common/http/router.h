#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/http/exchange.h"

namespace nsq::http {

using Handler = std::function<void(std::unique_ptr<Exchange>)>;

// Whether each request is worth a line in the log: publishing is not.
enum class Access { kLogged, kQuiet };

// What is done with a request's body before the handler is asked.
struct BodyUse {
  enum class Kind : uint8_t {
    kUnread,   // what is short is read and dropped; what is long ends the connection, as with Go
    kSkipped,  // read to its end, however long, and dropped
    kKept,     // shown to the handler
  };
  Kind kind = Kind::kUnread;
  size_t max_bytes = 0;  // of a kept one: the handler is shown no more

  static BodyUse Kept(size_t max_bytes) { return {Kind::kKept, max_bytes}; }
  static BodyUse Skipped() { return {Kind::kSkipped, 0}; }
};

struct Route {
  Handler handler;
  Access access = Access::kLogged;
  BodyUse body;
};

// Which handler answers which method and path, and what is said where none does
// (spec, nsqd-http 3): 404, 405, OPTIONS, and redirects to the right spelling of a path.
//
// Home: filled by one thread, immutable while servers use it; any number of them may.
class Router {
 public:
  // `pattern` is a path; its last segment may be ":name", which stands for one non-empty segment.
  void Add(Method method, std::string_view pattern, Handler handler,
           Access access = Access::kLogged, BodyUse body = {});

  // The route, and what stood for ":name"; null if there is none.
  const Route* Find(Method method, std::string_view path, std::string* param) const;

  // The methods a path is known for, "GET, OPTIONS, PUT"; empty if the path is not known.
  std::string Allowed(std::string_view path) const;

  // The spelling under which `method` knows a path that was sent with a trailing slash too many or
  // too few, in another case, or with "//", "." or ".." in it.
  std::optional<std::string> Corrected(Method method, std::string_view path) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Methods = std::array<std::unique_ptr<Route>, kMethods>;

  std::optional<std::string> FindAnyCase(Method method, std::string_view path) const;

  std::unordered_map<std::string, Methods, Hash, std::equal_to<>> exact_;
  std::vector<std::pair<std::string, Methods>> prefixes_;  // "/config/" of "/config/:opt"
};

}  // namespace nsq::http
