#include "common/filters/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace nsq {
namespace {

// RFC 3720, B.4.
TEST(Crc32cTest, KnownSums) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  EXPECT_EQ(Crc32c(rising), 0x46DD794Eu);
}

uint32_t BitByBit(std::string_view bytes) {
  uint32_t sum = ~uint32_t{0};
  for (const char c : bytes) {
    sum ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82F63B78 : 0);
  }
  return ~sum;
}

TEST(Crc32cTest, AnyLengthAtAnyAddress) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  for (size_t from = 0; from < 10; ++from) {
    for (size_t size = 0; size < 60; ++size) {
      const auto part = std::string_view(text).substr(from, size);
      ASSERT_EQ(Crc32c(part), BitByBit(part)) << from << " " << size;
    }
  }
}

}  // namespace
}  // namespace nsq
