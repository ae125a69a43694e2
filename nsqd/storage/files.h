#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"

// The seam between storage and the disk: one version for POSIX, one in memory for tests, which
// can be full at any byte, fail at any call and lose what was not synced.

namespace nsq::nsqd {

// A file that grows at its end.
//
// Home: its owner's; Sync alone may be called from a helper thread meanwhile.
class AppendFile {
 public:
  virtual ~AppendFile() = default;

  // Appends the front of `bytes`, at least one of them, and returns how many.
  virtual Result<size_t> Append(std::span<const std::byte> bytes) = 0;

  // Cuts the file to its first `size_bytes`.
  virtual Status Truncate(uint64_t size_bytes) = 0;

  // Returns when what was appended before survives a power cut. After an error it is not known
  // what does, and a later success does not say so either.
  virtual Status Sync() = 0;
};

// Home: any thread.
class ReadFile {
 public:
  virtual ~ReadFile() = default;

  // Fills `to` from `offset` on; returns less than its size only at the file's end.
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> to) const = 0;
  virtual Result<uint64_t> Size() const = 0;
};

// Of a file system; what is not known is without end.
struct DiskSpace {
  uint64_t free_bytes = UINT64_MAX;
  uint64_t total_bytes = UINT64_MAX;
};

// Home: any thread.
class Files {
 public:
  virtual ~Files() = default;

  // For appending; made if it is not there.
  virtual Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) = 0;
  virtual Result<std::unique_ptr<ReadFile>> OpenRead(const std::string& path) = 0;

  // Names (not paths) in a directory, sorted.
  virtual Result<std::vector<std::string>> List(const std::string& dir) = 0;
  // kExists if it is there already.
  virtual Status MakeDir(const std::string& dir) = 0;
  // kNotFound if it is not there.
  virtual Status Remove(const std::string& path) = 0;
  virtual Status RemoveDir(const std::string& dir) = 0;
  // A second name for a file, on the same file system. kExists if `to` is there already.
  virtual Status Link(const std::string& from, const std::string& to) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  // Returns when names made, removed or renamed in `dir` survive a power cut.
  virtual Status SyncDir(const std::string& dir) = 0;
  // Of the file system that `dir` is on.
  virtual Result<DiskSpace> Space(const std::string& dir) = 0;
};

// "a/b" -> "a", "b" -> ".".
std::string ParentDir(const std::string& path);

// The real ones. Lives as long as the process.
Files& PosixFiles();

}  // namespace nsq::nsqd
