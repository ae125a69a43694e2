#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "common/event/buffer.h"
#include "common/event/stream_filter.h"

namespace nsq {

inline std::string Encoded(StreamFilter& filter, std::string_view inner) {
  Buffer outer;
  EXPECT_TRUE(filter.Encode(inner, &outer).ok());
  return std::string(outer.view());
}

// What `outer` means, all of it.
struct Decoded {
  std::string inner;
  std::string reply;
  Status status;
  size_t calls = 0;
};

inline Decoded DecodeAll(StreamFilter& filter, std::string_view outer) {
  Decoded decoded;
  do {
    Buffer inner;
    Buffer reply;
    decoded.status = filter.Decode(outer, &inner, &reply);
    EXPECT_LE(inner.size(), StreamFilter::kDecodeBytes);
    decoded.inner += inner.view();
    decoded.reply += reply.view();
    outer = {};
    ++decoded.calls;
  } while (decoded.status.ok() && filter.has_more());
  EXPECT_FALSE(filter.has_more());
  return decoded;
}

// Half noise, half the same word over and over: both kinds of chunk.
inline std::string Mixture(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    const bool noise = random() % 2 == 0;
    for (size_t run = random() % 3000; run > 0; --run) {
      text += noise ? static_cast<char>(random()) : "message "[run % 8];
    }
  }
  text.resize(size);
  return text;
}

inline std::string Bytes(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); ++i) {
    if (hex[i] == ' ') continue;
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    ++i;
  }
  return bytes;
}

// The first answer of a connection, as it is framed.
inline constexpr std::string_view kOkFrame("\0\0\0\6\0\0\0\0OK", 10);

}  // namespace nsq
