// To be loaded before the C library (LD_PRELOAD): what a program asks of the files below one folder
// goes through here and fails, is cut short, or kills the program, as FaultControl says. The test's
// half is disk_faults.h.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/crash/disk_shadow.h"
#include "tests/crash/fault_control.h"

namespace nsq::crash {
namespace {

enum class Kind : uint8_t { kOutside, kSegment, kJournal, kOther, kDirectory };

constexpr size_t kMostFds = 65536;
std::array<std::atomic<Kind>, kMostFds> kinds;

struct Setup {
  FaultControl* control = nullptr;
  std::string root;
  DiskShadow* shadow = nullptr;  // may be null; lives as long as the process
};

Setup* setup = nullptr;  // until there is one, and if nothing is faulty, calls go straight through

__attribute__((constructor)) void Begin() {
  const char* const control = std::getenv(kControlVariable);
  const char* const root = std::getenv(kRootVariable);
  const char* const shadow = std::getenv(kShadowVariable);
  if (control == nullptr || root == nullptr) return;
  const int fd = ::open(control, O_RDWR | O_CLOEXEC);
  void* const at = ::mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (at == MAP_FAILED) std::abort();
  auto* const made = new Setup{static_cast<FaultControl*>(at), root, nullptr};
  if (shadow != nullptr) made->shadow = new DiskShadow(root, shadow);
  setup = made;
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool IsInside(const char* path) {
  if (setup == nullptr || path == nullptr) return false;
  const std::string_view name = path;
  const std::string& root = setup->root;
  return name.starts_with(root) && (name.size() == root.size() || name[root.size()] == '/');
}

Kind KindOfName(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.starts_with("journal")) return Kind::kJournal;
  if (name.ends_with(".log") || name.ends_with(".copy")) return Kind::kSegment;
  return Kind::kOther;
}

Kind KindOfFd(int fd) {
  const bool known = setup != nullptr && fd >= 0 && static_cast<size_t>(fd) < kMostFds;
  return known ? kinds[static_cast<size_t>(fd)].load() : Kind::kOutside;
}

bool Concerns(const FaultRule& rule, Kind kind) {
  switch (rule.files.load()) {
    case FaultyFiles::kSegments:
      return kind == Kind::kSegment;
    case FaultyFiles::kJournals:
      return kind == Kind::kJournal;
    case FaultyFiles::kAll:
      break;
  }
  return true;
}

[[noreturn]] void Die() {
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

// What is to become of one call.
class Fate {
 public:
  Fate(DiskCall call, Kind kind, bool changes = true) {
    Meet(call, kind);
    if (changes) Meet(DiskCall::kAnyChange, kind);
  }
  Fate(const Fate&) = delete;
  Fate& operator=(const Fate&) = delete;
  ~Fate() {
    if (dies_) Die();
  }

  // Sets errno.
  bool fails() const {
    if (error_ != 0) errno = error_;
    return error_ != 0;
  }
  size_t Portion(size_t size_bytes) const {
    const bool half =
        setup->control->short_writes.load() || (dies_ && when_ == DieWhen::kHalfWritten);
    return half ? (size_bytes + 1) / 2 : size_bytes;
  }

 private:
  void Meet(DiskCall call, Kind kind) {
    FaultControl& control = *setup->control;
    FaultRule& rule = control[call];
    if (!Concerns(rule, kind)) return;
    const uint64_t number = ++rule.calls;
    if (number == rule.die_at.load()) {
      when_ = control.die_when.load();
      dies_ = true;
      if (when_ == DieWhen::kBefore) Die();
    }
    const int error = rule.error.load();
    const uint32_t one_in = rule.one_in.load();
    if (error == 0 || (one_in > 1 && number % one_in != 0)) return;
    ++control.failed;
    error_ = error;
  }

  bool dies_ = false;
  DieWhen when_ = DieWhen::kBefore;
  int error_ = 0;
};

std::string ParentOf(std::string_view path) { return std::string(path.substr(0, path.rfind('/'))); }

void NamesChanged(const char* path) {
  if (setup->shadow != nullptr) setup->shadow->NamesChanged(ParentOf(path));
}

// So that the number of what is about to lose its name is not given to another file.
void Pin(const char* path) {
  if (setup->shadow == nullptr) return;
  static auto* const real = Real<int(const char*, int, ...)>("open");
  [[maybe_unused]] const int kept = real(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

int Open(const char* symbol, const char* path, int flags, mode_t mode) {
  auto* const real = Real<int(const char*, int, ...)>(symbol);
  if (!IsInside(path)) return real(path, flags, mode);
  const Kind kind = KindOfName(path);
  const bool makes = (flags & O_CREAT) != 0 && ::access(path, F_OK) != 0;
  const Fate fate(DiskCall::kOpen, kind, makes);
  if (fate.fails()) return -1;
  const int fd = real(path, flags, mode);
  if (fd < 0 || static_cast<size_t>(fd) >= kMostFds) return fd;
  kinds[static_cast<size_t>(fd)] = (flags & O_DIRECTORY) != 0 ? Kind::kDirectory : kind;
  if (makes) NamesChanged(path);
  return fd;
}

std::string PathOfFd(int fd) {
  std::array<char, 4096> path;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = ::readlink(link.c_str(), path.data(), path.size());
  return n <= 0 ? "" : std::string(path.data(), static_cast<size_t>(n));
}

int Sync(const char* symbol, int fd) {
  auto* const real = Real<int(int)>(symbol);
  const Kind kind = KindOfFd(fd);
  if (kind == Kind::kOutside) return real(fd);
  const bool directory = kind == Kind::kDirectory;
  const Fate fate(directory ? DiskCall::kSyncDir : DiskCall::kSync, kind);
  DiskShadow* const shadow = setup->shadow;
  if (fate.fails()) {
    if (shadow != nullptr && !directory) shadow->FileNotSynced(fd);
    errno = EIO;
    return -1;
  }
  if (shadow == nullptr) return real(fd);
  if (directory) {
    shadow->DirSynced(PathOfFd(fd));
  } else {
    shadow->FileSynced(fd);
  }
  return 0;
}

int Truncate(const char* symbol, int fd, off_t size_bytes) {
  auto* const real = Real<int(int, off_t)>(symbol);
  const Kind kind = KindOfFd(fd);
  if (kind == Kind::kOutside) return real(fd, size_bytes);
  const Fate fate(DiskCall::kTruncate, kind);
  if (fate.fails()) return -1;
  const int done = real(fd, size_bytes);
  DiskShadow* const shadow = setup->shadow;
  if (done == 0 && shadow != nullptr) shadow->Truncated(fd, static_cast<uint64_t>(size_bytes));
  return done;
}

// A call that changes names.
template <typename RealCall>
int Names(DiskCall call, const char* path, RealCall real) {
  if (!IsInside(path)) return real();
  const Fate fate(call, KindOfName(path));
  if (fate.fails()) return -1;
  const int done = real();
  if (done == 0) NamesChanged(path);
  return done;
}

}  // namespace
}  // namespace nsq::crash

using namespace nsq::crash;  // NOLINT: what follows must be in no namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const auto mode = static_cast<mode_t>(va_arg(more, unsigned));
  va_end(more);
  return Open("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const auto mode = static_cast<mode_t>(va_arg(more, unsigned));
  va_end(more);
  return Open("open64", path, flags, mode);
}

int close(int fd) {
  static auto* const real = Real<int(int)>("close");
  if (fd >= 0 && static_cast<size_t>(fd) < kMostFds) {
    kinds[static_cast<size_t>(fd)] = Kind::kOutside;
  }
  return real(fd);
}

ssize_t write(int fd, const void* bytes, size_t size_bytes) {
  static auto* const real = Real<ssize_t(int, const void*, size_t)>("write");
  const Kind kind = KindOfFd(fd);
  if (kind == Kind::kOutside) return real(fd, bytes, size_bytes);
  const Fate fate(DiskCall::kWrite, kind);
  if (fate.fails()) return -1;
  return real(fd, bytes, fate.Portion(size_bytes));
}

ssize_t pread(int fd, void* to, size_t size_bytes, off_t offset) {
  static auto* const real = Real<ssize_t(int, void*, size_t, off_t)>("pread");
  const Kind kind = KindOfFd(fd);
  if (kind == Kind::kOutside) return real(fd, to, size_bytes, offset);
  const Fate fate(DiskCall::kRead, kind, false);
  return fate.fails() ? -1 : real(fd, to, size_bytes, offset);
}

ssize_t pread64(int fd, void* to, size_t size_bytes, off64_t offset) {
  return pread(fd, to, size_bytes, offset);
}

int fsync(int fd) { return Sync("fsync", fd); }
int fdatasync(int fd) { return Sync("fdatasync", fd); }
int ftruncate(int fd, off_t size_bytes) noexcept { return Truncate("ftruncate", fd, size_bytes); }
int ftruncate64(int fd, off64_t size_bytes) noexcept {
  return Truncate("ftruncate64", fd, size_bytes);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = Real<int(const char*, const char*)>("rename");
  return Names(DiskCall::kRename, to, [&] {
    Pin(to);
    return real(from, to);
  });
}

int link(const char* from, const char* to) noexcept {
  static auto* const real = Real<int(const char*, const char*)>("link");
  return Names(DiskCall::kLink, to, [&] { return real(from, to); });
}

int unlink(const char* path) noexcept {
  static auto* const real = Real<int(const char*)>("unlink");
  return Names(DiskCall::kRemove, path, [&] {
    Pin(path);
    return real(path);
  });
}

int rmdir(const char* path) noexcept {
  static auto* const real = Real<int(const char*)>("rmdir");
  return Names(DiskCall::kRemove, path, [&] {
    Pin(path);
    return real(path);
  });
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const real = Real<int(const char*, mode_t)>("mkdir");
  return Names(DiskCall::kMakeDir, path, [&] { return real(path, mode); });
}

}  // extern "C"
