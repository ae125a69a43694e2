#include "common/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace nsq {
namespace {

TEST(StatusTest, IsFineByItself) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.ToString(), "ok");
}

TEST(StatusTest, SystemErrorsBecomeWhatTheCallerCanDoAboutThem) {
  EXPECT_EQ(ErrnoStatus(ENOSPC, "append to x").code(), Code::kExhausted);
  EXPECT_EQ(ErrnoStatus(EDQUOT, "append to x").code(), Code::kExhausted);
  EXPECT_EQ(ErrnoStatus(ENOENT, "open x").code(), Code::kNotFound);
  EXPECT_EQ(ErrnoStatus(EEXIST, "make x").code(), Code::kExists);
  EXPECT_EQ(ErrnoStatus(EIO, "read x").ToString(), "io: read x: Input/output error");
}

TEST(StatusTest, AResultHoldsAValueThatNeedNotBeCopyable) {
  Result<std::unique_ptr<int>> value = std::make_unique<int>(5);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(**value, 5);
  const Result<std::unique_ptr<int>> none = Status(Code::kNotFound, "no");
  EXPECT_FALSE(none.ok());
  EXPECT_EQ(none.status().detail(), "no");
}

}  // namespace
}  // namespace nsq
