#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <string>

namespace nsq::crash {

// What a disk would have of a folder after a power cut: of a file what was there at its last sync,
// of a directory the names that were there at its own. Files go by inode, as they do on a disk.
//
//    <shadow>/files/<inode>      the contents that were synced
//    <shadow>/dirs/<inode>.<n>   the names after the n-th change
//    <shadow>/dirs/<inode>.least the n that was synced last
//
// Home: any thread. One process notes, another restores after that one has died.
class DiskShadow {
 public:
  DiskShadow(std::filesystem::path root, std::filesystem::path shadow);

  // All that is there now is on the disk.
  void Reset();

  // --- in the process that uses the folder

  void FileSynced(int fd);
  // A sync that failed: the kernel takes what it was about for clean, and it is nowhere.
  void FileNotSynced(int fd);
  void Truncated(int fd, uint64_t size_bytes);
  void NamesChanged(const std::string& dir);
  void DirSynced(const std::string& dir);

  // --- after it has died

  // Makes the folder what a power cut might have left: of what was not synced nothing, all, the
  // front, or pieces with zeros in between; of names that changed, the first few changes.
  void CutPower(std::mt19937* random);

 private:
  void WriteNames(const std::string& dir, bool synced);
  void RestoreDir(ino_t inode, const std::filesystem::path& to, std::mt19937* random);
  void RestoreFile(ino_t inode, const std::filesystem::path& to, std::mt19937* random);

  const std::filesystem::path root_;
  const std::filesystem::path shadow_;
  std::mutex mutex_;
  std::map<ino_t, uint64_t> synced_bytes_;
  std::map<ino_t, uint64_t> changes_;
  std::map<ino_t, std::filesystem::path> now_;  // while restoring: the files that are there
};

}  // namespace nsq::crash
