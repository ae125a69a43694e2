#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nsq::apps {

// A URL with one %s, where a message's body goes, form-escaped; %% is a percent sign.
//
// Home: any thread; immutable.
class UrlTemplate {
 public:
  // Nothing unless there is exactly one %s.
  static std::optional<UrlTemplate> Parse(std::string_view text);

  std::string Fill(std::string_view body) const;

 private:
  UrlTemplate(std::string before, std::string after)
      : before_(std::move(before)), after_(std::move(after)) {}

  std::string before_;
  std::string after_;
};

}  // namespace nsq::apps
