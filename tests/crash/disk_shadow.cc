#include "tests/crash/disk_shadow.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

// Used inside the program under test as well: no GoogleTest here, no exceptions out of it.

namespace nsq::crash {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPageBytes = 4096;

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void WriteAll(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

ino_t InodeOf(const fs::path& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
}

size_t Below(std::mt19937* random, size_t end) { return end == 0 ? 0 : (*random)() % end; }

// What is on the disk of a file that was `synced` and has been made `now`.
std::string Torn(const std::string& synced, const std::string& now, std::mt19937* random) {
  if (!now.starts_with(synced)) return Below(random, 2) == 0 ? synced : now;
  const size_t unsynced = now.size() - synced.size();
  switch (Below(random, 4)) {
    case 0:
      return synced;
    case 1:
      return now;
    case 2:
      return now.substr(0, synced.size() + Below(random, unsynced + 1));
    default:
      break;
  }
  std::string holes = now;
  for (size_t page = synced.size() / kPageBytes; page * kPageBytes < now.size(); ++page) {
    if (Below(random, 2) == 0) continue;
    const size_t begin = std::max(page * kPageBytes, synced.size());
    const size_t end = std::min((page + 1) * kPageBytes, now.size());
    std::fill(holes.begin() + static_cast<std::ptrdiff_t>(begin),
              holes.begin() + static_cast<std::ptrdiff_t>(end), '\0');
  }
  return holes;
}

}  // namespace

DiskShadow::DiskShadow(fs::path root, fs::path shadow)
    : root_(std::move(root)), shadow_(std::move(shadow)) {}

void DiskShadow::Reset() {
  fs::remove_all(shadow_);
  fs::create_directories(shadow_ / "files");
  fs::create_directories(shadow_ / "dirs");
  synced_bytes_.clear();
  changes_.clear();
  WriteNames(root_, true);
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    if (entry.is_directory()) {
      WriteNames(entry.path(), true);
    } else {
      fs::copy_file(entry.path(), shadow_ / "files" / std::to_string(InodeOf(entry.path())),
                    fs::copy_options::overwrite_existing);
    }
  }
}

void DiskShadow::FileSynced(int fd) {
  const std::lock_guard<std::mutex> lock(mutex_);
  struct stat st {};
  if (::fstat(fd, &st) != 0) return;
  const std::string name = (shadow_ / "files" / std::to_string(st.st_ino)).string();
  const int from = ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC);
  const int to = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  struct stat had {};
  ::fstat(to, &had);
  const auto known = synced_bytes_.find(st.st_ino);
  auto at = known == synced_bytes_.end() ? had.st_size : static_cast<off_t>(known->second);
  std::string bytes(size_t{1} << 16, '\0');
  while (at < st.st_size) {
    const auto want = std::min<size_t>(bytes.size(), static_cast<size_t>(st.st_size - at));
    const ssize_t n = ::pread(from, bytes.data(), want, at);
    if (n <= 0 || ::pwrite(to, bytes.data(), static_cast<size_t>(n), at) != n) break;
    at += n;
  }
  if (::ftruncate(to, at) == 0) synced_bytes_[st.st_ino] = static_cast<uint64_t>(at);
  ::close(from);
  ::close(to);
}

void DiskShadow::FileNotSynced(int fd) {
  const std::lock_guard<std::mutex> lock(mutex_);
  struct stat st {};
  if (::fstat(fd, &st) != 0) return;
  const std::string name = (shadow_ / "files" / std::to_string(st.st_ino)).string();
  const int to = ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  struct stat had {};
  ::fstat(to, &had);
  const auto known = synced_bytes_.find(st.st_ino);
  const auto at = known == synced_bytes_.end() ? had.st_size : static_cast<off_t>(known->second);
  if (::ftruncate(to, at) == 0 && ::ftruncate(to, st.st_size) == 0) {  // zeros
    synced_bytes_[st.st_ino] = static_cast<uint64_t>(st.st_size);
  }
  ::close(to);
}

void DiskShadow::Truncated(int fd, uint64_t size_bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  struct stat st {};
  if (::fstat(fd, &st) != 0) return;
  const fs::path file = shadow_ / "files" / std::to_string(st.st_ino);
  struct stat had {};
  if (::stat(file.c_str(), &had) != 0) return;
  const auto known = synced_bytes_.emplace(st.st_ino, static_cast<uint64_t>(had.st_size)).first;
  known->second = std::min(known->second, size_bytes);
}

void DiskShadow::NamesChanged(const std::string& dir) {
  const std::lock_guard<std::mutex> lock(mutex_);
  WriteNames(dir, false);
}

void DiskShadow::DirSynced(const std::string& dir) {
  const std::lock_guard<std::mutex> lock(mutex_);
  WriteNames(dir, true);
}

void DiskShadow::WriteNames(const std::string& dir, bool synced) {
  DIR* const handle = ::opendir(dir.c_str());
  if (handle == nullptr) return;
  std::string names;
  while (const dirent* const entry = ::readdir(handle)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    names += std::to_string(entry->d_ino) + (entry->d_type == DT_DIR ? " d " : " f ") + name + "\n";
  }
  ::closedir(handle);
  const ino_t inode = InodeOf(dir);
  const std::string prefix = (shadow_ / "dirs" / std::to_string(inode)).string();
  const uint64_t change = ++changes_[inode];
  const auto put = [](const std::string& path, const std::string& text) {
    WriteAll(path + ".tmp", text);
    ::rename((path + ".tmp").c_str(), path.c_str());
  };
  put(prefix + "." + std::to_string(change), names);
  if (synced) put(prefix + ".least", std::to_string(change));
}

void DiskShadow::CutPower(std::mt19937* random) {
  now_.clear();
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    if (!entry.is_directory()) now_[InodeOf(entry.path())] = entry.path();
  }
  const fs::path restored = root_.string() + ".restored";
  fs::remove_all(restored);
  RestoreDir(InodeOf(root_), restored, random);
  fs::remove_all(root_);
  fs::rename(restored, root_);
}

void DiskShadow::RestoreDir(ino_t inode, const fs::path& to, std::mt19937* random) {
  fs::create_directory(to);
  const std::string prefix = (shadow_ / "dirs" / std::to_string(inode)).string();
  const std::string least = ReadAll(prefix + ".least");
  uint64_t last = 0;
  while (fs::exists(prefix + "." + std::to_string(last + 1))) ++last;
  if (least.empty()) return;  // a directory that was never synced: its names are not there
  const uint64_t first = std::stoull(least);
  std::ifstream names(prefix + "." + std::to_string(first + Below(random, last - first + 1)));
  ino_t child = 0;
  std::string kind;
  std::string name;
  while (names >> child >> kind && std::getline(names >> std::ws, name)) {
    if (kind == "d") {
      RestoreDir(child, to / name, random);
    } else {
      RestoreFile(child, to / name, random);
    }
  }
}

void DiskShadow::RestoreFile(ino_t inode, const fs::path& to, std::mt19937* random) {
  const std::string synced = ReadAll(shadow_ / "files" / std::to_string(inode));
  const auto now = now_.find(inode);
  WriteAll(to, now == now_.end() ? synced : Torn(synced, ReadAll(now->second), random));
}

}  // namespace nsq::crash
