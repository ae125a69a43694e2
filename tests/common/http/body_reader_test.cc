#include "common/http/body_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace nsq::http {
namespace {

struct Read {
  std::string body;
  BodyReader::State state;
  size_t left = 0;  // bytes not taken
};

// Offers `data` as a connection does: cut at `cut`, and again with more what was not taken.
Read ReadAll(BodyReader reader, std::string_view data, size_t cut) {
  Read read;
  size_t taken = 0;
  for (const size_t end : {cut, data.size()}) {
    for (;;) {
      std::string_view piece;
      const size_t n = reader.Take(data.substr(taken, end - taken), &piece);
      read.body += piece;
      taken += n;
      if (n == 0) break;
    }
  }
  read.state = reader.state();
  read.left = data.size() - taken;
  return read;
}

void ExpectBody(Framing framing, uint64_t length, std::string_view data, std::string_view body,
                size_t left) {
  for (size_t cut = 0; cut <= data.size(); ++cut) {
    const Read read = ReadAll(BodyReader(framing, length), data, cut);
    EXPECT_EQ(read.state, BodyReader::State::kWhole) << data << " cut at " << cut;
    EXPECT_EQ(read.body, body) << data << " cut at " << cut;
    EXPECT_EQ(read.left, left) << data << " cut at " << cut;
  }
}

TEST(BodyReaderTest, ALengthIsHeld) {
  ExpectBody(Framing::kLength, 5, "helloGET /", "hello", 5);
  EXPECT_EQ(BodyReader(Framing::kLength, 0).state(), BodyReader::State::kWhole);
  EXPECT_EQ(BodyReader().state(), BodyReader::State::kWhole);
}

TEST(BodyReaderTest, ChunksAreJoinedWhereverTheyAreCut) {
  ExpectBody(Framing::kChunked, 0, "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nGET", "abc0123456789",
             3);
  ExpectBody(Framing::kChunked, 0, "3;name=value\r\nabc\r\n0 \r\n\r\n", "abc", 0);
  ExpectBody(Framing::kChunked, 0, "3\nabc\r\n0\nTrailer: x\n\nGET", "abc", 3);
  ExpectBody(Framing::kChunked, 0, "0\r\n\r\n", "", 0);
}

TEST(BodyReaderTest, BadChunksBreakWhereverTheyAreCut) {
  for (const std::string data :
       {"zz\r\nabc\r\n0\r\n\r\n", "\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n", "3\nabc\n0\n\n", "11111111111111111\r\nabc\r\n",
        "3\r\nabc\r\n0\r\nno colon\r\n\r\n", ";\r\n"}) {
    for (size_t cut = 0; cut <= data.size(); ++cut) {
      EXPECT_EQ(ReadAll(BodyReader(Framing::kChunked, 0), data, cut).state,
                BodyReader::State::kBroken)
          << data << " cut at " << cut;
    }
  }
}

TEST(BodyReaderTest, LinesWithoutAnEndBreakAtALimit) {
  BodyReader size(Framing::kChunked, 0);
  std::string_view piece;
  EXPECT_EQ(size.Take("3" + std::string(5000, ' '), &piece), 0u);
  EXPECT_EQ(size.state(), BodyReader::State::kBroken);

  BodyReader trailer(Framing::kChunked, 0);
  EXPECT_EQ(trailer.Take("0\r\n", &piece), 3u);
  const std::string field = "A: " + std::string(1000, 'x') + "\r\n";
  for (int i = 0; i < 100; ++i) trailer.Take(field, &piece);
  EXPECT_EQ(trailer.state(), BodyReader::State::kBroken);
}

TEST(BodyReaderTest, WhatIsCutWaits) {
  const std::string_view whole = "3\r\nabc\r\n0\r\n\r\n";
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_EQ(ReadAll(BodyReader(Framing::kChunked, 0), whole.substr(0, cut), 0).state,
              BodyReader::State::kMore)
        << cut;
  }
}

}  // namespace
}  // namespace nsq::http
