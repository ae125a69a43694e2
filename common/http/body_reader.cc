#include "common/http/body_reader.h"

#include <algorithm>

namespace nsq::http {
namespace {

// As Go's: the longest line that tells a chunk's size, with its extensions.
constexpr size_t kMaxChunkLine = 4096;
constexpr uint64_t kMaxTrailerBytes = 64 * 1024;
constexpr size_t kMaxSizeDigits = 16;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "1F", "1f ;name=value": false if it is none.
bool ParseChunkSize(std::string_view line, uint64_t* size) {
  line = line.substr(0, line.find(';'));
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) {
    line.remove_suffix(1);
  }
  if (line.empty() || line.size() > kMaxSizeDigits) return false;
  *size = 0;
  for (const char c : line) {
    const int digit = HexDigit(c);
    if (digit < 0) return false;
    *size = *size << 4 | static_cast<uint64_t>(digit);
  }
  return true;
}

}  // namespace

BodyReader::BodyReader(Framing framing, uint64_t length_bytes) {
  if (framing == Framing::kChunked) {
    state_ = State::kMore;
    part_ = Part::kChunkSize;
  } else if (framing == Framing::kLength && length_bytes > 0) {
    state_ = State::kMore;
    rest_bytes_ = length_bytes;
  }
}

size_t BodyReader::Take(std::string_view data, std::string_view* piece) {
  *piece = {};
  if (state_ != State::kMore || data.empty()) return 0;
  switch (part_) {
    case Part::kLength:
    case Part::kChunk: {
      *piece = data.substr(0, std::min<uint64_t>(rest_bytes_, data.size()));
      rest_bytes_ -= piece->size();
      if (rest_bytes_ > 0) return piece->size();
      if (part_ == Part::kLength) {
        state_ = State::kWhole;
      } else {
        part_ = Part::kChunkEnd;
      }
      return piece->size();
    }
    case Part::kChunkSize:
      return TakeChunkSize(data);
    case Part::kChunkEnd:
      if (data[0] != '\r' || (data.size() > 1 && data[1] != '\n')) return Break();
      if (data.size() < 2) return 0;
      part_ = Part::kChunkSize;
      return 2;
    case Part::kTrailer:
      return TakeTrailer(data);
  }
  return 0;
}

size_t BodyReader::TakeChunkSize(std::string_view data) {
  const size_t end = data.substr(0, kMaxChunkLine).find('\n');
  if (end == std::string_view::npos) return data.size() < kMaxChunkLine ? 0 : Break();
  if (!ParseChunkSize(data.substr(0, end), &rest_bytes_)) return Break();
  part_ = rest_bytes_ > 0 ? Part::kChunk : Part::kTrailer;
  return end + 1;
}

// Fields may follow the last chunk; nobody here asks for them.
size_t BodyReader::TakeTrailer(std::string_view data) {
  const size_t end = data.find('\n');
  if (trailer_bytes_ + std::min(end, data.size()) > kMaxTrailerBytes) return Break();
  if (end == std::string_view::npos) return 0;
  std::string_view line = data.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    state_ = State::kWhole;
  } else if (line.find(':') == std::string_view::npos) {
    return Break();
  }
  trailer_bytes_ += end + 1;
  return end + 1;
}

size_t BodyReader::Break() {
  state_ = State::kBroken;
  return 0;
}

}  // namespace nsq::http
