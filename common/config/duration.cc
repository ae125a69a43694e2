#include "common/config/duration.h"

#include <cstdint>
#include <limits>

namespace nsq {
namespace {

constexpr uint64_t kMost = uint64_t{1} << 63;  // of nanoseconds, for a negative duration

// The unit at the start of `text` in nanoseconds, and its length; 0 if there is none.
uint64_t UnitAt(std::string_view text, size_t* length) {
  struct Unit {
    std::string_view name;
    uint64_t nanos;
  };
  // Longer names first; the last two are the micro sign and the Greek letter.
  static constexpr Unit kUnits[] = {
      {"ns", 1},
      {"us", 1'000},
      {"ms", 1'000'000},
      {"s", 1'000'000'000},
      {"m", 60'000'000'000},
      {"h", 3'600'000'000'000},
      {"\xC2\xB5s", 1'000},
      {"\xCE\xBCs", 1'000},
  };
  const size_t end = text.find_first_of("0123456789.");
  const std::string_view word = text.substr(0, end);
  for (const Unit& unit : kUnits) {
    if (word == unit.name) {
      *length = unit.name.size();
      return unit.nanos;
    }
  }
  return 0;
}

size_t DigitsAt(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && text[n] >= '0' && text[n] <= '9') ++n;
  return n;
}

// "1.500" -> "1.5", "2.000" -> "2", followed by the unit.
std::string Fraction(uint64_t value, int decimals, std::string_view unit) {
  std::string digits;
  bool seen = false;
  for (int i = 0; i < decimals; ++i) {
    const uint64_t digit = value % 10;
    value /= 10;
    seen = seen || digit != 0;
    if (seen) digits.insert(digits.begin(), static_cast<char>('0' + digit));
  }
  std::string text = std::to_string(value);
  if (!digits.empty()) text += "." + digits;
  return text.append(unit);
}

}  // namespace

std::optional<Duration> ParseGoDuration(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;

  uint64_t total = 0;
  while (!text.empty()) {
    const size_t whole_digits = DigitsAt(text);
    uint64_t whole = 0;
    for (size_t i = 0; i < whole_digits; ++i) {
      const auto digit = static_cast<uint64_t>(text[i] - '0');
      if (whole > (kMost - digit) / 10) return std::nullopt;
      whole = whole * 10 + digit;
    }
    text.remove_prefix(whole_digits);

    uint64_t fraction = 0;
    double scale = 1;
    size_t fraction_digits = 0;
    if (!text.empty() && text[0] == '.') {
      text.remove_prefix(1);
      fraction_digits = DigitsAt(text);
      for (size_t i = 0; i < fraction_digits; ++i) {
        // Digits beyond the range of 64 bits are below a nanosecond anyway.
        if (fraction > (kMost - 9) / 10) break;
        fraction = fraction * 10 + static_cast<uint64_t>(text[i] - '0');
        scale *= 10;
      }
      text.remove_prefix(fraction_digits);
    }
    if (whole_digits + fraction_digits == 0) return std::nullopt;

    size_t unit_length = 0;
    const uint64_t unit = UnitAt(text, &unit_length);
    if (unit == 0) return std::nullopt;
    text.remove_prefix(unit_length);

    if (whole > kMost / unit) return std::nullopt;
    const auto part =
        static_cast<uint64_t>(static_cast<double>(fraction) * (static_cast<double>(unit) / scale));
    const uint64_t value = whole * unit + part;
    if (value > kMost || total > kMost - value) return std::nullopt;
    total += value;
  }
  if (negative) return Duration(static_cast<int64_t>(-total));
  if (total > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return Duration(static_cast<int64_t>(total));
}

std::string FormatGoDuration(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  const bool negative = duration.count() < 0;
  const auto signed_count = static_cast<uint64_t>(duration.count());
  const uint64_t nanos = negative ? -signed_count : signed_count;
  const std::string sign = negative ? "-" : "";
  if (nanos < 1'000) return sign + std::to_string(nanos) + "ns";
  if (nanos < 1'000'000) return sign + Fraction(nanos, 3, "\xC2\xB5s");
  if (nanos < 1'000'000'000) return sign + Fraction(nanos, 6, "ms");
  const uint64_t minutes = nanos / 60'000'000'000;
  const std::string rest = Fraction(nanos % 60'000'000'000, 9, "s");
  if (minutes == 0) return sign + rest;
  if (minutes < 60) return sign + std::to_string(minutes) + "m" + rest;
  return sign + std::to_string(minutes / 60) + "h" + std::to_string(minutes % 60) + "m" + rest;
}

}  // namespace nsq
