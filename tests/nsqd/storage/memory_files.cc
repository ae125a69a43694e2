#include "tests/nsqd/storage/memory_files.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nsq::nsqd {
namespace {

using Lock = std::lock_guard<std::mutex>;

Status Dead() { return Status(Code::kIo, "the process is dead"); }
Status NotThere(const std::string& path) { return Status(Code::kNotFound, "not there: " + path); }

}  // namespace

class MemoryFiles::Writer : public AppendFile {
 public:
  Writer(MemoryFiles& disk, std::string path, std::shared_ptr<Inode> inode)
      : disk_(disk), path_(std::move(path)), inode_(std::move(inode)) {
    ++disk_.open_;  // OpenAppend holds the lock
  }
  ~Writer() override {
    const Lock lock(disk_.mutex_);
    --disk_.open_;
  }

  Result<size_t> Append(std::span<const std::byte> more) override {
    const Lock lock(disk_.mutex_);
    const bool was_dead = disk_.dead_;
    size_t n = more.size();
    if (!disk_.Change("append " + path_)) {
      if (was_dead || !disk_.torn_ || n < 2) return Dead();
      n /= 2;
    }
    const uint64_t used = disk_.TotalBytes();
    const uint64_t room = used >= disk_.capacity_ ? 0 : disk_.capacity_ - used;
    n = static_cast<size_t>(std::min<uint64_t>(n, room));
    if (n == 0) return Status(Code::kExhausted, "append to " + path_ + ": disk full");
    inode_->bytes.insert(inode_->bytes.end(), more.begin(),
                         more.begin() + static_cast<std::ptrdiff_t>(n));
    if (disk_.dead_) return Dead();
    ++disk_.appends_;
    return n;
  }

  Status Truncate(uint64_t size_bytes) override {
    const Lock lock(disk_.mutex_);
    if (!disk_.Change("truncate " + path_)) return Dead();
    if (disk_.fail_truncate_) return Status(Code::kIo, "truncate " + path_);
    inode_->bytes.resize(size_bytes);
    return Status();
  }

  Status Sync() override {
    const Lock lock(disk_.mutex_);
    if (disk_.dead_) return Dead();
    if (disk_.fail_sync_) return Status(Code::kIo, "sync " + path_);
    ++disk_.syncs_;
    disk_.calls_.push_back("sync " + path_);
    inode_->synced = inode_->bytes;
    return Status();
  }

 private:
  MemoryFiles& disk_;
  const std::string path_;
  const std::shared_ptr<Inode> inode_;
};

class MemoryFiles::Reader : public ReadFile {
 public:
  Reader(MemoryFiles& disk, std::shared_ptr<Inode> inode) : disk_(disk), inode_(std::move(inode)) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> to) const override {
    const Lock lock(disk_.mutex_);
    ++disk_.reads_;
    if (offset <= disk_.bad_sector_ && disk_.bad_sector_ < offset + to.size()) {
      return Status(Code::kIo, "bad sector");
    }
    if (offset >= inode_->bytes.size()) return size_t{0};
    const size_t n = std::min<size_t>(to.size(), inode_->bytes.size() - offset);
    if (n > 0) std::memcpy(to.data(), inode_->bytes.data() + offset, n);
    return n;
  }

  Result<uint64_t> Size() const override {
    const Lock lock(disk_.mutex_);
    return uint64_t{inode_->bytes.size()};
  }

 private:
  MemoryFiles& disk_;
  const std::shared_ptr<Inode> inode_;
};

// --- faults

void MemoryFiles::set_capacity(uint64_t bytes) {
  const Lock lock(mutex_);
  capacity_ = bytes;
}

void MemoryFiles::DieAfter(uint64_t calls, bool torn) {
  const Lock lock(mutex_);
  die_after_ = calls;
  torn_ = torn;
}

bool MemoryFiles::dead() const {
  const Lock lock(mutex_);
  return dead_;
}

uint64_t MemoryFiles::changes() const {
  const Lock lock(mutex_);
  return changes_;
}

void MemoryFiles::Revive() {
  const Lock lock(mutex_);
  capacity_ = die_after_ = bad_sector_ = kUnlimited;
  changes_ = 0;
  torn_ = dead_ = fail_sync_ = fail_truncate_ = fail_open_ = false;
}

void MemoryFiles::CutPower() {
  Revive();
  const Lock lock(mutex_);
  names_ = synced_names_;
  dirs_ = synced_dirs_;
  // What is in a directory that is not there is not there either.
  std::erase_if(names_, [&](const auto& name) { return !dirs_.contains(ParentDir(name.first)); });
  for (auto& [path, inode] : names_) inode->bytes = inode->synced;
}

void MemoryFiles::set_fail_sync(bool fail) {
  const Lock lock(mutex_);
  fail_sync_ = fail;
}

void MemoryFiles::set_fail_truncate(bool fail) {
  const Lock lock(mutex_);
  fail_truncate_ = fail;
}

void MemoryFiles::set_fail_open(bool fail) {
  const Lock lock(mutex_);
  fail_open_ = fail;
}

void MemoryFiles::set_bad_sector(uint64_t offset) {
  const Lock lock(mutex_);
  bad_sector_ = offset;
}

bool MemoryFiles::Change(const std::string& call) {
  if (dead_) return false;
  if (changes_ >= die_after_) {
    dead_ = true;
    return false;
  }
  ++changes_;
  calls_.push_back(call);
  return true;
}

uint64_t MemoryFiles::TotalBytes() const {
  uint64_t bytes = 0;
  for (const auto& [path, inode] : names_) bytes += inode->bytes.size();
  return bytes;
}

// --- looking and meddling

void MemoryFiles::Clear() {
  Revive();
  const Lock lock(mutex_);
  names_.clear();
  synced_names_.clear();
  dirs_.clear();
  synced_dirs_.clear();
  appends_ = syncs_ = reads_ = 0;
  calls_.clear();
}

std::vector<std::string> MemoryFiles::Paths() const {
  const Lock lock(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, inode] : names_) paths.push_back(path);
  return paths;
}

std::vector<std::byte> MemoryFiles::Contents(const std::string& path) const {
  const Lock lock(mutex_);
  const auto found = names_.find(path);
  return found == names_.end() ? std::vector<std::byte>() : found->second->bytes;
}

void MemoryFiles::AddDir(const std::string& dir) {
  const Lock lock(mutex_);
  dirs_.insert(dir);
  synced_dirs_.insert(dir);
}

void MemoryFiles::SetContents(const std::string& path, std::vector<std::byte> bytes) {
  const Lock lock(mutex_);
  auto& inode = names_[path];
  if (!inode) inode = std::make_shared<Inode>();
  inode->bytes = std::move(bytes);
}

bool MemoryFiles::Has(const std::string& path) const {
  const Lock lock(mutex_);
  return names_.contains(path);
}

uint64_t MemoryFiles::total_bytes() const {
  const Lock lock(mutex_);
  return TotalBytes();
}

uint64_t MemoryFiles::appends() const {
  const Lock lock(mutex_);
  return appends_;
}

uint64_t MemoryFiles::syncs() const {
  const Lock lock(mutex_);
  return syncs_;
}

uint64_t MemoryFiles::open_for_append() const {
  const Lock lock(mutex_);
  return open_;
}

uint64_t MemoryFiles::reads() const {
  const Lock lock(mutex_);
  return reads_;
}

std::vector<std::string> MemoryFiles::Calls() const {
  const Lock lock(mutex_);
  return calls_;
}

// --- Files

Result<std::unique_ptr<AppendFile>> MemoryFiles::OpenAppend(const std::string& path) {
  const Lock lock(mutex_);
  if (dead_) return Dead();
  if (fail_open_) return Status(Code::kIo, "open " + path + ": too many open files");
  auto found = names_.find(path);
  if (found == names_.end()) {
    if (!dirs_.contains(ParentDir(path))) return NotThere(path);
    if (!Change("make " + path)) return Dead();
    found = names_.emplace(path, std::make_shared<Inode>()).first;
  }
  return std::unique_ptr<AppendFile>(std::make_unique<Writer>(*this, path, found->second));
}

Result<std::unique_ptr<ReadFile>> MemoryFiles::OpenRead(const std::string& path) {
  const Lock lock(mutex_);
  if (fail_open_) return Status(Code::kIo, "open " + path + ": too many open files");
  const auto found = names_.find(path);
  if (found == names_.end()) return NotThere(path);
  return std::unique_ptr<ReadFile>(std::make_unique<Reader>(*this, found->second));
}

Result<std::vector<std::string>> MemoryFiles::List(const std::string& dir) {
  const Lock lock(mutex_);
  if (!dirs_.contains(dir)) return NotThere(dir);
  std::vector<std::string> list;
  for (const auto& [path, inode] : names_) {
    if (ParentDir(path) == dir) list.push_back(path.substr(dir.size() + 1));
  }
  for (const std::string& path : dirs_) {
    if (path != dir && ParentDir(path) == dir) list.push_back(path.substr(dir.size() + 1));
  }
  std::sort(list.begin(), list.end());
  return list;
}

Status MemoryFiles::MakeDir(const std::string& dir) {
  const Lock lock(mutex_);
  if (dirs_.contains(dir)) return Status(Code::kExists, "there already: " + dir);
  if (!Change("mkdir " + dir)) return Dead();
  dirs_.insert(dir);
  return Status();
}

Status MemoryFiles::Remove(const std::string& path) {
  const Lock lock(mutex_);
  if (!names_.contains(path)) return NotThere(path);
  if (!Change("remove " + path)) return Dead();
  names_.erase(path);
  return Status();
}

Status MemoryFiles::RemoveDir(const std::string& dir) {
  const Lock lock(mutex_);
  if (!dirs_.contains(dir)) return NotThere(dir);
  for (const auto& [path, inode] : names_) {
    if (ParentDir(path) == dir) return Status(Code::kIo, "not empty: " + dir);
  }
  if (!Change("rmdir " + dir)) return Dead();
  dirs_.erase(dir);
  return Status();
}

Status MemoryFiles::Link(const std::string& from, const std::string& to) {
  const Lock lock(mutex_);
  const auto found = names_.find(from);
  if (found == names_.end()) return NotThere(from);
  if (names_.contains(to)) return Status(Code::kExists, "link " + to);
  if (!Change("link " + from)) return Dead();
  names_[to] = found->second;
  return Status();
}

Status MemoryFiles::Rename(const std::string& from, const std::string& to) {
  const Lock lock(mutex_);
  if (dirs_.contains(from)) {
    if (!Change("rename " + from)) return Dead();
    dirs_.erase(from);
    dirs_.insert(to);
    Names moved;
    for (const auto& [path, inode] : names_) {
      const bool inside = path.starts_with(from + "/");
      moved[inside ? to + path.substr(from.size()) : path] = inode;
    }
    names_ = std::move(moved);
    return Status();
  }
  const auto found = names_.find(from);
  if (found == names_.end()) return NotThere(from);
  if (!Change("rename " + from)) return Dead();
  names_[to] = found->second;
  names_.erase(from);
  return Status();
}

Status MemoryFiles::SyncDir(const std::string& dir) {
  const Lock lock(mutex_);
  if (dead_) return Dead();
  if (fail_sync_) return Status(Code::kIo, "sync " + dir);
  calls_.push_back("syncdir " + dir);
  std::erase_if(synced_names_, [&](const auto& name) { return ParentDir(name.first) == dir; });
  for (const auto& [path, inode] : names_) {
    if (ParentDir(path) == dir) synced_names_[path] = inode;
  }
  for (const std::string& path : dirs_) {
    if (ParentDir(path) == dir) synced_dirs_.insert(path);
  }
  return Status();
}

Result<DiskSpace> MemoryFiles::Space(const std::string&) {
  const Lock lock(mutex_);
  if (capacity_ == kUnlimited) return DiskSpace();
  const uint64_t used = TotalBytes();
  return DiskSpace{capacity_ - std::min(capacity_, used), capacity_};
}

}  // namespace nsq::nsqd
