#pragma once

#include <sys/types.h>

#include <string>

namespace nsq {

// The file of a listening Unix socket. Goes with this object, unless somebody has put another one
// in its place.
class SocketFile {
 public:
  // Nothing.
  SocketFile() = default;
  // The file that a socket has just been bound to; an abstract name ("@...") has none.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile();

  void Remove();

 private:
  std::string path_;  // empty: nothing
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace nsq
