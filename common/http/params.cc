#include "common/http/params.h"

#include "common/strings.h"

namespace nsq::http {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool Unescape(std::string_view text, bool plus_is_space, std::string* out) {
  out->clear();
  out->reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+' && plus_is_space) {
      *out += ' ';
    } else if (c == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        *out = text.substr(i, 3);
        return false;
      }
      *out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      *out += c;
    }
  }
  return true;
}

Params::Params(std::string_view raw_query) {
  const auto fail = [this](std::string why) {
    if (error_.empty()) error_ = std::move(why);
  };
  while (!raw_query.empty()) {
    const size_t end = raw_query.find('&');
    const std::string_view part = raw_query.substr(0, end);
    raw_query.remove_prefix(end == std::string_view::npos ? raw_query.size() : end + 1);
    if (part.empty()) continue;
    if (part.find(';') != std::string_view::npos) {
      fail("invalid semicolon separator in query");
      continue;
    }
    const size_t equals = part.find('=');
    auto& [name, value] = values_.emplace_back();
    std::string* bad = nullptr;
    if (!Unescape(part.substr(0, equals), true, &name)) {
      bad = &name;
    } else if (equals != std::string_view::npos &&
               !Unescape(part.substr(equals + 1), true, &value)) {
      bad = &value;
    }
    if (bad != nullptr) {
      fail("invalid URL escape " + GoQuoted(*bad));
      values_.pop_back();
    }
  }
}

const std::string* Params::Find(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace nsq::http
