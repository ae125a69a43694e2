#include "common/event/socket_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace nsq {
namespace {

class SocketFileTest : public testing::Test {
 protected:
  ~SocketFileTest() override { std::filesystem::remove(path_); }

  bool exists() const { return std::filesystem::exists(path_); }

  const std::string path_ =
      testing::TempDir() + "socket_file_test." + std::to_string(::getpid()) + ".sock";
};

TEST_F(SocketFileTest, GoesWithTheObject) {
  std::ofstream(path_) << "";
  {
    SocketFile file(path_);
    const SocketFile moved = std::move(file);
    file.Remove();
    EXPECT_TRUE(exists());
  }
  EXPECT_FALSE(exists());
}

TEST_F(SocketFileTest, AnotherFileInItsPlaceStays) {
  std::ofstream(path_) << "";
  SocketFile file(path_);
  const std::string other = path_ + ".other";
  std::ofstream(other) << "";
  std::filesystem::rename(other, path_);
  file.Remove();
  EXPECT_TRUE(exists());
}

TEST_F(SocketFileTest, WhatIsNotThereIsNothing) {
  SocketFile file(path_);
  std::ofstream(path_) << "";
  file.Remove();
  SocketFile().Remove();
  SocketFile("@name").Remove();
  EXPECT_TRUE(exists());
}

}  // namespace
}  // namespace nsq
