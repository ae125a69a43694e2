// What /mpub is sent: whatever it is, messages are non-empty pieces of the body, in its order and
// within the limits. The first byte is max-msg-size, the rest the body.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/check.h"
#include "nsqd/http/publish_body.h"
#include "nsqd/options.h"

namespace {

constexpr int64_t kMaxBodySize = 4096;

void CheckPieces(const nsq::nsqd::Bodies& bodies, std::string_view body, int64_t max_msg_size) {
  if (!bodies.error.empty()) return;
  NSQ_CHECK(static_cast<int64_t>(body.size()) <= kMaxBodySize);
  const char* at = body.data();
  for (const std::string_view message : bodies.messages) {
    NSQ_CHECK(!message.empty());
    NSQ_CHECK(static_cast<int64_t>(message.size()) <= max_msg_size);
    NSQ_CHECK(message.data() >= at);
    at = message.data() + message.size();
    NSQ_CHECK(at <= body.data() + body.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  nsq::nsqd::Options options;
  options.max_msg_size = data[0] + 1;
  options.max_body_size = kMaxBodySize;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  CheckPieces(nsq::nsqd::SplitText(body, options), body, options.max_msg_size);
  CheckPieces(nsq::nsqd::SplitBinary(body, options), body, options.max_msg_size);
  const auto defer = nsq::nsqd::ParseDefer(body, options);
  NSQ_CHECK(!defer || (*defer >= nsq::Duration::zero() && *defer <= options.max_req_timeout));
  return 0;
}
