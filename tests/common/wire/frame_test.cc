#include "common/wire/frame.h"

#include <gtest/gtest.h>

#include <string>

#include "common/event/buffer.h"

namespace nsq {
namespace {

std::string Hex(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kHex[static_cast<uint8_t>(c) >> 4];
    hex += kHex[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

std::string FrameHex(FrameType type, std::string_view payload) {
  Buffer buffer;
  AppendFrame(type, payload, &buffer);
  return Hex(buffer.view());
}

TEST(FrameTest, TheFixedFramesAreThoseOfTheProtocol) {
  EXPECT_EQ(FrameHex(FrameType::kResponse, kOkAnswer), "00000006000000004f4b");
  EXPECT_EQ(FrameHex(FrameType::kResponse, kHeartbeat), "0000000f000000005f6865617274626561745f");
  EXPECT_EQ(FrameHex(FrameType::kResponse, kCloseWait), "0000000e00000000434c4f53455f57414954");
  EXPECT_EQ(FrameHex(FrameType::kError, "E_BAD_PROTOCOL"),
            "0000001200000001455f4241445f50524f544f434f4c");
}

TEST(FrameTest, AWrongMagicIsShownSafelyAndWithWhatItLooksLike) {
  EXPECT_EQ(DescribeMagic("  V3"), "'  V3'");
  EXPECT_EQ(DescribeMagic("GET "), "'GET ' (an HTTP request)");
  EXPECT_EQ(DescribeMagic("\x16\x03\x01\x02"), R"('\x16\x03\x01\x02' (a TLS handshake))");
  EXPECT_EQ(DescribeMagic("\n\x1b[m"), R"('\n\x1b[m')");
}

TEST(FrameTest, AMessageCarriesTimeAttemptsAndIdBeforeItsBody) {
  Buffer buffer;
  AppendMessageFrame(0x0102030405060708, 0x090A, "0123456789abcdef", "hi", &buffer);
  EXPECT_EQ(Hex(buffer.view()),
            "00000020"
            "00000002"
            "0102030405060708"
            "090a"
            "30313233343536373839616263646566"
            "6869");
  EXPECT_EQ(buffer.size(), kMessageFrameBytes + 2);
}

TEST(FrameTest, FramesFollowEachOther) {
  Buffer buffer;
  AppendFrame(FrameType::kResponse, "", &buffer);
  AppendLookupFrame("OK", &buffer);
  EXPECT_EQ(Hex(buffer.view()),
            "0000000400000000"
            "000000024f4b");
}

}  // namespace
}  // namespace nsq
