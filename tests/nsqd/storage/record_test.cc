#include "nsqd/storage/record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nsq::nsqd {
namespace {

std::vector<std::byte> Encoded(const Record& record) {
  std::vector<std::byte> bytes(EncodedSize(record));
  EncodeRecord(record, bytes.data());
  return bytes;
}

Record Plain() { return {{1737331200000000}, WallFromUnixNanos(1737331200123456789), {}, "hello"}; }

Record Deferred() {
  Record record = Plain();
  record.deliver_at = WallFromUnixNanos(1737331205000000000);
  return record;
}

std::string Hex(const std::vector<std::byte>& bytes) {
  std::string hex;
  for (const std::byte b : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    hex += digits[static_cast<unsigned>(b) >> 4];
    hex += digits[static_cast<unsigned>(b) & 15];
  }
  return hex;
}

TEST(RecordTest, WhatIsEncodedIsDecoded) {
  for (const Record& record : {Plain(), Deferred()}) {
    const std::vector<std::byte> bytes = Encoded(record);
    Record decoded;
    size_t size_bytes = 0;
    ASSERT_TRUE(DecodeRecord(bytes, &decoded, &size_bytes).ok());
    EXPECT_EQ(size_bytes, bytes.size());
    EXPECT_EQ(decoded.sequence, record.sequence);
    EXPECT_EQ(decoded.timestamp, record.timestamp);
    EXPECT_EQ(decoded.deliver_at, record.deliver_at);
    EXPECT_EQ(decoded.deferred(), record.deferred());
    EXPECT_EQ(decoded.body, record.body);
  }
}

TEST(RecordTest, AnyPrefixIsNotWholeYet) {
  const std::vector<std::byte> bytes = Encoded(Deferred());
  for (size_t n = 0; n < bytes.size(); ++n) {
    Record decoded;
    size_t size_bytes = 0;
    EXPECT_EQ(DecodeRecord({bytes.data(), n}, &decoded, &size_bytes).code(), Code::kNotFound);
    EXPECT_EQ(size_bytes, n < 4 ? 0 : bytes.size());
  }
}

TEST(RecordTest, AnyFlippedBitIsNoticed) {
  const std::vector<std::byte> good = Encoded(Deferred());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::vector<std::byte> bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    bytes.resize(1 << 20);  // so that a larger size finds its bytes
    Record decoded;
    size_t size_bytes = 0;
    const Status status = DecodeRecord(bytes, &decoded, &size_bytes);
    const Code expected = size_bytes > bytes.size() ? Code::kNotFound : Code::kCorrupt;
    EXPECT_EQ(status.code(), expected) << "bit " << bit;
  }
}

TEST(RecordTest, ADamagedSizeIsToldFromOtherDamage) {
  std::vector<std::byte> bytes = Encoded(Plain());
  bytes[3] ^= std::byte{0x40};
  EXPECT_TRUE(IsWholeButForItsSize(bytes));
  bytes.back() ^= std::byte{1};
  EXPECT_FALSE(IsWholeButForItsSize(bytes));
}

// The bytes that FORMAT.md shows.
TEST(RecordTest, BytesAreThoseOfTheFormatPage) {
  EXPECT_EQ(Hex(Encoded(Plain())),
            "21000000"
            "c6ddf7e1"
            "008008f1172c0600"
            "15cd8f90853d1c18"
            "0000"
            "0000"
            "68656c6c6f");
  EXPECT_EQ(Hex(Encoded(Deferred())),
            "29000000"
            "65995064"
            "008008f1172c0600"
            "15cd8f90853d1c18"
            "0100"
            "0800"
            "00f239b3863d1c18"
            "68656c6c6f");
}

}  // namespace
}  // namespace nsq::nsqd
