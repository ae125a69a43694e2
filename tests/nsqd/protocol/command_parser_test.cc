#include "nsqd/protocol/command_parser.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/buffer.h"

namespace nsq::nsqd {
namespace {

using Found = CommandParser::Found;
using What = CommandParser::Messages::What;

std::string Int(int32_t number) {
  std::string bytes(4, '\0');
  StoreBig32(bytes.data(), static_cast<uint32_t>(number));
  return bytes;
}
std::string Sized(std::string_view body) {
  return Int(static_cast<int32_t>(body.size())) + std::string(body);
}

constexpr CommandParser::MessageLimits kLimits{100, 50, 1000};

TEST(ParseLineTest, WordsAreSeparatedByOneSpaceEach) {
  struct Row {
    std::string_view line;
    Command command;
    std::string_view name;
    std::vector<std::string_view> params;
  };
  const Row rows[] = {
      {"NOP", Command::kNop, "NOP", {}},
      {"", Command::kUnknown, "", {}},
      {" ", Command::kUnknown, "", {""}},
      {"nop", Command::kUnknown, "nop", {}},
      {"NOP\r", Command::kUnknown, "NOP\r", {}},
      {"NOP\t1", Command::kUnknown, "NOP\t1", {}},
      {"PUBS t", Command::kUnknown, "PUBS", {"t"}},
      {"PUB t", Command::kPub, "PUB", {"t"}},
      {"PUB ", Command::kPub, "PUB", {""}},
      {"SUB  t c", Command::kSub, "SUB", {"", "t"}},
      {"SUB t c", Command::kSub, "SUB", {"t", "c"}},
      {"SUB t c extra words", Command::kSub, "SUB", {"t", "c"}},
      {"REQ id ", Command::kReq, "REQ", {"id", ""}},
      {"IDENTIFY", Command::kIdentify, "IDENTIFY", {}},
      {"AUTH", Command::kAuth, "AUTH", {}},
      {"RDY 1", Command::kRdy, "RDY", {"1"}},
      {"FIN x", Command::kFin, "FIN", {"x"}},
      {"TOUCH x", Command::kTouch, "TOUCH", {"x"}},
      {"CLS", Command::kCls, "CLS", {}},
      {"MPUB t", Command::kMpub, "MPUB", {"t"}},
      {"DPUB t 1", Command::kDpub, "DPUB", {"t", "1"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.line);
    const CommandLine line = ParseLine(row.line);
    EXPECT_EQ(line.command, row.command);
    EXPECT_EQ(line.name, row.name);
    ASSERT_EQ(line.params, row.params.size());
    for (size_t i = 0; i < line.params; ++i) EXPECT_EQ(line.param[i], row.params[i]);
    if (row.command != Command::kUnknown) {
      EXPECT_EQ(ToString(row.command), row.name);
    }
  }
}

TEST(ParseUnsignedTest, DigitsOnlyWrappingAt64Bits) {
  EXPECT_EQ(ParseUnsigned(""), 0u);
  EXPECT_EQ(ParseUnsigned("0"), 0u);
  EXPECT_EQ(ParseUnsigned("007"), 7u);
  EXPECT_EQ(ParseUnsigned("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(ParseUnsigned("18446744073709551616"), 0u);
  for (const char* bad : {"-1", "+1", "1.0", " 1", "1 ", "0x1", "a"}) {
    EXPECT_FALSE(ParseUnsigned(bad)) << bad;
  }
}

TEST(CommandParserTest, OneCarriageReturnBeforeTheEndIsDropped) {
  for (const auto& [bytes, expected] :
       {std::pair<std::string_view, std::string_view>{"NOP\n", "NOP"},
        {"NOP\r\n", "NOP"},
        {"NOP\r\r\n", "NOP\r"},
        {"\n", ""},
        {"\r\n", ""},
        {"A\rB\n", "A\rB"}}) {
    CommandParser parser;
    std::string_view line;
    ASSERT_EQ(parser.FindLine(bytes, &line), Found::kYes);
    EXPECT_EQ(line, expected);
    EXPECT_EQ(parser.Finish(), bytes.size());
  }
}

TEST(CommandParserTest, LongestLineHas16384BytesWithItsEnd) {
  const std::string longest = std::string(16383, 'x') + "\n";
  CommandParser parser;
  std::string_view line;
  EXPECT_EQ(parser.FindLine(longest, &line), Found::kYes);
  EXPECT_EQ(line.size(), 16383u);

  const std::string longer = std::string(16384, 'x') + "\n";
  EXPECT_EQ(CommandParser().FindLine(longer, &line), Found::kTooLong);
  CommandParser by_bytes;
  for (size_t n = 0; n < 16384; ++n) {
    ASSERT_EQ(by_bytes.FindLine(std::string_view(longer).substr(0, n), &line), Found::kNotYet) << n;
  }
  EXPECT_EQ(by_bytes.FindLine(std::string_view(longer).substr(0, 16384), &line), Found::kTooLong);
}

// Bytes may lie elsewhere at each call: nothing of the earlier ones is looked at again.
TEST(CommandParserTest, BodyInPiecesIsFoundWhenItIsWhole) {
  const std::string command = "PUB t\n" + Sized("hello");
  const std::string all = command + "NOP\n";
  CommandParser parser;
  for (size_t n = 0; n <= all.size(); ++n) {
    const std::string data = all.substr(0, n);
    std::string_view line;
    int32_t size = 0;
    std::string_view body;
    const bool whole = parser.FindLine(data, &line) == Found::kYes &&
                       parser.FindSize(data, &size) &&
                       parser.FindBody(data, static_cast<size_t>(size), &body);
    ASSERT_EQ(whole, n >= command.size()) << n;
    if (whole) {
      EXPECT_EQ(body, "hello");
    }
  }
  EXPECT_EQ(parser.Finish(), command.size());
}

TEST(CommandParserTest, MessagesInPiecesAreFoundWhenTheyAreWhole) {
  const std::string line_bytes = "MPUB t\n";
  const std::string command =
      line_bytes + Int(99) + Int(3) + Sized("a") + Sized("bcd") + Sized("e");
  const std::string all = command + "NOP\n";
  CommandParser parser;
  for (size_t n = line_bytes.size(); n <= all.size(); ++n) {
    const std::string data = all.substr(0, n);
    std::string_view line;
    int32_t size = 0;
    ASSERT_EQ(parser.FindLine(data, &line), Found::kYes);
    const bool whole =
        parser.FindSize(data, &size) && parser.CheckMessages(data, kLimits).what == What::kWhole;
    ASSERT_EQ(whole, n >= command.size()) << n;
  }
  std::vector<std::string_view> bodies;
  parser.CollectMessages(all, &bodies);
  EXPECT_EQ(bodies, (std::vector<std::string_view>{"a", "bcd", "e"}));
  EXPECT_EQ(parser.Finish(), command.size());
}

TEST(CommandParserTest, WhatIsWrongWithMessagesIsSaidAsSoonAsItIsSeen) {
  struct Row {
    std::string body;
    What what;
    uint32_t index;
    int64_t number;
  };
  const Row rows[] = {
      {"", What::kNoCount, 0, 0},
      {"\1\1\1", What::kNoCount, 0, 0},
      {Int(0), What::kBadCount, 0, 0},
      {Int(-1), What::kBadCount, 0, -1},
      {Int(101), What::kBadCount, 0, 101},
      {Int(2), What::kNoSize, 0, 0},
      {Int(2) + Int(0), What::kBadSize, 0, 0},
      {Int(2) + Int(-5), What::kBadSize, 0, -5},
      {Int(2) + Int(51), What::kTooBig, 0, 51},
      {Int(2) + Int(50), What::kNoBody, 0, 0},
      {Int(2) + Sized("a"), What::kNoSize, 1, 0},
      {Int(2) + Sized("a") + Int(0), What::kBadSize, 1, 0},
      {Int(2) + Sized("a") + Int(3) + "xx", What::kNoBody, 1, 0},
      {Int(2) + Sized("a") + Sized("b"), What::kWhole, 0, 0},
  };
  for (const Row& row : rows) {
    const std::string data = "MPUB t\n" + Int(1) + row.body;
    CommandParser parser;
    std::string_view line;
    ASSERT_EQ(parser.FindLine(data, &line), Found::kYes);
    const CommandParser::Messages messages = parser.CheckMessages(data, kLimits);
    SCOPED_TRACE(testing::PrintToString(row.body));
    EXPECT_EQ(messages.what, row.what);
    EXPECT_EQ(messages.index, row.index);
    EXPECT_EQ(messages.number, row.number);
  }
}

// The size before the count only announces; without this a client could have us hold any amount.
TEST(CommandParserTest, AllMessagesTogetherAreBounded) {
  std::string data = "MPUB t\n" + Int(10) + Int(100);
  for (int i = 0; i < 18; ++i) data += Sized(std::string(50, 'x'));  // 4 + 18 * 54 = 976
  CommandParser parser;
  std::string_view line;
  ASSERT_EQ(parser.FindLine(data, &line), Found::kYes);
  EXPECT_EQ(parser.CheckMessages(data, kLimits).what, What::kNoSize);
  const CommandParser::Messages messages = parser.CheckMessages(data + Int(50), kLimits);
  EXPECT_EQ(messages.what, What::kTooLarge);
  EXPECT_EQ(messages.number, 1030);
}

}  // namespace
}  // namespace nsq::nsqd
