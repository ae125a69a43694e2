#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "nsqd/storage/files.h"

namespace nsq::nsqd {

// A disk in memory that can be full at any byte, fail, die, and lose what was not synced.
//
// Home: any thread, as the disk is; the fault switches from the test's thread.
class MemoryFiles : public Files {
 public:
  static constexpr uint64_t kUnlimited = UINT64_MAX;

  // --- faults

  // Bytes that all files may take together. What still fits is taken, the rest refused.
  void set_capacity(uint64_t bytes);
  // The process dies after so many calls that change something: those after them change nothing.
  // With `torn`, the first write after them still leaves its first half.
  void DieAfter(uint64_t calls, bool torn = false);
  bool dead() const;
  uint64_t changes() const;  // calls so far that changed something, or would have
  // What a new process finds after kill -9: all that was written. Faults are over.
  void Revive();
  // What it finds after a power cut: only what was synced.
  void CutPower();
  void set_fail_sync(bool fail);
  void set_fail_truncate(bool fail);
  void set_fail_open(bool fail);
  // ReadAt that touches this byte of any file fails.
  void set_bad_sector(uint64_t offset);

  // --- looking and meddling

  // An empty disk without faults. Nothing is open.
  void Clear();

  // One that a power cut leaves there.
  void AddDir(const std::string& dir);
  std::vector<std::byte> Contents(const std::string& path) const;
  void SetContents(const std::string& path, std::vector<std::byte> bytes);
  bool Has(const std::string& path) const;
  std::vector<std::string> Paths() const;
  uint64_t total_bytes() const;
  uint64_t appends() const;  // Append calls that took something
  uint64_t syncs() const;
  uint64_t open_for_append() const;
  uint64_t reads() const;
  // Every call that changed or synced something, as "append a/b", "sync a/b".
  std::vector<std::string> Calls() const;

  // --- Files

  Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override;
  Result<std::unique_ptr<ReadFile>> OpenRead(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& dir) override;
  Status MakeDir(const std::string& dir) override;
  Status Remove(const std::string& path) override;
  Status RemoveDir(const std::string& dir) override;
  Status Link(const std::string& from, const std::string& to) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status SyncDir(const std::string& dir) override;
  Result<DiskSpace> Space(const std::string& dir) override;  // what set_capacity leaves

 private:
  class Writer;
  class Reader;
  struct Inode {
    std::vector<std::byte> bytes;
    std::vector<std::byte> synced;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  // False if the process is dead already, or dies by this.
  bool Change(const std::string& call);
  uint64_t TotalBytes() const;

  mutable std::mutex mutex_;
  Names names_;
  Names synced_names_;
  std::set<std::string> dirs_;
  std::set<std::string> synced_dirs_;
  uint64_t capacity_ = kUnlimited;
  uint64_t changes_ = 0;
  uint64_t die_after_ = kUnlimited;
  bool torn_ = false;
  bool dead_ = false;
  bool fail_sync_ = false;
  bool fail_truncate_ = false;
  bool fail_open_ = false;
  uint64_t bad_sector_ = kUnlimited;
  uint64_t appends_ = 0;
  uint64_t syncs_ = 0;
  uint64_t reads_ = 0;
  uint64_t open_ = 0;
  std::vector<std::string> calls_;
};

}  // namespace nsq::nsqd
