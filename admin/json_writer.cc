#include "admin/json_writer.h"

#include <charconv>
#include <cmath>

namespace nsq::admin {
namespace {

// The length of the UTF-8 character at the start of `text`; 0 if there is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
    return follows(1, low, high) && follows(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2, 0x80, 0xbf) && follows(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

void AppendUnicodeEscape(unsigned value, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  out->append("\\u");
  for (int shift = 12; shift >= 0; shift -= 4) out->push_back(kHex[(value >> shift) & 15u]);
}

}  // namespace

void JsonWriter::Comma() {
  if (comma_) out_.push_back(',');
  comma_ = true;
}

void JsonWriter::Open(char bracket) {
  Comma();
  out_.push_back(bracket);
  comma_ = false;
}

void JsonWriter::Close(char bracket) {
  out_.push_back(bracket);
  comma_ = true;
}

void JsonWriter::Key(std::string_view key) {
  String(key);
  out_.push_back(':');
  comma_ = false;
}

void JsonWriter::String(std::string_view text) {
  Comma();
  out_.push_back('"');
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out_.append("\\ufffd");
    } else if (length == 3 && (text.substr(0, 3) == "\u2028" || text.substr(0, 3) == "\u2029")) {
      AppendUnicodeEscape(text[2] == '\xa8' ? 0x2028 : 0x2029, &out_);
    } else if (c == '"' || c == '\\') {
      out_.push_back('\\');
      out_.push_back(text[0]);
    } else if (c == '\n') {
      out_.append("\\n");
    } else if (c == '\r') {
      out_.append("\\r");
    } else if (c == '\t') {
      out_.append("\\t");
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
      AppendUnicodeEscape(c, &out_);
    } else {
      out_.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out_.push_back('"');
}

void JsonWriter::Int(int64_t number) {
  Comma();
  out_.append(std::to_string(number));
}

void JsonWriter::Double(double number) {
  Comma();
  if (!std::isfinite(number)) number = 0;
  const bool plain = number == 0 || (std::abs(number) >= 1e-6 && std::abs(number) < 1e21);
  char digits[400];
  const auto end = std::to_chars(digits, digits + sizeof digits, number,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  out_.append(digits, end.ptr);
}

void JsonWriter::Bool(bool value) {
  Comma();
  out_.append(value ? "true" : "false");
}

void JsonWriter::Null() {
  Comma();
  out_.append("null");
}

}  // namespace nsq::admin
