#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nsq::http {

// The parameters of a query string, by Go's rules (spec, nsqd-http 4): names are case-sensitive,
// the first value of a name wins, "%XX" and '+' are decoded, ';' and a bad escape anywhere make
// the whole query invalid.
//
// Home: any thread; a value.
class Params {
 public:
  Params() = default;
  explicit Params(std::string_view raw_query);

  bool valid() const { return error_.empty(); }
  // Why not, for the log: `invalid URL escape "%zz"`.
  const std::string& error() const { return error_; }

  // Null if the name is not there; "topic=" is there and empty.
  const std::string* Find(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
  std::string error_;
};

// Decodes "%XX", and '+' as a space if `plus_is_space`. False at a bad escape, which then stands in
// `out` as Go's error shows it: up to three characters.
bool Unescape(std::string_view text, bool plus_is_space, std::string* out);

}  // namespace nsq::http
