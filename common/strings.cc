#include "common/strings.h"

#include <algorithm>
namespace nsq {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// The common ones of the runes that Go's strconv.IsPrint refuses.
bool IsPrintable(uint32_t rune) {
  if (rune < 0xA0) return false;
  if (rune == 0xA0 || rune == 0xAD || rune == 0xFEFF) return false;
  if (rune >= 0x2000 && rune <= 0x200F) return false;
  if (rune >= 0x2028 && rune <= 0x202F) return false;
  if (rune >= 0x205F && rune <= 0x206F) return false;
  if (rune == 0x3000) return false;
  if (rune >= 0xE000 && rune <= 0xF8FF) return false;
  return rune < 0xE0000;
}

void AppendEscaped(uint32_t rune, int digits, char letter, std::string* out) {
  *out += '\\';
  *out += letter;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) *out += kHex[(rune >> shift) & 15u];
}

}  // namespace

std::string Concatenate(const Piece* const* pieces, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) size += pieces[i]->text().size();
  std::string joined;
  joined.reserve(size);
  for (size_t i = 0; i < count; ++i) joined += pieces[i]->text();
  return joined;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [lower](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

size_t DecodeUtf8(std::string_view text, uint32_t* rune) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  size_t length = 0;
  uint32_t value = 0;
  uint32_t least = 0;
  if (first < 0x80) {
    *rune = first;
    return 1;
  }
  if ((first & 0xE0) == 0xC0) {
    length = 2, value = first & 0x1Fu, least = 0x80;
  } else if ((first & 0xF0) == 0xE0) {
    length = 3, value = first & 0x0Fu, least = 0x800;
  } else if ((first & 0xF8) == 0xF0) {
    length = 4, value = first & 0x07u, least = 0x10000;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    value = (value << 6) | (byte(i) & 0x3Fu);
  }
  if (value < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return 0;
  *rune = value;
  return length;
}

std::string GoQuoted(std::string_view raw) {
  std::string quoted = "\"";
  while (!raw.empty()) {
    uint32_t rune = 0;
    const size_t length = DecodeUtf8(raw, &rune);
    const char c = raw[0];
    if (length == 0) {
      AppendEscaped(static_cast<uint8_t>(c), 2, 'x', &quoted);
      raw.remove_prefix(1);
      continue;
    }
    switch (rune) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\a':
        quoted += "\\a";
        break;
      case '\b':
        quoted += "\\b";
        break;
      case '\f':
        quoted += "\\f";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\v':
        quoted += "\\v";
        break;
      default:
        if (rune < 0x20 || rune == 0x7F) {
          AppendEscaped(rune, 2, 'x', &quoted);
        } else if (rune < 0x7F || IsPrintable(rune)) {
          quoted += raw.substr(0, length);
        } else if (rune < 0x10000) {
          AppendEscaped(rune, 4, 'u', &quoted);
        } else {
          AppendEscaped(rune, 8, 'U', &quoted);
        }
    }
    raw.remove_prefix(length);
  }
  quoted += '"';
  return quoted;
}

}  // namespace nsq
