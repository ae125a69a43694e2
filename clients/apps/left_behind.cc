#include "clients/apps/left_behind.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "common/check.h"

namespace nsq::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDatetime = "<DATETIME>";
constexpr std::string_view kRevision = "<REV>";
constexpr size_t kLeastDigits = 6;
constexpr size_t kMostDigits = 9;  // so that it fits an int
constexpr size_t kReadBytes = size_t{64} << 10;
constexpr int kGzipWindow = 15 + 16;

// How many bytes at `text` are "-000000"; 0 if none.
size_t RevisionBytes(std::string_view text) {
  if (!text.starts_with('-')) return 0;
  size_t digits = 0;
  while (1 + digits < text.size() && std::isdigit(static_cast<unsigned char>(text[1 + digits]))) {
    ++digits;
  }
  return digits >= kLeastDigits && digits <= kMostDigits ? 1 + digits : 0;
}

// `found`: where the revision is in the whole name.
bool Match(std::string_view format, std::string_view name, size_t at,
           std::optional<std::pair<size_t, size_t>>* found) {
  if (format.empty()) return name.size() == at && found->has_value();
  if (format.starts_with(kRevision)) {
    const size_t bytes = RevisionBytes(name.substr(at));
    if (bytes == 0) return false;
    *found = {at, bytes};
    return Match(format.substr(kRevision.size()), name, at + bytes, found);
  }
  if (format.starts_with(kDatetime)) {
    for (size_t end = at; end <= name.size(); ++end) {
      if (Match(format.substr(kDatetime.size()), name, end, found)) return true;
    }
    return false;
  }
  return at < name.size() && name[at] == format[0] && Match(format.substr(1), name, at + 1, found);
}

// Reads a file from its beginning.
class Reader {
 public:
  explicit Reader(int fd) : fd_(fd), buffer_(kReadBytes, '\0') {}

  // The next piece; empty at the end.
  Result<std::string_view> Next() {
    while (true) {
      const ssize_t n = ::pread(fd_, buffer_.data(), buffer_.size(), at_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus(errno, "read");
      at_ += n;
      return std::string_view(buffer_).substr(0, static_cast<size_t>(n));
    }
  }

 private:
  const int fd_;
  std::string buffer_;
  off_t at_ = 0;
};

Result<int64_t> WholeLines(Reader* reader) {
  int64_t whole = 0;
  int64_t read = 0;
  while (true) {
    const Result<std::string_view> piece = reader->Next();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) return whole;
    const size_t last = piece->rfind('\n');
    if (last != std::string_view::npos) whole = read + static_cast<int64_t>(last) + 1;
    read += static_cast<int64_t>(piece->size());
  }
}

Result<int64_t> WholeMembers(Reader* reader) {
  struct Inflater {
    Inflater() { NSQ_CHECK(::inflateInit2(&stream, kGzipWindow) == Z_OK); }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;
    ~Inflater() { ::inflateEnd(&stream); }
    z_stream stream{};
  } inflater;
  z_stream& stream = inflater.stream;
  std::string out(kReadBytes, '\0');
  int64_t whole = 0;
  int64_t read = 0;
  while (true) {
    const Result<std::string_view> piece = reader->Next();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) return whole;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece->data()));
    stream.avail_in = static_cast<uInt>(piece->size());
    read += static_cast<int64_t>(piece->size());
    while (stream.avail_in > 0) {
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      const int code = ::inflate(&stream, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        whole = read - static_cast<int64_t>(stream.avail_in);
        ::inflateReset(&stream);
      } else if (code != Z_OK) {
        return whole;
      }
    }
  }
}

}  // namespace

std::string RevisedName::WithRevision(int other) const {
  char text[32];
  std::snprintf(text, sizeof text, "-%06d", other);
  return before + text + after;
}

std::optional<RevisedName> MatchName(std::string_view format, std::string_view name) {
  std::optional<std::pair<size_t, size_t>> found;
  if (!Match(format, name, 0, &found)) return std::nullopt;
  const auto [at, bytes] = *found;
  return RevisedName{std::string(name.substr(0, at)),
                     std::stoi(std::string(name.substr(at + 1, bytes - 1))),
                     std::string(name.substr(at + bytes))};
}

std::vector<std::string> FilesLike(const std::string& folder, std::string_view format) {
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code ignored;
  for (fs::directory_iterator at(folder, ignored), end; at != end; at.increment(ignored)) {
    if (ignored) break;
    const std::string name = at->path().filename().string();
    if (!MatchName(format, name) || !at->is_regular_file(ignored)) continue;
    found.emplace_back(at->last_write_time(ignored), name);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (auto& [time, name] : found) names.push_back(std::move(name));
  return names;
}

Result<int64_t> WholeBytes(int fd, bool gzip) {
  Reader reader(fd);
  return gzip ? WholeMembers(&reader) : WholeLines(&reader);
}

}  // namespace nsq::apps
