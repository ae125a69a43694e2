#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/event/unique_fd.h"
#include "nsqd/storage/files.h"

namespace nsq::nsqd {
namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirMode = 0755;

Status Failed(std::string_view what, const std::string& path) {
  const int error = errno;
  return ErrnoStatus(error, std::string(what) + " " + path);
}

class PosixAppendFile : public AppendFile {
 public:
  PosixAppendFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Result<size_t> Append(std::span<const std::byte> bytes) override {
    while (true) {
      const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
      if (n > 0) return static_cast<size_t>(n);
      if (n == 0) errno = EIO;
      if (errno != EINTR) return Failed("append to", path_);
    }
  }

  Status Truncate(uint64_t size_bytes) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0) {
      return Failed("truncate", path_);
    }
    return Status();
  }

  Status Sync() override {
    if (::fdatasync(fd_.get()) != 0) return Failed("sync", path_);
    return Status();
  }

 private:
  const std::string path_;
  const UniqueFd fd_;
};

class PosixReadFile : public ReadFile {
 public:
  PosixReadFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> to) const override {
    size_t done = 0;
    while (done < to.size()) {
      const ssize_t n =
          ::pread(fd_.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
      if (n == 0) break;
      if (n > 0) {
        done += static_cast<size_t>(n);
      } else if (errno != EINTR) {
        return Failed("read", path_);
      }
    }
    return done;
  }

  Result<uint64_t> Size() const override {
    struct stat st;
    if (::fstat(fd_.get(), &st) != 0) return Failed("stat", path_);
    return static_cast<uint64_t>(st.st_size);
  }

 private:
  const std::string path_;
  const UniqueFd fd_;
};

class RealFiles : public Files {
 public:
  Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kFileMode));
    if (!fd.valid()) return Failed("open", path);
    return std::unique_ptr<AppendFile>(std::make_unique<PosixAppendFile>(path, std::move(fd)));
  }

  Result<std::unique_ptr<ReadFile>> OpenRead(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return Failed("open", path);
    return std::unique_ptr<ReadFile>(std::make_unique<PosixReadFile>(path, std::move(fd)));
  }

  Result<std::vector<std::string>> List(const std::string& dir) override {
    DIR* const handle = ::opendir(dir.c_str());
    if (handle == nullptr) return Failed("list", dir);
    std::vector<std::string> names;
    while (true) {
      errno = 0;
      const dirent* const entry = ::readdir(handle);
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    ::closedir(handle);
    if (error != 0) return ErrnoStatus(error, "list " + dir);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status MakeDir(const std::string& dir) override {
    if (::mkdir(dir.c_str(), kDirMode) != 0) return Failed("make directory", dir);
    return Status();
  }

  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return Failed("remove", path);
    return Status();
  }

  Status RemoveDir(const std::string& dir) override {
    if (::rmdir(dir.c_str()) != 0) return Failed("remove directory", dir);
    return Status();
  }

  Status Link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) return Failed("link", from + " to " + to);
    return Status();
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return Failed("rename", from + " to " + to);
    return Status();
  }

  Status SyncDir(const std::string& dir) override {
    const UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() || ::fsync(fd.get()) != 0) return Failed("sync directory", dir);
    return Status();
  }

  Result<DiskSpace> Space(const std::string& dir) override {
    struct statvfs st;
    if (::statvfs(dir.empty() ? "." : dir.c_str(), &st) != 0) return Failed("stat", dir);
    // Some say nothing of themselves.
    if (st.f_blocks == 0) return DiskSpace();
    return DiskSpace{uint64_t{st.f_bavail} * st.f_frsize, uint64_t{st.f_blocks} * st.f_frsize};
  }
};

}  // namespace

std::string ParentDir(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

Files& PosixFiles() {
  static RealFiles files;
  return files;
}

}  // namespace nsq::nsqd
