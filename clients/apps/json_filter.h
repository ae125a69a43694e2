#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nsq::apps {

// What nsq_to_nsq does with a JSON message before it passes it on.
//
// Home: any thread; immutable.
class JsonFilter {
 public:
  enum class Verdict {
    kPass,  // `body` is what to publish
    kDrop,  // finish it without publishing
    kBad,   // no JSON object: finish it, and say so
    kFail,  // requeue it: the field to be compared is not there
  };

  // The message passes if it has `required_field` (any, if that is empty), with `required_value` if
  // that is not empty; of it, the fields of `whitelist` (all, if that is empty).
  JsonFilter(std::string required_field, std::string required_value,
             std::vector<std::string> whitelist);

  // Whether messages are looked at at all.
  bool active() const { return !required_field_.empty() || !whitelist_.empty(); }

  // `out` is set for kPass only if the body is another than `body`.
  Verdict Judge(std::string_view body, std::optional<std::string>* out) const;

 private:
  const std::string required_field_;
  const std::string required_value_;
  const std::vector<std::string> whitelist_;
};

}  // namespace nsq::apps
