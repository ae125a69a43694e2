#pragma once

#include <string>
#include <string_view>

namespace nsq::apps {

// Cuts a stream at a delimiter, which may come in another read than what is before it.
//
// Home: its owner's.
class Pieces {
 public:
  explicit Pieces(char delimiter) : delimiter_(delimiter) {}

  // Calls `take` with each piece that ends in `bytes`, the delimiter not included.
  template <typename Take>
  void Add(std::string_view bytes, const Take& take) {
    while (true) {
      const size_t end = bytes.find(delimiter_);
      if (end == std::string_view::npos) break;
      if (rest_.empty()) {
        take(bytes.substr(0, end));
      } else {
        rest_.append(bytes.substr(0, end));
        take(std::string_view(rest_));
        rest_.clear();
      }
      bytes.remove_prefix(end + 1);
    }
    rest_.append(bytes);
  }

  // The last piece needs no delimiter.
  template <typename Take>
  void End(const Take& take) {
    if (!rest_.empty()) take(std::string_view(rest_));
    rest_.clear();
  }

 private:
  const char delimiter_;
  std::string rest_;
};

}  // namespace nsq::apps
