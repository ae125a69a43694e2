// Any bytes as a stream of HTTP requests: heads found, parsed, and their bodies followed. What
// arrives in one piece and what arrives byte by byte must mean the same.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "common/http/body_reader.h"
#include "common/http/request_head.h"

namespace nsq::http {
namespace {

// A server without a socket: what it understood, as text.
class Understanding {
 public:
  // Returns how much of `data` is done with.
  size_t Offer(std::string_view data) {
    size_t used = 0;
    while (!ended_) {
      const size_t n = in_body_ ? Body(data.substr(used)) : Head(data.substr(used));
      if (n == 0) break;
      used += n;
    }
    return used;
  }
  const std::string& text() const { return text_; }

 private:
  size_t Head(std::string_view data) {
    const std::optional<size_t> end = FindHeadEnd(data, scanned_);
    scanned_ = end ? 0 : data.size();
    if (!end) return 0;
    NSQ_CHECK(*end <= data.size());
    std::string head(data.substr(0, *end));
    RequestHead parsed;
    if (const auto error = ParseHead(&head, &parsed)) {
      NSQ_CHECK(error->status == 400 || error->status == 501 || error->status == 505);
      text_ += "refused";
      ended_ = true;
      return *end;
    }
    NSQ_CHECK(!parsed.target.empty());
    for (const RequestHead::Field& field : parsed.fields) {
      text_.append(field.name).append("=").append(field.value).append(";");
      NSQ_CHECK(parsed.Find(field.name) != nullptr);
    }
    body_ = BodyReader(parsed.framing, parsed.content_length);
    in_body_ = body_.state() == BodyReader::State::kMore;
    text_ += '|';
    return *end;
  }

  size_t Body(std::string_view data) {
    std::string_view piece;
    const size_t n = body_.Take(data, &piece);
    NSQ_CHECK(n <= data.size() && piece.size() <= n);
    text_ += piece;
    in_body_ = body_.state() == BodyReader::State::kMore;
    if (body_.state() == BodyReader::State::kBroken) {
      text_ += "broken";
      ended_ = true;
    }
    return n;
  }

  std::string text_;
  BodyReader body_;
  size_t scanned_ = 0;
  bool in_body_ = false;
  bool ended_ = false;
};

}  // namespace
}  // namespace nsq::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4000) return 0;  // byte by byte is quadratic
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  nsq::http::Understanding whole;
  whole.Offer(input);
  nsq::http::Understanding slow;
  size_t used = 0;
  for (size_t end = 1; end <= input.size(); ++end) {
    used += slow.Offer(input.substr(used, end - used));
  }
  NSQ_CHECK(whole.text() == slow.text());
  return 0;
}
