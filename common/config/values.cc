#include "common/config/values.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <limits>

#include "common/config/duration.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/wire/json.h"

namespace nsq {
namespace {

constexpr const char* kParseError = "parse error";
constexpr const char* kRangeError = "value out of range";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int DigitValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'z') return lower - 'a' + 10;
  return 99;
}

// '_' may stand between digits, and between a base's prefix and a digit; nowhere else.
bool UnderscoresAreFine(std::string_view digits, bool after_prefix) {
  bool digit_before = after_prefix;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (digits[i] != '_') {
      digit_before = true;
      continue;
    }
    if (!digit_before || i + 1 == digits.size()) return false;
    digit_before = false;
  }
  return true;
}

std::string ParseFloatList(std::string_view text, std::vector<double>* reals) {
  for (const std::string_view item : Split(text, ',')) {
    double real = 0;
    if (!ParseGoFloat(item, &real).empty()) return StrCat("Could not parse: ", item);
    reals->push_back(real);
  }
  std::sort(reals->begin(), reals->end(), std::greater<>());
  return "";
}

std::string ParseTlsRequired(std::string_view text, int64_t* number) {
  if (Lower(text) == "tcp-https") {
    *number = 1;
    return "";
  }
  bool required = false;
  if (!ParseGoBool(text, &required).empty()) {
    return StrCat("strconv.ParseBool: parsing ", GoQuoted(text), ": invalid syntax");
  }
  *number = required ? 2 : 0;
  return "";
}

std::string ParseTlsMinVersion(std::string_view text, int64_t* number) {
  const std::string lower = Lower(text);
  if (lower.empty() || lower == "tls1.0") {
    *number = 769;
  } else if (lower == "tls1.1") {
    *number = 770;
  } else if (lower == "tls1.2") {
    *number = 771;
  } else if (lower == "tls1.3") {
    *number = 772;
  } else {
    return StrCat("unknown tlsVersionOption ", GoQuoted(text));
  }
  return "";
}

std::string ParseLevel(std::string_view text, int64_t* number) {
  const auto level = ParseLogLevel(text);
  if (!level) {
    return StrCat("invalid log level '", text, "' (debug, info, warn, error, fatal)");
  }
  *number = static_cast<int64_t>(*level);
  return "";
}

template <typename List, typename Append>
std::string JsonArray(const List& list, bool is_null, Append append) {
  if (list.empty()) return is_null ? "null" : "[]";
  std::string text = "[";
  for (const auto& item : list) {
    if (text.size() > 1) text += ',';
    append(item, &text);
  }
  return text + "]";
}

}  // namespace

std::string ParseGoInt(std::string_view text, int64_t* value) {
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.empty()) return kParseError;
  uint64_t base = 10;
  bool prefixed = false;
  if (text[0] == '0') {
    prefixed = true;
    const char mark = text.size() >= 3 ? static_cast<char>(text[1] | 0x20) : '\0';
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  const uint64_t most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + negative;
  uint64_t number = 0;
  for (const char c : text) {
    if (c == '_') continue;
    const auto digit = static_cast<uint64_t>(DigitValue(c));
    if (digit >= base) return kParseError;
    if (number > (most - digit) / base) return kRangeError;
    number = number * base + digit;
  }
  if (!UnderscoresAreFine(text, prefixed)) return kParseError;
  *value = static_cast<int64_t>(negative ? -number : number);
  return "";
}

std::string ParseGoBool(std::string_view text, bool* value) {
  for (const std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == word) {
      *value = true;
      return "";
    }
  }
  for (const std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == word) {
      *value = false;
      return "";
    }
  }
  return kParseError;
}

std::string ParseGoFloat(std::string_view text, double* value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  if (error == std::errc::result_out_of_range) return kRangeError;
  if (error != std::errc() || end != text.data() + text.size()) return kParseError;
  return "";
}

std::string ParseFlagText(const Flag& flag, std::string_view text, FlagValue* value) {
  switch (flag.kind) {
    case Kind::kBool:
      return ParseGoBool(text, &value->is_true);
    case Kind::kInt:
      return ParseGoInt(text, &value->number);
    case Kind::kFloat:
      return ParseGoFloat(text, &value->real);
    case Kind::kString:
      value->text = text;
      return "";
    case Kind::kDuration: {
      const auto duration = ParseGoDuration(text);
      if (!duration) return kParseError;
      value->duration = *duration;
      return "";
    }
    case Kind::kStringList:
      value->strings.emplace_back(text);
      return "";
    case Kind::kFloatList:
      return ParseFloatList(text, &value->reals);
    case Kind::kLogLevel:
      return ParseLevel(text, &value->number);
    case Kind::kTlsRequired:
      return ParseTlsRequired(text, &value->number);
    case Kind::kTlsMinVersion:
      return ParseTlsMinVersion(text, &value->number);
  }
  return kParseError;
}

std::string ShowFlagValue(const Flag& flag, const FlagValue& value) {
  std::string text;
  switch (flag.kind) {
    case Kind::kBool:
      return value.is_true ? "true" : "false";
    case Kind::kInt:
    case Kind::kLogLevel:
    case Kind::kTlsRequired:
    case Kind::kTlsMinVersion:
      return std::to_string(value.number);
    case Kind::kFloat:
      AppendJsonNumber(value.real, &text);
      return text;
    case Kind::kString:
      return value.text;
    case Kind::kDuration:
      return std::to_string(value.duration.count());
    case Kind::kStringList:
      return JsonArray(value.strings, value.is_null, AppendJsonString);
    case Kind::kFloatList:
      return JsonArray(value.reals, value.is_null, AppendJsonNumber);
  }
  return text;
}

}  // namespace nsq
