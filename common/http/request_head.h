#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nsq::http {

enum class Method : uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kPatch,
  kDelete,
  kOptions,
  kTrace,
  kConnect,
  kOther,
};
inline constexpr size_t kMethods = 10;
std::string_view ToString(Method method);

// How the length of a request's body is told.
enum class Framing : uint8_t { kNone, kLength, kChunked };

// What stands before a request's body, taken apart. Views into the text it was parsed from.
struct RequestHead {
  struct Field {
    std::string_view name;
    std::string_view value;  // without the blanks around it
  };

  Method method = Method::kGet;
  std::string_view method_text;  // as it was sent
  std::string_view target;       // "/pub?topic=t", "http://host/ping", "*"
  int minor_version = 1;         // of HTTP/1.x
  std::vector<Field> fields;     // in their order
  Framing framing = Framing::kNone;
  uint64_t content_length = 0;  // of kLength
  bool keep_alive = true;       // by version and Connection header
  enum class Expect : uint8_t { kNothing, kContinue, kUnknown } expect = Expect::kNothing;

  // The first field of that name, in any case; null if there is none.
  const std::string_view* Find(std::string_view name) const;
};

// Why a request is refused before anybody has looked at what it asks for.
struct HeadError {
  int status = 400;
  std::string_view text;  // "missing required Host header"; empty: there is nothing to add
};

// The first line alone, as soon as it is there, so that what is no HTTP at all hears so at once.
// `line` has no line end.
std::optional<HeadError> ParseRequestLine(std::string_view line, RequestHead* head);

// Parses `text`, up to and with its empty line, by the rules of Go's server, whose answers NSQ's
// users see (spec, nsqd-http 1.2): LF alone ends a line too; of equal Content-Lengths one counts,
// unequal ones are refused; Transfer-Encoding wins over Content-Length, and only "chunked" is
// known. Folded fields are unfolded in place.
//
// Home: any thread; pure.
std::optional<HeadError> ParseHead(std::string* text, RequestHead* head);

// Just behind the empty line that ends a head, or nothing if `data` does not hold it. The first
// `scanned` bytes are known not to hold it.
std::optional<size_t> FindHeadEnd(std::string_view data, size_t scanned);

}  // namespace nsq::http
