#include "nsqd/storage/chunk.h"

#include <gtest/gtest.h>

#include <string>

namespace nsq::nsqd {
namespace {

void Put(Chunk* chunk, std::string_view body) {
  const Record record{chunk->end(), WallFromUnixNanos(1), {}, body};
  EncodeRecord(record, chunk->Extend(EncodedSize(record)));
}

TEST(ChunkTest, HoldsWhatWasPut) {
  Chunk chunk({100}, 4096);
  for (const char* body : {"a", "bb", "ccc"}) Put(&chunk, body);
  EXPECT_EQ(chunk.end(), Sequence{103});
  EXPECT_TRUE(chunk.Contains({102}));
  EXPECT_FALSE(chunk.Contains({103}));
  EXPECT_FALSE(chunk.Contains({99}));
  EXPECT_EQ(chunk.View({101}).body, "bb");
}

TEST(ChunkTest, ViewsStayWhileItGrows) {
  Chunk chunk({0}, 4096);
  Put(&chunk, "first");
  const Record view = chunk.View({0});
  while (chunk.HasRoom(64)) Put(&chunk, "more");
  EXPECT_EQ(view.body, "first");
}

TEST(ChunkTest, UnwrittenBytesFollowTheWrittenCount) {
  Chunk chunk({0}, 4096);
  Put(&chunk, "a");
  Put(&chunk, "b");
  EXPECT_EQ(chunk.unwritten_bytes().size(), chunk.size_bytes());
  chunk.set_written_count(1);
  EXPECT_EQ(chunk.unwritten_bytes().size(), kRecordHeaderBytes + 1);
  chunk.set_written_count(2);
  EXPECT_TRUE(chunk.written());
  EXPECT_TRUE(chunk.unwritten_bytes().empty());
}

TEST(ChunkTest, TruncateDropsTheEnd) {
  Chunk chunk({10}, 4096);
  for (const char* body : {"a", "b", "c"}) Put(&chunk, body);
  chunk.set_written_count(2);
  chunk.TruncateTo({11});
  EXPECT_EQ(chunk.count(), 1u);
  EXPECT_TRUE(chunk.written());
  Put(&chunk, "again");
  EXPECT_EQ(chunk.View({11}).body, "again");
  EXPECT_EQ(chunk.View({10}).body, "a");
}

}  // namespace
}  // namespace nsq::nsqd
