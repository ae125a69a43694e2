#include "common/wire/json.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "common/strings.h"

namespace nsq {
namespace {

constexpr char kHex[] = "0123456789abcdef";

void AppendUnicode(uint32_t unit, std::string* to) {
  *to += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) *to += kHex[(unit >> shift) & 15u];
}

bool IsPlain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* to) {
  *to += '"';
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && IsPlain(static_cast<unsigned char>(text[plain]))) ++plain;
    to->append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const char c = text[0];
    uint32_t rune = 0;
    size_t length = DecodeUtf8(text, &rune);
    if (length == 0) {
      *to += "\\ufffd";
      length = 1;
    } else if (c == '"' || c == '\\') {
      *to += '\\';
      *to += c;
    } else if (c == '\t') {
      *to += "\\t";
    } else if (c == '\n') {
      *to += "\\n";
    } else if (c == '\r') {
      *to += "\\r";
    } else if (rune < 0x80 || rune == 0x2028 || rune == 0x2029) {
      AppendUnicode(rune, to);
    } else {
      to->append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  *to += '"';
}

void AppendJsonNumber(double number, std::string* to) {
  char text[400];
  const double size = std::abs(number);
  const bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(text, text + sizeof text, number, format).ptr;
  std::string_view shown(text, static_cast<size_t>(end - text));
  // Go writes e-9 where C++ writes e-09.
  if (const size_t at = shown.find("e-0"); at != std::string_view::npos) {
    to->append(shown.substr(0, at + 2)).append(shown.substr(at + 3));
  } else {
    to->append(shown);
  }
}

}  // namespace nsq
