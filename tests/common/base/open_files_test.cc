#include "common/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace nsq {
namespace {

TEST(OpenFilesTest, AsManyAsTheHardLimitAllows) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max / 2;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  RaiseOpenFileLimit();
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
  RaiseOpenFileLimit();  // nothing to do
}

}  // namespace
}  // namespace nsq
