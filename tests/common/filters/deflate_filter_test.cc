#include "common/filters/deflate_filter.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "tests/common/filters/pipe.h"

namespace nsq {
namespace {

// What another encoder says in one finished stream.
std::string Finished(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Of the original, at level 6.
TEST(DeflateFilterTest, TheOriginalsFirstOkIsUnderstood) {
  DeflateFilter filter(6);
  EXPECT_EQ(DecodeAll(filter, Bytes("6260606063606060f0f706 000000ffff")).inner, kOkFrame);
  EXPECT_EQ(DecodeAll(filter, Bytes("000000ffff 000000ffff")).inner, "") << "idle markers";
}

// An empty stored block: without it Go's decoder keeps what came before to itself.
TEST(DeflateFilterTest, EveryEncodeEndsWithAFlush) {
  DeflateFilter filter(6);
  EXPECT_EQ(Encoded(filter, ""), "");
  for (const size_t size : {1, 64, 65, 200, 64, 1, 10'000}) {
    const std::string outer = Encoded(filter, Mixture(size, 1));
    EXPECT_TRUE(outer.ends_with(std::string("\0\0\xFF\xFF", 4))) << size;
  }
}

TEST(DeflateFilterTest, AFewWordsAreStoredAsTheyAre) {
  DeflateFilter from(6);
  DeflateFilter to(6);
  const std::string ok = Encoded(from, kOkFrame);
  EXPECT_EQ(ok, Bytes("00 0a00 f5ff 00000006 00000000 4f4b 000000ffff"));
  EXPECT_EQ(DecodeAll(to, ok).inner, kOkFrame);
  for (size_t size = 1; size < 100; ++size) {
    const std::string text = Mixture(size, 1);
    const std::string first = Encoded(from, kOkFrame);
    const std::string second = Encoded(from, text);
    ASSERT_EQ(DecodeAll(to, first + second).inner, std::string(kOkFrame) + text);
  }
}

TEST(DeflateFilterTest, AnySizeAtAnyLevelComesBack) {
  for (int level = 1; level <= 9; ++level) {
    DeflateFilter from(level);
    DeflateFilter to(1);
    for (const size_t size : {1, 10, 511, 512, 513, 70'000, 700'000}) {
      const std::string text = Mixture(size, 7);
      const Decoded decoded = DecodeAll(to, Encoded(from, text));
      ASSERT_TRUE(decoded.status.ok()) << decoded.status.ToString();
      ASSERT_EQ(decoded.inner, text) << level << " " << size;
    }
  }
}

TEST(DeflateFilterTest, ItDoesNotMatterWhereTheBytesAreCut) {
  DeflateFilter from(6);
  const std::string text = "PUB topic\n" + std::string(40, 'x') + "0123456789";
  const std::string outer = Encoded(from, text.substr(0, 60)) + Encoded(from, text.substr(60));
  for (size_t first = 0; first <= outer.size(); ++first) {
    for (size_t second = first; second <= outer.size(); ++second) {
      DeflateFilter to(6);
      std::string inner = DecodeAll(to, outer.substr(0, first)).inner;
      inner += DecodeAll(to, outer.substr(first, second - first)).inner;
      inner += DecodeAll(to, outer.substr(second)).inner;
      ASSERT_EQ(inner, text) << first << " " << second;
    }
  }
}

TEST(DeflateFilterTest, WhatIsSaidAfterATrimContinuesTheStream) {
  DeflateFilter from(6);
  DeflateFilter to(6);
  for (int i = 0; i < 10; ++i) {
    const std::string text = Mixture(1000, 3);
    ASSERT_EQ(DecodeAll(to, Encoded(from, text)).inner, text) << i;
    for (int trims = 0; trims < i % 4; ++trims) from.Trim();
  }
}

TEST(DeflateFilterTest, TrimForgetsOnlyWhenNothingWasSaidSinceTheLast) {
  DeflateFilter from(6);
  const std::string text = Mixture(3000, 11);
  (void)Encoded(from, text);
  from.Trim();
  EXPECT_LT(Encoded(from, text).size(), 200u) << "refers to what was said before";
  from.Trim();
  from.Trim();
  EXPECT_GT(Encoded(from, text).size(), 200u);
}

TEST(DeflateFilterTest, AFinishedStreamIsAnEnd) {
  DeflateFilter to(6);
  const Decoded decoded = DecodeAll(to, Finished("NOP\n") + "whatever follows");
  EXPECT_EQ(decoded.inner, "NOP\n");
  EXPECT_EQ(decoded.status.code(), Code::kUnavailable);
  EXPECT_EQ(DecodeAll(to, "more").status.code(), Code::kUnavailable);
}

TEST(DeflateFilterTest, WhatIsNotDeflateIsRefused) {
  for (const std::string& outer :
       {std::string("\x07\x00", 2), std::string("\x00\x01\x00\x01\x00", 5), Bytes("789c"),
        Bytes("1f8b0800")}) {
    DeflateFilter to(6);
    EXPECT_FALSE(DecodeAll(to, outer + std::string(20, '\xFF')).status.ok()) << outer.size();
  }
}

// Deflate has no checksums: what is asked is that it ends, in bounds.
TEST(DeflateFilterTest, CorruptionOfAnyByteIsBornWithoutHarm) {
  DeflateFilter from(6);
  const std::string outer = Encoded(from, Mixture(600, 5));
  size_t refused = 0;
  for (size_t at = 0; at < outer.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = outer;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      DeflateFilter to(6);
      refused += DecodeAll(to, damaged).status.ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(DeflateFilterTest, AStreamCutAnywhereWaits) {
  DeflateFilter from(6);
  const std::string text = Mixture(300, 9);
  const std::string outer = Encoded(from, text);
  for (size_t size = 0; size < outer.size(); ++size) {
    DeflateFilter to(6);
    const Decoded decoded = DecodeAll(to, outer.substr(0, size));
    ASSERT_TRUE(decoded.status.ok());
    ASSERT_TRUE(text.starts_with(decoded.inner));
  }
}

TEST(DeflateFilterTest, ABombComesInPieces) {
  constexpr size_t kBytes = 50'000'000;
  const std::string bomb = Finished(std::string(kBytes, '\n'));
  EXPECT_LT(bomb.size(), 60'000u);
  DeflateFilter to(6);
  const Decoded decoded = DecodeAll(to, bomb);
  EXPECT_EQ(decoded.inner.size(), kBytes);
  EXPECT_GE(decoded.calls, kBytes / StreamFilter::kDecodeBytes);
}

}  // namespace
}  // namespace nsq
