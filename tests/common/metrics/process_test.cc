#include "common/metrics/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <vector>

#include "common/metrics/exposition.h"
#include "tests/common/metrics/exposition_parser.h"

namespace nsq::metrics {
namespace {

TEST(ProcessTest, FiguresAreThisProcess) {
  const ProcessStats before = ReadProcessStats();
  EXPECT_GT(before.resident_bytes, size_t{1} << 20);
  EXPECT_GT(before.virtual_bytes, before.resident_bytes / 2);
  EXPECT_GE(before.threads, 1u);
  EXPECT_GE(before.max_fds, before.open_fds);
  EXPECT_LE(before.start_time, WallNow() + seconds(2));
  EXPECT_GT(before.start_time, WallNow() - std::chrono::hours(1));

  std::vector<int> opened;
  for (int i = 0; i < 10; ++i) opened.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const ProcessStats after = ReadProcessStats();
  for (const int fd : opened) ::close(fd);
  EXPECT_EQ(after.open_fds, before.open_fds + 10);
  EXPECT_GE(after.cpu, before.cpu);
}

TEST(ProcessTest, HeapFiguresFollowTheHeap) {
  constexpr size_t kBytes = size_t{64} << 20;
  const HeapStats before = ReadHeapStats();
  std::unique_ptr<char[]> block(new char[kBytes]);
  std::memset(block.get(), 1, kBytes);
  const HeapStats with = ReadHeapStats();
  if (with.in_use_bytes == before.in_use_bytes) GTEST_SKIP() << "not glibc's allocator";
  EXPECT_GE(with.in_use_bytes, before.in_use_bytes + kBytes);
  EXPECT_GE(with.anonymous_bytes, kBytes);
  EXPECT_LE(with.released_bytes, with.idle_bytes);
  block.reset();
  EXPECT_LT(ReadHeapStats().in_use_bytes, before.in_use_bytes + kBytes / 2);
}

TEST(ProcessTest, ItsFamiliesAreAPage) {
  Page page;
  AppendProcess(&page);
  const ParseResult parsed = ParseExposition(page.Take());
  ASSERT_EQ(parsed.error, "");
  EXPECT_GT(parsed.page.Find("process_resident_memory_bytes").value_or(0), 1e6);
  EXPECT_GT(parsed.page.Find("process_start_time_seconds").value_or(0), 1.6e9);
  EXPECT_EQ(parsed.page.families.at("nsq_build_info").samples.size(), 1u);
}

}  // namespace
}  // namespace nsq::metrics
