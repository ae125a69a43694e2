#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nsq {

// One piece of a StrCat: text, or an integer in decimal. Any thread; lives for one expression.
class Piece {
 public:
  Piece(std::string_view text) : text_(text) {}    // NOLINT(google-explicit-constructor)
  Piece(const std::string& text) : text_(text) {}  // NOLINT(google-explicit-constructor)
  Piece(const char* text) : text_(text) {}         // NOLINT(google-explicit-constructor)
  template <std::integral T>
  Piece(T number) {  // NOLINT(google-explicit-constructor)
    const auto end = std::to_chars(digits_, digits_ + sizeof digits_, number).ptr;
    text_ = std::string_view(digits_, static_cast<size_t>(end - digits_));
  }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;

  std::string_view text() const { return text_; }

 private:
  char digits_[24];
  std::string_view text_;
};

std::string Concatenate(const Piece* const* pieces, size_t count);

// StrCat("TOPIC(", name, "): ", count, " messages")
template <typename... Args>
std::string StrCat(const Args&... args) {
  return [](const auto&... pieces) {
    const Piece* const list[] = {&pieces..., nullptr};
    return Concatenate(list, sizeof...(pieces));
  }(Piece(args)...);
}

// Whether both are the same but for the case of ASCII letters.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// "a,b,,c" at ',' -> "a" "b" "" "c"; never empty.
std::vector<std::string_view> Split(std::string_view text, char separator);

// A decimal number, all of `text`, no sign but '-' for signed types; false if it is none.
template <std::integral T>
bool ParseInt(std::string_view text, T* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Decodes the UTF-8 sequence at the start of `text`, which is not empty. Its length; 0 if it is
// none.
size_t DecodeUtf8(std::string_view text, uint32_t* rune);

// Go's %q: quotes around, escapes inside; what nsqd's error texts show names with (spec, 1.7).
std::string GoQuoted(std::string_view raw);

}  // namespace nsq
