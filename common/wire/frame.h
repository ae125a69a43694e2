#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nsq {

class Buffer;

// What a daemon says to a client of its TCP port (spec, nsqd-tcp 1.4), numbers big-endian:
//
//   | size i32 = 4 + n | type i32 | n bytes |
//
// A message's n bytes:
//
//   | timestamp i64, Unix ns | attempts u16 | id, 16 bytes | body |
enum class FrameType : uint32_t { kResponse = 0, kError = 1, kMessage = 2 };

inline constexpr size_t kFrameHeaderBytes = 8;
inline constexpr size_t kMessageIdBytes = 16;
inline constexpr size_t kMessageHeaderBytes = 8 + 2 + kMessageIdBytes;
// The bytes of a frame around a message's body.
inline constexpr size_t kMessageFrameBytes = kFrameHeaderBytes + kMessageHeaderBytes;

inline constexpr std::string_view kOkAnswer = "OK";
inline constexpr std::string_view kHeartbeat = "_heartbeat_";
inline constexpr std::string_view kCloseWait = "CLOSE_WAIT";

inline constexpr std::string_view kMagicV1 = "  V1";  // to nsqlookupd
inline constexpr std::string_view kMagicV2 = "  V2";  // to nsqd

// For logs: what somebody began with who knows no magic, quoted, and what that looks like, since it
// is mostly a client with the wrong port: 'GET ' (an HTTP request).
std::string DescribeMagic(std::string_view magic);

void AppendFrame(FrameType type, std::string_view payload, Buffer* to);

// What stands before the body of a message of `body_size` bytes: kMessageFrameBytes at `to`.
// `id` has kMessageIdBytes bytes.
void StoreMessageFrame(int64_t timestamp_ns, uint16_t attempts, const char* id, size_t body_size,
                       char* to);
void AppendMessageFrame(int64_t timestamp_ns, uint16_t attempts, const char* id,
                        std::string_view body, Buffer* to);

// What nsqlookupd says: | size i32 = n | n bytes |, without a type.
void AppendLookupFrame(std::string_view payload, Buffer* to);

}  // namespace nsq
