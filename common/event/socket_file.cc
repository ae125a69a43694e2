#include "common/event/socket_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace nsq {

SocketFile::SocketFile(std::string path) {
  struct stat info {};
  if (path.empty() || path[0] == '@' || ::lstat(path.c_str(), &info) != 0) return;
  path_ = std::move(path);
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  Remove();
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

SocketFile::~SocketFile() { Remove(); }

void SocketFile::Remove() {
  const std::string path = std::exchange(path_, {});
  struct stat info {};
  if (path.empty() || ::lstat(path.c_str(), &info) != 0) return;
  if (info.st_dev == device_ && info.st_ino == inode_) ::unlink(path.c_str());
}

}  // namespace nsq
