#include "clients/apps/url_template.h"

#include "clients/nsq/internal/http_client.h"

namespace nsq::apps {

std::optional<UrlTemplate> UrlTemplate::Parse(std::string_view text) {
  std::string parts[2];
  size_t part = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '%' && i + 1 < text.size() ? text[i + 1] : '\0';
    if (next == 's') {
      if (++part > 1) return std::nullopt;
      ++i;
    } else {
      parts[part] += text[i];
      if (next == '%') ++i;
    }
  }
  if (part != 1) return std::nullopt;
  return UrlTemplate(std::move(parts[0]), std::move(parts[1]));
}

std::string UrlTemplate::Fill(std::string_view body) const {
  return before_ + client::QueryEscape(body) + after_;
}

}  // namespace nsq::apps
