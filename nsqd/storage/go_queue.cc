#include "nsqd/storage/go_queue.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "common/log.h"
#include "common/strings.h"

namespace nsq::nsqd {
namespace {

constexpr std::string_view kInfix = ".diskqueue.";
constexpr std::string_view kData = ".dat";
constexpr std::string_view kMeta = "meta";
constexpr std::string_view kBad = ".bad";
constexpr size_t kSizeBytes = 4;
constexpr size_t kHeadBytes = 8 + 2 + 16;
constexpr size_t kWindowBytes = size_t{1} << 20;

template <typename T>
T LoadBig(const std::byte* from) {
  T number = 0;
  for (size_t i = 0; i < sizeof number; ++i) {
    number = static_cast<T>(static_cast<uint64_t>(number) << 8 | static_cast<uint64_t>(from[i]));
  }
  return number;
}

bool IsHex(std::byte b) {
  const char c = static_cast<char>(b);
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// "12\n0,345\n2,67\n"
struct Meta {
  uint64_t read_file = 0;
  uint64_t read_offset = 0;
};
std::optional<Meta> ReadMeta(Files& files, const std::string& path) {
  const Result<std::unique_ptr<ReadFile>> file = files.OpenRead(path);
  if (!file.ok()) return std::nullopt;
  std::byte bytes[256];
  const Result<size_t> read = (*file)->ReadAt(0, bytes);
  if (!read.ok()) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(bytes), *read);
  const size_t line = text.find('\n');
  const size_t comma = text.find(',', line == std::string_view::npos ? text.size() : line);
  const size_t end = text.find('\n', comma == std::string_view::npos ? text.size() : comma);
  if (end == std::string_view::npos) return std::nullopt;
  Meta meta;
  if (!ParseInt(text.substr(line + 1, comma - line - 1), &meta.read_file) ||
      !ParseInt(text.substr(comma + 1, end - comma - 1), &meta.read_offset)) {
    return std::nullopt;
  }
  return meta;
}

std::string DataName(const std::string& queue, uint64_t number) {
  const std::string digits = StrCat(number);
  return queue + std::string(kInfix) + std::string(6 - std::min<size_t>(digits.size(), 6), '0') +
         digits + std::string(kData);
}

}  // namespace

std::optional<GoQueueFile> ParseGoQueueFile(std::string_view name) {
  GoQueueFile file;
  const size_t infix = name.rfind(kInfix);
  if (infix == std::string_view::npos || infix == 0) return std::nullopt;
  file.queue = std::string(name.substr(0, infix));
  std::string_view rest = name.substr(infix + kInfix.size());
  const bool bad = rest.ends_with(kBad);
  if (bad) rest.remove_suffix(kBad.size());
  if (!rest.ends_with(kData)) return std::nullopt;
  rest.remove_suffix(kData.size());
  if (rest == kMeta) {
    file.kind = GoQueueFile::Kind::kMeta;
  } else if (rest.size() < 6 || !ParseInt(rest, &file.number)) {
    return std::nullopt;
  }
  if (bad) file.kind = GoQueueFile::Kind::kBad;
  return file;
}

GoQueueReader::GoQueueReader(Files& files, const std::string& dir, std::string queue,
                             std::vector<uint64_t> numbers, size_t doubtful_bytes)
    : files_(files),
      dir_(dir),
      queue_(std::move(queue)),
      doubtful_bytes_(doubtful_bytes),
      numbers_(std::move(numbers)) {
  const std::optional<Meta> meta = ReadMeta(files, dir + "/" + queue_ + ".diskqueue.meta.dat");
  if (meta) {
    std::erase_if(numbers_, [&](uint64_t number) { return number < meta->read_file; });
    if (!numbers_.empty() && numbers_.front() == meta->read_file) first_offset_ = meta->read_offset;
  } else if (!numbers_.empty()) {
    NSQ_LOG(kWarn, "IMPORT(", queue_, "): no meta file, reading all there is");
  }
  for (const uint64_t number : numbers_) {
    const auto file = files_.OpenRead(dir_ + "/" + DataName(queue_, number));
    if (!file.ok()) continue;
    const Result<uint64_t> size = (*file)->Size();
    if (size.ok()) bytes_left_ += *size;
  }
  bytes_left_ -= std::min(bytes_left_, first_offset_);
}

bool GoQueueReader::OpenNext() {
  while (next_number_ < numbers_.size()) {
    offset_ = next_number_ == 0 ? first_offset_ : 0;
    path_ = dir_ + "/" + DataName(queue_, numbers_[next_number_++]);
    Result<std::unique_ptr<ReadFile>> file = files_.OpenRead(path_);
    const Result<uint64_t> size = file.ok() ? (*file)->Size() : Result<uint64_t>(file.status());
    if (!size.ok()) {
      NSQ_LOG(kError, "IMPORT(", queue_, "): ", size.status().detail());
      ++damaged_stretches_;
      continue;
    }
    file_ = std::move(*file);
    size_bytes_ = *size;
    window_.clear();
    if (offset_ < size_bytes_) return true;
  }
  file_.reset();
  return false;
}

std::span<const std::byte> GoQueueReader::Peek(uint64_t at, size_t want) {
  if (at >= size_bytes_) return {};
  want = static_cast<size_t>(std::min<uint64_t>(want, size_bytes_ - at));
  if (at < window_at_ || at + want > window_at_ + window_.size()) {
    window_.resize(std::max(want, kWindowBytes));
    window_at_ = at;
    const Result<size_t> read = file_->ReadAt(at, window_);
    window_.resize(read.ok() ? *read : 0);
  }
  const size_t from = static_cast<size_t>(at - window_at_);
  if (from >= window_.size()) return {};
  return std::span(window_).subspan(from, std::min(want, window_.size() - from));
}

// Whether what begins there looks like a message that ends within the file.
bool GoQueueReader::HeadAt(uint64_t at, size_t* size_bytes) {
  const std::span<const std::byte> head = Peek(at, kSizeBytes + kHeadBytes);
  if (head.size() < kSizeBytes + kHeadBytes) return false;
  const size_t size = LoadBig<uint32_t>(head.data());
  *size_bytes = kSizeBytes + size;
  if (size <= kHeadBytes || *size_bytes > size_bytes_ - at ||
      LoadBig<int64_t>(head.data() + kSizeBytes) <= 0) {
    return false;
  }
  const auto id = head.subspan(kSizeBytes + 10, 16);
  return std::all_of(id.begin(), id.end(), IsHex);
}

bool GoQueueReader::MessageAt(uint64_t at, size_t* size_bytes) {
  if (!HeadAt(at, size_bytes)) return false;
  const uint64_t end = at + *size_bytes;
  size_t next_bytes = 0;
  if (*size_bytes - kSizeBytes - kHeadBytes > doubtful_bytes_ && end < size_bytes_ &&
      !HeadAt(end, &next_bytes)) {
    return false;
  }
  return Peek(at, *size_bytes).size() == *size_bytes;
}

void GoQueueReader::SkipDamage() {
  uint64_t at = offset_ + 1;
  size_t size_bytes = 0;
  while (at < size_bytes_ && !MessageAt(at, &size_bytes)) ++at;
  at = std::min(at, size_bytes_);
  NSQ_LOG(kError, "IMPORT(", path_, "): ", at - offset_, " bytes at offset ", offset_,
          " are no message and are skipped");
  ++damaged_stretches_;
  damaged_bytes_ += at - offset_;
  bytes_left_ -= std::min(bytes_left_, at - offset_);
  offset_ = at;
}

bool GoQueueReader::Next(GoMessage* message) {
  while (true) {
    if (!file_ || offset_ >= size_bytes_) {
      if (!OpenNext()) return false;
    }
    size_t size_bytes = 0;
    if (!MessageAt(offset_, &size_bytes)) {
      SkipDamage();
      continue;
    }
    const std::span<const std::byte> bytes = Peek(offset_, size_bytes);
    message->timestamp = WallFromUnixNanos(LoadBig<int64_t>(bytes.data() + kSizeBytes));
    message->attempts = LoadBig<uint16_t>(bytes.data() + kSizeBytes + 8);
    const auto body = bytes.subspan(kSizeBytes + kHeadBytes);
    message->body = {reinterpret_cast<const char*>(body.data()), body.size()};
    offset_ += size_bytes;
    bytes_left_ -= std::min<uint64_t>(bytes_left_, size_bytes);
    return true;
  }
}

}  // namespace nsq::nsqd
