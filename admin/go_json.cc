#include "admin/go_json.h"

#include "common/strings.h"

namespace nsq::admin {
namespace {

// Go's limit.
constexpr size_t kDeepest = 10'000;

// Walks over one value; stops at the first thing that is wrong.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool Scan() {
    SkipSpace();
    if (at_ == text_.size()) return Fail("EOF");
    return Value();
  }

  size_t at() const { return at_; }
  const std::string& error() const { return error_; }

 private:
  bool Fail(std::string error) {
    error_ = std::move(error);
    return false;
  }

  // The character that is wrong here, or the end.
  bool Wrong(std::string_view context) {
    if (at_ == text_.size()) return Fail("unexpected EOF");
    const char c = text_[at_];
    const std::string shown = c == '\''  ? R"('\'')"
                              : c == '"' ? R"('"')"
                                         : "'" + Inside(GoQuoted(text_.substr(at_, 1))) + "'";
    return Fail(StrCat("invalid character ", shown, " ", context));
  }

  static std::string Inside(const std::string& quoted) {
    return quoted.substr(1, quoted.size() - 2);
  }

  char Next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Digit() const { return Next() >= '0' && Next() <= '9'; }
  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }

  // Without recursion: a stranger's brackets don't reach our stack.
  bool Value() {
    while (true) {
      SkipSpace();
      const char first = Next();
      if (first == '{' || first == '[') {
        if (closers_.size() == kDeepest) return Fail("exceeded max depth");
        closers_ += first == '{' ? '}' : ']';
        ++at_;
        SkipSpace();
        if (Next() != closers_.back()) {
          if (first == '{' && !Key()) return false;
          continue;
        }
      } else if (!Scalar(first)) {
        return false;
      }
      CloseWhatEnds();
      if (closers_.empty()) return true;
      const bool object = closers_.back() == '}';
      if (Next() != ',') {
        return Wrong(object ? "after object key:value pair" : "after array element");
      }
      ++at_;
      if (object && !Key()) return false;
    }
  }

  void CloseWhatEnds() {
    while (!closers_.empty()) {
      SkipSpace();
      if (Next() != closers_.back()) return;
      ++at_;
      closers_.pop_back();
    }
  }

  bool Key() {
    SkipSpace();
    if (Next() != '"') return Wrong("looking for beginning of object key string");
    if (!String()) return false;
    SkipSpace();
    if (Next() != ':') return Wrong("after object key");
    ++at_;
    return true;
  }

  bool Scalar(char first) {
    switch (first) {
      case '"':
        return String();
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        if (first == '-' || Digit()) return Number();
        return Wrong("looking for beginning of value");
    }
  }

  bool String() {
    for (++at_; at_ < text_.size(); ++at_) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) return Wrong("in string literal");
      if (c != '\\') continue;
      ++at_;
      if (Next() == 'u') {
        for (int i = 0; i < 4; ++i) {
          ++at_;
          if (std::string_view("0123456789abcdefABCDEF").find(Next()) == text_.npos) {
            return Wrong("in \\u hexadecimal character escape");
          }
        }
      } else if (at_ == text_.size() || std::string_view("bfnrt\\/\"").find(Next()) == text_.npos) {
        return Wrong("in string escape code");
      }
    }
    return Wrong("");
  }

  bool Word(std::string_view word) {
    for (size_t i = 0; i < word.size(); ++i, ++at_) {
      if (Next() == word[i] && at_ < text_.size()) continue;
      return Wrong(StrCat("in literal ", word, " (expecting '", word.substr(i, 1), "')"));
    }
    return true;
  }

  bool Number() {
    if (Next() == '-') ++at_;
    if (Next() == '0') {
      ++at_;
    } else if (Digit()) {
      while (Digit()) ++at_;
    } else {
      return Wrong("in numeric literal");
    }
    if (Next() == '.') {
      ++at_;
      if (!Digit()) return Wrong("after decimal point in numeric literal");
      while (Digit()) ++at_;
    }
    if (Next() == 'e' || Next() == 'E') {
      ++at_;
      if (Next() == '+' || Next() == '-') ++at_;
      if (!Digit()) return Wrong("in exponent of numeric literal");
      while (Digit()) ++at_;
    }
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
  std::string closers_;  // of the objects and arrays that are open, innermost last
  std::string error_;
};

}  // namespace

std::string GoJsonError(std::string_view text) {
  Scanner scanner(text);
  return scanner.Scan() ? std::string() : scanner.error();
}

size_t GoJsonLength(std::string_view text) {
  Scanner scanner(text);
  scanner.Scan();
  return scanner.at();
}

}  // namespace nsq::admin
