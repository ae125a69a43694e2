#include "common/filters/snappy_filter.h"

#include <snappy.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "common/filters/crc32c.h"

namespace nsq {
namespace {

// A chunk: one byte of type, three of length (little-endian), then as many bytes; those of data
// begin with the checksum of what they mean.
constexpr unsigned char kCompressed = 0x00;
constexpr unsigned char kUncompressed = 0x01;
constexpr unsigned char kFirstSkippable = 0x80;
constexpr unsigned char kIdentifierType = 0xFF;
constexpr std::string_view kIdentifier("\xFF\x06\x00\x00sNaPpY", 10);
constexpr size_t kHeaderBytes = 4;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kMaxChunk = 65536;  // of what is said
// The longest chunk that the original reads: 64 KiB at their worst, and the checksum.
constexpr size_t kMaxEncodedChunk = 76494;
// Nothing shorter saves an eighth.
constexpr size_t kLeastCompressed = 17;

uint32_t MaskedChecksum(std::string_view bytes) {
  const uint32_t sum = Crc32c(bytes);
  return ((sum >> 15) | (sum << 17)) + 0xA282EAD8;
}

uint32_t LoadLittle32(const char* from) {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void StoreHeader(char* to, unsigned char type, size_t length) {
  to[0] = static_cast<char>(type);
  to[1] = static_cast<char>(length & 0xFF);
  to[2] = static_cast<char>((length >> 8) & 0xFF);
  to[3] = static_cast<char>((length >> 16) & 0xFF);
}

Status Corrupt(const char* what) { return Status(Code::kCorrupt, what); }

}  // namespace

Status SnappyFilter::Decode(std::string_view outer, Buffer* inner, Buffer* /*reply*/) {
  has_more_ = false;
  if (broken_) return Corrupt("snappy: corrupt input");
  std::string_view rest = outer;
  if (!pending_.empty()) {
    pending_.Append(outer);
    rest = pending_.view();
  }
  const size_t offered = rest.size();
  const Status status = DecodeChunks(&rest, inner);
  if (!status.ok()) {
    broken_ = true;
    has_more_ = false;
    rest = {};
  }
  if (pending_.empty()) {
    pending_.Append(rest);
  } else {
    pending_.Consume(offered - rest.size());
  }
  pending_.Shrink(0);
  return status;
}

Status SnappyFilter::DecodeChunks(std::string_view* outer, Buffer* inner) {
  const size_t limit = inner->size() + kDecodeBytes;
  while (outer->size() >= kHeaderBytes) {
    const auto type = static_cast<unsigned char>((*outer)[0]);
    const size_t length = LoadLittle32(outer->data()) >> 8;
    if (Status status = CheckHeader(type, length); !status.ok()) return status;
    if (outer->size() < kHeaderBytes + length) break;
    const std::string_view chunk = outer->substr(kHeaderBytes, length);
    if (type <= kUncompressed && inner->size() + kMaxChunk > limit) {
      has_more_ = true;
      break;
    }
    if (Status status = DecodeChunk(type, chunk, inner); !status.ok()) return status;
    outer->remove_prefix(kHeaderBytes + length);
  }
  return Status();
}

// Before a chunk has come whole, so that nothing grows in wait of it.
Status SnappyFilter::CheckHeader(unsigned char type, size_t length) const {
  const bool identifier = type == kIdentifierType;
  if (!heard_identifier_ && !identifier) {
    return Corrupt("snappy: corrupt input: no stream identifier");
  }
  if (identifier && length != kIdentifier.size() - kHeaderBytes) {
    return Corrupt("snappy: corrupt input: bad stream identifier");
  }
  if (type > kUncompressed && type < kFirstSkippable) {
    return Corrupt("snappy: unsupported input: unknown chunk");
  }
  if (type <= kUncompressed && length < kChecksumBytes) {
    return Corrupt("snappy: corrupt input: no checksum");
  }
  if (length > kMaxEncodedChunk) return Corrupt("snappy: unsupported input: chunk too long");
  return Status();
}

Status SnappyFilter::DecodeChunk(unsigned char type, std::string_view chunk, Buffer* inner) {
  if (type == kIdentifierType) {
    // May come again at any time: some clients begin every write with one.
    if (chunk != kIdentifier.substr(kHeaderBytes)) {
      return Corrupt("snappy: corrupt input: bad stream identifier");
    }
    heard_identifier_ = true;
    return Status();
  }
  if (type >= kFirstSkippable) return Status();
  const uint32_t checksum = LoadLittle32(chunk.data());
  chunk.remove_prefix(kChecksumBytes);

  size_t size = chunk.size();
  if (type == kCompressed && !snappy::GetUncompressedLength(chunk.data(), chunk.size(), &size)) {
    return Corrupt("snappy: corrupt input");
  }
  if (size > kMaxChunk) return Corrupt("snappy: corrupt input: chunk too long");
  char* const to = inner->Reserve(size);
  if (type == kUncompressed) {
    if (size > 0) std::memcpy(to, chunk.data(), size);
  } else if (!snappy::RawUncompress(chunk.data(), chunk.size(), to)) {
    return Corrupt("snappy: corrupt input");
  }
  if (MaskedChecksum({to, size}) != checksum) return Corrupt("snappy: corrupt input: checksum");
  inner->Commit(size);
  return Status();
}

Status SnappyFilter::Encode(std::string_view inner, Buffer* outer) {
  if (!inner.empty() && !said_identifier_) {
    outer->Append(kIdentifier);
    said_identifier_ = true;
  }
  while (!inner.empty()) {
    const std::string_view said = inner.substr(0, kMaxChunk);
    inner.remove_prefix(said.size());
    char* const chunk =
        outer->Reserve(kHeaderBytes + kChecksumBytes + snappy::MaxCompressedLength(said.size()));
    char* const data = chunk + kHeaderBytes + kChecksumBytes;
    size_t size = said.size();
    if (said.size() >= kLeastCompressed) {
      snappy::RawCompress(said.data(), said.size(), data, &size);
    }
    unsigned char type = kCompressed;
    if (size >= said.size() - said.size() / 8) {
      type = kUncompressed;
      size = said.size();
      std::memcpy(data, said.data(), size);
    }
    StoreHeader(chunk, type, kChecksumBytes + size);
    const uint32_t checksum = MaskedChecksum(said);
    std::memcpy(chunk + kHeaderBytes, &checksum, sizeof checksum);
    outer->Commit(kHeaderBytes + kChecksumBytes + size);
  }
  return Status();
}

}  // namespace nsq
