#include "nsqd/protocol/go_json.h"

#include <algorithm>
#include <cstdint>

#include "common/strings.h"

namespace nsq::nsqd {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// The number of a "\uXXXX" that `text` starts with; 0 if it does not.
uint32_t EscapedUnit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return 0;
  uint32_t unit = 0;
  for (const char c : text.substr(2, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      unit = unit * 16 + static_cast<uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      unit = unit * 16 + static_cast<uint32_t>(lower - 'a' + 10);
    } else {
      return 0;
    }
  }
  return unit;
}

}  // namespace

std::optional<std::string> AsGoReadsJson(std::string_view json) {
  if (json.find('\0') != std::string_view::npos || json.starts_with("\xEF\xBB\xBF")) {
    return std::nullopt;
  }
  std::string repaired;
  repaired.reserve(json.size());
  while (!json.empty()) {
    size_t length = 1;
    std::string_view put;
    if (json[0] == '\\') {
      length = std::min<size_t>(2, json.size());
      const uint32_t unit = EscapedUnit(json);
      if (unit >= 0xD800 && unit < 0xE000) {
        const uint32_t low = EscapedUnit(json.substr(6));
        const bool pair = unit < 0xDC00 && low >= 0xDC00 && low < 0xE000;
        length = pair ? 12 : 6;
        if (!pair) put = kReplacement;
      }
    } else {
      uint32_t rune = 0;
      length = DecodeUtf8(json, &rune);
      if (length == 0) put = kReplacement;
      length = std::max<size_t>(length, 1);
    }
    repaired += put.empty() ? json.substr(0, length) : put;
    json.remove_prefix(length);
  }
  return repaired;
}

}  // namespace nsq::nsqd
