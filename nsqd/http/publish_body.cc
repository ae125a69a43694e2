#include "nsqd/http/publish_body.h"

#include <chrono>
#include <cstdint>

#include "common/event/buffer.h"
#include "common/strings.h"
#include "nsqd/options.h"

namespace nsq::nsqd {
namespace {

// Takes a big-endian int32 from the front; nothing if `body` is too short.
std::optional<int32_t> TakeInt32(std::string_view* body) {
  if (body->size() < 4) return std::nullopt;
  const auto value = static_cast<int32_t>(LoadBig32(body->data()));
  body->remove_prefix(4);
  return value;
}

Bodies Refused(std::string_view error) {
  Bodies bodies;
  bodies.error = error;
  return bodies;
}

}  // namespace

Bodies SplitText(std::string_view body, const Options& options) {
  const auto max_body_size = static_cast<size_t>(options.max_body_size);
  const auto max_msg_size = static_cast<size_t>(options.max_msg_size);
  Bodies bodies;
  size_t total = 0;
  while (!body.empty()) {
    const size_t end = body.find('\n');
    const std::string_view line = body.substr(0, end);
    const size_t taken = end == std::string_view::npos ? line.size() : end + 1;
    body.remove_prefix(taken);
    total += taken;
    // In this order: of a body that breaks both rules, the first line to break one decides.
    if (total > max_body_size) return Refused("BODY_TOO_BIG");
    if (line.size() > max_msg_size) return Refused("MSG_TOO_BIG");
    if (!line.empty()) bodies.messages.push_back(line);
  }
  return bodies;
}

Bodies SplitBinary(std::string_view body, const Options& options) {
  if (static_cast<int64_t>(body.size()) > options.max_body_size) return Refused("BODY_TOO_BIG");
  const std::optional<int32_t> count = TakeInt32(&body);
  if (!count || *count <= 0 || *count > MaxMpubMessages(options)) return Refused("BAD_BODY");
  Bodies bodies;
  for (int32_t i = 0; i < *count; ++i) {
    const std::optional<int32_t> size = TakeInt32(&body);
    if (!size || *size <= 0 || *size > options.max_msg_size ||
        body.size() < static_cast<size_t>(*size)) {
      return Refused("BAD_MESSAGE");
    }
    bodies.messages.push_back(body.substr(0, static_cast<size_t>(*size)));
    body.remove_prefix(static_cast<size_t>(*size));
  }
  return bodies;
}

std::optional<Duration> ParseDefer(std::string_view text, const Options& options) {
  // A '+' may stand before the number, but not before another sign.
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  int64_t defer_ms = 0;
  if (!ParseInt(text, &defer_ms)) return std::nullopt;
  const auto max = std::chrono::duration_cast<milliseconds>(options.max_defer_timeout);
  if (defer_ms < 0 || defer_ms > max.count()) return std::nullopt;
  return milliseconds(defer_ms);
}

}  // namespace nsq::nsqd
