#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "nsqd/storage/journal_format.h"
#include "nsqd/storage/segment.h"

// The worked examples of FORMAT.md: if one of these fails, either a format was changed without a
// new version, or the page is to be rewritten.

namespace nsq::nsqd {
namespace {

constexpr Sequence kFirst{1737331200000000};

std::string Hex(std::span<const std::byte> bytes) {
  std::string hex;
  for (const std::byte b : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    hex += digits[static_cast<unsigned>(b) >> 4];
    hex += digits[static_cast<unsigned>(b) & 15];
  }
  return hex;
}

TEST(FormatTest, SegmentHeaderIsThatOfTheFormatPage) {
  std::vector<std::byte> header(kSegmentHeaderBytes);
  EncodeSegmentHeader({kFirst, 0, WallFromUnixNanos(1737331200123456789)}, header.data());
  EXPECT_EQ(Hex(header),
            "4e53514c"
            "0100"
            "4000"
            "008008f1172c0600"
            "0000000000000000"
            "15cd8f90853d1c18"
            "00000000000000000000000000000000000000000000000000000000"
            "6756a452");
  EXPECT_EQ(SegmentName(kFirst), "00001737331200000000.log");
  EXPECT_EQ(ParseSegmentName("00001737331200000000.log"), kFirst);
  for (const char* other : {"1737331200000000.log", "0000173733120000000x.log", "journal",
                            "00001737331200000000.damaged", "00001737331200000000.log.tmp"}) {
    EXPECT_FALSE(ParseSegmentName(other)) << other;
  }
}

TEST(FormatTest, JournalIsThatOfTheFormatPage) {
  TopicState state;
  state.first = state.fanout = kFirst;
  state.flowing = true;
  state.channels.push_back(
      {1, "ch", false, kFirst + 10, {{kFirst + 3, 1, {}}, {kFirst + 4, 1, {}}}});
  EXPECT_EQ(Hex(EncodeSnapshot(state)),
            "4e53514a"
            "0300"
            "1000"
            "00000000"
            "f7ea40bd"
            "1a0000a6"
            "748d5100"
            "018080c490fe859606"
            "0500"
            "020114026368"
            "10010d020100"
            "0705"
            "06"
            "020000a6"
            "3bcb2a46"
            "1102"
            "0d0000a5"
            "9352ccfa"
            "14018680c490fe859606026368");

  JournalEncoder turn(FrameKind::kEntries);
  turn.Begin(EntryType::kDelivered);
  turn.PutNumber(1);
  turn.PutSequence(kFirst + 20);
  turn.Begin(EntryType::kFinished);
  turn.PutNumber(1);
  turn.PutNumber(2);
  turn.PutSequence(kFirst + 3);
  turn.PutNumber(0);
  turn.PutSequence(kFirst + 10);
  turn.PutNumber(8);
  turn.EndFrame();
  EXPECT_EQ(Hex(turn.bytes()),
            "110000a5"
            "34eac85f"
            "0a01a880c490fe859606"
            "0d010221000e08");
}

// What a reader that knows nothing of it does with a version it does not know: nothing.
TEST(FormatTest, DamagedHeadersAreToldFromUnknownVersions) {
  std::vector<std::byte> header(kJournalHeaderBytes);
  EncodeJournalHeader(header.data());
  uint16_t version = 0;
  EXPECT_TRUE(DecodeJournalHeader(header, &version).ok());
  EXPECT_EQ(version, kJournalVersion);
  for (size_t at = 0; at < header.size(); ++at) {
    std::vector<std::byte> bad = header;
    bad[at] ^= std::byte{2};
    EXPECT_EQ(DecodeJournalHeader(bad, &version).code(), Code::kCorrupt) << at;
  }
  EXPECT_EQ(DecodeJournalHeader({}, &version).code(), Code::kCorrupt);
}

}  // namespace
}  // namespace nsq::nsqd
