#include "clients/apps/topic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <utility>

#include "clients/apps/file_name.h"
#include "clients/apps/left_behind.h"
#include "common/check.h"
#include "common/config/duration.h"
#include "common/strings.h"

namespace nsq::apps {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBufferBytes = size_t{64} << 10;
constexpr int kGzipWindow = 15 + 16;
constexpr int kUnknownSystem = 255;  // as Go's gzip says

std::string FolderOf(const std::string& path) { return fs::path(path).parent_path().string(); }

Status SyncFolder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return ErrnoStatus(errno, "fsync " + folder);
  return Status();
}

// All the folders above `path`, group-readable as the original makes them.
Status MakeFolders(const std::string& path) {
  const std::string folder = FolderOf(path);
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return Status();
  if (const Status above = MakeFolders(folder); !above.ok()) return above;
  if (::mkdir(folder.c_str(), 0770) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "mkdir " + folder);
  }
  return SyncFolder(FolderOf(folder).empty() ? "." : FolderOf(folder));
}

bool Exists(const std::string& path) {
  struct stat unused {};
  return ::lstat(path.c_str(), &unused) == 0;
}

Status WriteAll(int fd, std::string_view bytes, const std::string& path, int64_t* written) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write " + path);
    *written += n;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Status();
}

// Onto another file system: a whole copy under another name, which `to` then becomes.
Status CopyAcross(const std::string& from, const std::string& to) {
  const std::string copy = to + ".part";
  const UniqueFd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.valid()) return ErrnoStatus(errno, "open " + from);
  const UniqueFd out(::open(copy.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!out.valid()) return ErrnoStatus(errno, "open " + copy);
  std::string buffer(kBufferBytes, '\0');
  int64_t written = 0;
  Status status;
  while (status.ok()) {
    const ssize_t n = ::read(in.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status = ErrnoStatus(errno, "read " + from);
    if (n <= 0) break;
    status = WriteAll(out.get(), std::string_view(buffer).substr(0, static_cast<size_t>(n)), copy,
                      &written);
  }
  if (status.ok() && ::fsync(out.get()) != 0) status = ErrnoStatus(errno, "fsync " + copy);
  if (status.ok() && ::link(copy.c_str(), to.c_str()) != 0)
    status = ErrnoStatus(errno, "link " + to);
  ::unlink(copy.c_str());
  return status;
}

// kExists: there is a file `to`.
Status LinkOrCopy(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return Status();
  return errno == EXDEV ? CopyAcross(from, to) : ErrnoStatus(errno, "link " + to);
}

// Whether this is the file's only open descriptor anywhere: the kernel grants a lease then. Kept
// until it is closed, so that two that start at once do not both finish a file. File systems
// without leases: nobody knows, so no.
bool NobodyElseHas(int fd) {
  // Whoever opens it meanwhile waits; we are told by a signal that does nothing.
  ::fcntl(fd, F_SETSIG, SIGURG);
  return ::fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
}

}  // namespace

// One member of a gzip file.
struct TopicFile::Deflater {
  explicit Deflater(int level) {
    NSQ_CHECK(::deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) ==
              Z_OK);
    header.os = kUnknownSystem;
    NSQ_CHECK(::deflateSetHeader(&stream, &header) == Z_OK);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { ::deflateEnd(&stream); }

  void Add(std::string_view bytes, int flush, std::string* to) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    char out[16384];
    do {
      stream.next_out = reinterpret_cast<Bytef*>(out);
      stream.avail_out = sizeof out;
      ::deflate(&stream, flush);
      to->append(out, sizeof out - stream.avail_out);
    } while (stream.avail_out == 0);
  }

  z_stream stream{};
  gz_header header{};
};

TopicFile::TopicFile(TopicFileOptions options, Log log)
    : options_(std::move(options)), log_(std::move(log)) {}

TopicFile::~TopicFile() = default;

std::string TopicFile::NameAt(WallTime now) const {
  const time_t whole = static_cast<time_t>(UnixSeconds(now));
  tm parts{};
  ::localtime_r(&whole, &parts);
  return Replaced(options_.name_format, "<DATETIME>",
                  FormatDatetime(options_.datetime_format, parts));
}

std::string TopicFile::PathOf(const std::string& folder) const {
  char revision[32] = "";
  if (options_.NeedsRevision()) std::snprintf(revision, sizeof revision, "-%06d", revision_);
  std::string name = Replaced(name_, "<REV>", revision);
  if (options_.gzip && !name.ends_with(".gz")) name += ".gz";
  return (fs::path(folder) / name).string();
}

bool TopicFile::NeedsRotation(WallTime now, SteadyTime steady) {
  if (!open()) return true;
  if (const std::string name = NameAt(now); name != name_) {
    log_(LogLevel::kInfo, StrCat("new filename ", name, ", rotating..."));
    return true;
  }
  if (options_.rotate_interval > Duration::zero() && steady - opened_ > options_.rotate_interval) {
    log_(LogLevel::kInfo,
         StrCat(FormatGoDuration(steady - opened_), " since last open, rotating..."));
    return true;
  }
  if (options_.rotate_size > 0 && size_ > options_.rotate_size) {
    log_(LogLevel::kInfo,
         StrCat(path_, " currently ", size_, " bytes (> ", options_.rotate_size, "), rotating..."));
    return true;
  }
  return false;
}

Status TopicFile::Open(WallTime now, SteadyTime steady) {
  if (const Status closed = Close(); !closed.ok()) return closed;
  std::string name = NameAt(now);
  if (name == name_) {
    ++revision_;
  } else {
    name_ = std::move(name);
    revision_ = 0;
  }
  opened_ = steady;
  const Status opened = OpenNext();
  if (opened.ok() && !std::exchange(looked_for_left_, true)) FinishLeftBehind();
  return opened;
}

// Nothing that goes wrong here keeps new messages from being archived.
void TopicFile::FinishLeftBehind() {
  if (!options_.NeedsRevision()) return;  // the file is the same again, and appended to
  const std::string folder = FolderOf(path_);
  const std::string own = fs::path(path_).filename().string();
  std::string format = fs::path(options_.name_format).filename().string();
  if (options_.gzip && !format.ends_with(".gz")) format += ".gz";
  std::vector<std::string> names = FilesLike(folder, format);
  std::erase(names, own);
  if (options_.work_dir == options_.output_dir) {
    if (!options_.gzip || names.empty()) return;
    names.erase(names.begin(), names.end() - 1);
  }
  for (const std::string& name : names) FinishOne(folder, name);
}

void TopicFile::FinishOne(const std::string& folder, const std::string& name) {
  const std::string path = (fs::path(folder) / name).string();
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!fd.valid() || !NobodyElseHas(fd.get())) return;
  struct stat file {};
  const Result<int64_t> whole = WholeBytes(fd.get(), options_.gzip);
  if (!whole.ok() || ::fstat(fd.get(), &file) != 0) return;
  const bool in_work = options_.work_dir != options_.output_dir;
  if (*whole == 0) {
    if (!in_work) return;  // whatever it is
    log_(LogLevel::kWarn, "removing " + path + ", left behind with nothing whole in it");
    ::unlink(path.c_str());
    return;
  }
  if (*whole < file.st_size) {
    log_(LogLevel::kWarn, StrCat(path, " was left behind torn; cutting off its last ",
                                 file.st_size - *whole, " bytes"));
    if (::ftruncate(fd.get(), *whole) != 0) return;
  }
  if (::fsync(fd.get()) != 0 || !in_work) return;
  std::string format = fs::path(options_.name_format).filename().string();
  if (options_.gzip && !format.ends_with(".gz")) format += ".gz";
  const auto parts = MatchName(format, name);
  const fs::path below = fs::path(folder).lexically_relative(options_.work_dir);
  std::string target = (fs::path(options_.output_dir) / below / name).lexically_normal().string();
  for (int revision = parts->revision + 1;; ++revision) {
    if (!MakeFolders(target).ok()) return;
    const Status linked = LinkOrCopy(path, target);
    if (linked.ok()) break;
    if (linked.code() != Code::kExists) {
      log_(LogLevel::kWarn, StrCat("cannot finish ", path, ": ", linked.detail()));
      return;
    }
    target = (fs::path(target).parent_path() / parts->WithRevision(revision)).string();
  }
  log_(LogLevel::kInfo, StrCat("moving file left behind ", path, " to ", target));
  if (SyncFolder(FolderOf(target)).ok()) ::unlink(path.c_str());
}

Status TopicFile::OpenNext() {
  const bool exclusive = options_.gzip || options_.rotate_interval > Duration::zero();
  for (;; ++revision_) {
    path_ = PathOf(options_.work_dir);
    const std::string target = PathOf(options_.output_dir);
    if (target != path_ && Exists(target)) {
      log_(LogLevel::kWarn, "output file already exists: " + target);
      continue;
    }
    if (const Status made = MakeFolders(path_); !made.ok()) return made;
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC | (exclusive ? O_EXCL : O_APPEND);
    UniqueFd fd(::open(path_.c_str(), flags, 0666));
    if (!fd.valid() && exclusive && errno == EEXIST) {
      log_(LogLevel::kWarn, "working file already exists: " + path_);
      continue;
    }
    if (!fd.valid()) return ErrnoStatus(errno, "open " + path_);
    log_(LogLevel::kInfo, "opening " + path_);
    struct stat file {};
    if (::fstat(fd.get(), &file) != 0) return ErrnoStatus(errno, "stat " + path_);
    size_ = synced_bytes_ = written_bytes_ = file.st_size;
    if (options_.rotate_size > 0 && size_ > options_.rotate_size) {
      log_(LogLevel::kInfo, StrCat(path_, " currently ", size_, " bytes (> ", options_.rotate_size,
                                   "), rotating..."));
      continue;
    }
    fd_ = std::move(fd);
    folder_synced_ = false;
    buffer_.clear();
    char last = '\n';
    if (size_ > 0 && ::pread(fd_.get(), &last, 1, size_ - 1) == 1 && last != '\n') {
      // Half a message from a crash; it was never finished, so it comes again, on a line of its
      // own.
      log_(LogLevel::kWarn, path_ + " ends in the middle of a line");
      buffer_ = "\n";
    }
    return Status();
  }
}

Status TopicFile::Write(std::string_view body) {
  NSQ_DCHECK(open());
  if (options_.gzip) {
    if (deflater_ == nullptr) deflater_ = std::make_unique<Deflater>(options_.gzip_level);
    deflater_->Add(body, Z_NO_FLUSH, &buffer_);
    deflater_->Add("\n", Z_NO_FLUSH, &buffer_);
  } else {
    buffer_.append(body).push_back('\n');
  }
  size_ += static_cast<int64_t>(body.size()) + 1;
  return buffer_.size() < kBufferBytes ? Status() : FlushBuffer();
}

Status TopicFile::FlushBuffer() {
  const Status written = WriteAll(fd_.get(), buffer_, path_, &written_bytes_);
  buffer_.clear();
  return written.ok() ? written : Fail(written);
}

Status TopicFile::EndMember() {
  if (deflater_ == nullptr) return Status();
  deflater_->Add("", Z_FINISH, &buffer_);
  deflater_.reset();
  return Status();
}

Status TopicFile::Sync() {
  if (!open()) return Status();
  static_cast<void>(EndMember());
  if (const Status flushed = FlushBuffer(); !flushed.ok()) return flushed;
  if (::fsync(fd_.get()) != 0) return Fail(ErrnoStatus(errno, "fsync " + path_));
  if (!std::exchange(folder_synced_, true)) {
    if (const Status synced = SyncFolder(FolderOf(path_)); !synced.ok()) return Fail(synced);
  }
  synced_bytes_ = written_bytes_;
  return Status();
}

// Half of what was not synced may be in the file; none of it counts.
Status TopicFile::Fail(Status why) {
  if (fd_.valid() && ::ftruncate(fd_.get(), synced_bytes_) != 0) {
    log_(LogLevel::kWarn, "cannot cut off " + path_ + " where it was synced last");
  }
  deflater_.reset();
  buffer_.clear();
  fd_.Reset();
  return why;
}

Status TopicFile::Close() {
  if (!open()) return Status();
  if (options_.gzip && written_bytes_ == 0 && deflater_ == nullptr) {
    // An empty file is no gzip file; one with an empty member is.
    deflater_ = std::make_unique<Deflater>(options_.gzip_level);
  }
  if (const Status synced = Sync(); !synced.ok()) return synced;
  fd_.Reset();
  return options_.work_dir == options_.output_dir ? Status() : MoveToOutput();
}

Status TopicFile::MoveToOutput() {
  const std::string wanted = PathOf(options_.output_dir);
  log_(LogLevel::kInfo, StrCat("moving finished file ", path_, " to ", wanted));
  for (std::string target = wanted;; target = PathOf(options_.output_dir)) {
    if (const Status made = MakeFolders(target); !made.ok()) return made;
    const Status linked = LinkOrCopy(path_, target);
    if (linked.code() == Code::kExists) {
      log_(LogLevel::kWarn, "destination file already exists: " + target);
      ++revision_;
      continue;
    }
    if (!linked.ok()) return linked;
    if (const Status synced = SyncFolder(FolderOf(target)); !synced.ok()) return synced;
    if (::unlink(path_.c_str()) != 0) return ErrnoStatus(errno, "unlink " + path_);
    if (target != wanted) {
      log_(LogLevel::kInfo,
           StrCat("renamed finished file ", wanted, " to ", target, " to avoid overwrite"));
    }
    path_ = target;
    return Status();
  }
}

}  // namespace nsq::apps
