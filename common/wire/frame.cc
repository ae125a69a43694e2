#include "common/wire/frame.h"

#include <cstring>

#include "common/event/buffer.h"
#include "common/strings.h"

namespace nsq {

std::string DescribeMagic(std::string_view magic) {
  std::string text = GoQuoted(magic);
  text.front() = text.back() = '\'';
  if (magic.starts_with("\x16\x03")) return text + " (a TLS handshake)";
  for (const std::string_view method : {"GET ", "POST", "PUT ", "HEAD", "DELE", "OPTI"}) {
    if (magic == method) return text + " (an HTTP request)";
  }
  return text;
}

void AppendFrame(FrameType type, std::string_view payload, Buffer* to) {
  char* const at = to->Reserve(kFrameHeaderBytes + payload.size());
  StoreBig32(at, static_cast<uint32_t>(4 + payload.size()));
  StoreBig32(at + 4, static_cast<uint32_t>(type));
  std::memcpy(at + kFrameHeaderBytes, payload.data(), payload.size());
  to->Commit(kFrameHeaderBytes + payload.size());
}

void StoreMessageFrame(int64_t timestamp_ns, uint16_t attempts, const char* id, size_t body_size,
                       char* to) {
  StoreBig32(to, static_cast<uint32_t>(4 + kMessageHeaderBytes + body_size));
  StoreBig32(to + 4, static_cast<uint32_t>(FrameType::kMessage));
  StoreBig64(to + 8, static_cast<uint64_t>(timestamp_ns));
  StoreBig16(to + 16, attempts);
  std::memcpy(to + 18, id, kMessageIdBytes);
}

void AppendMessageFrame(int64_t timestamp_ns, uint16_t attempts, const char* id,
                        std::string_view body, Buffer* to) {
  char* const at = to->Reserve(kMessageFrameBytes + body.size());
  StoreMessageFrame(timestamp_ns, attempts, id, body.size(), at);
  std::memcpy(at + kMessageFrameBytes, body.data(), body.size());
  to->Commit(kMessageFrameBytes + body.size());
}

void AppendLookupFrame(std::string_view payload, Buffer* to) {
  char* const at = to->Reserve(4 + payload.size());
  StoreBig32(at, static_cast<uint32_t>(payload.size()));
  std::memcpy(at + 4, payload.data(), payload.size());
  to->Commit(4 + payload.size());
}

}  // namespace nsq
