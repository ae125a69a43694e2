#include "nsqd/storage/record.h"

// Most records are short: the call would cost as much as the hash.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

#include "nsqd/storage/bytes.h"

namespace nsq::nsqd {
namespace {

constexpr size_t kDeliverAtBytes = 8;

}  // namespace

uint32_t Checksum(const std::byte* bytes, size_t size, uint64_t seed) {
  return static_cast<uint32_t>(XXH3_64bits_withSeed(bytes, size, seed));
}

size_t EncodedSize(const Record& record) {
  return kRecordHeaderBytes + (record.deferred() ? kDeliverAtBytes : 0) + record.body.size();
}

void EncodeRecord(const Record& record, std::byte* to) {
  const size_t size = EncodedSize(record);
  const bool deferred = record.deferred();
  StoreLittle(to, static_cast<uint32_t>(size));
  StoreLittle(to + 8, record.sequence.value);
  StoreLittle(to + 16, UnixNanos(record.timestamp));
  StoreLittle(to + 24, deferred ? kFlagDeferred : uint16_t{0});
  StoreLittle(to + 26, static_cast<uint16_t>(deferred ? kDeliverAtBytes : 0));
  std::byte* body = to + kRecordHeaderBytes;
  if (deferred) {
    StoreLittle(body, UnixNanos(record.deliver_at));
    body += kDeliverAtBytes;
  }
  std::memcpy(body, record.body.data(), record.body.size());
  StoreLittle(to + 4, Checksum(to + 8, size - 8, size));
}

Status DecodeRecord(std::span<const std::byte> bytes, Record* record, size_t* size_bytes) {
  *size_bytes = 0;
  if (bytes.size() < 4) return Status(Code::kNotFound, "record: no size yet");
  const size_t size = LoadLittle<uint32_t>(bytes.data());
  if (size <= kRecordHeaderBytes) {
    return Status(Code::kCorrupt, "record: impossible size");
  }
  *size_bytes = size;
  if (bytes.size() < size) return Status(Code::kNotFound, "record: not whole yet");
  if (LoadLittle<uint32_t>(bytes.data() + 4) != Checksum(bytes.data() + 8, size - 8, size)) {
    return Status(Code::kCorrupt, "record: wrong checksum");
  }
  const uint16_t flags = LoadLittle<uint16_t>(bytes.data() + 24);
  const size_t extension = LoadLittle<uint16_t>(bytes.data() + 26);
  if (kRecordHeaderBytes + extension >= size ||
      ((flags & kFlagDeferred) != 0 && extension < kDeliverAtBytes)) {
    return Status(Code::kCorrupt, "record: impossible extension");
  }
  *record = ViewRecord(bytes.data());
  return Status();
}

Record ViewRecord(const std::byte* at) {
  const size_t size = LoadLittle<uint32_t>(at);
  const uint16_t flags = LoadLittle<uint16_t>(at + 24);
  const size_t extension = LoadLittle<uint16_t>(at + 26);
  const std::byte* const rest = at + kRecordHeaderBytes;
  Record record;
  record.sequence = {LoadLittle<uint64_t>(at + 8)};
  record.timestamp = WallFromUnixNanos(LoadLittle<int64_t>(at + 16));
  if ((flags & kFlagDeferred) != 0) {
    record.deliver_at = WallFromUnixNanos(LoadLittle<int64_t>(rest));
  }
  record.body = {reinterpret_cast<const char*>(rest + extension),
                 size - kRecordHeaderBytes - extension};
  return record;
}

bool IsWholeButForItsSize(std::span<const std::byte> bytes) {
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  return LoadLittle<uint32_t>(bytes.data() + 4) == Checksum(bytes.data() + 8, size - 8, size);
}

}  // namespace nsq::nsqd
