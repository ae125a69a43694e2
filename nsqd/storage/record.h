#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// One message as its topic's log has it, in memory and on the disk alike; FORMAT.md has an example.
//
//   offset size
//        0    4  size of the whole record, this field included        all numbers little-endian
//        4    4  checksum: low half of XXH3-64 over the bytes from 8 to the end, seeded with size
//        8    8  sequence
//       16    8  timestamp, Unix nanoseconds: when the publish was accepted
//       24    2  flags
//       26    2  size of the extension block
//       28    n  extension block; kFlagDeferred: begins with deliver-at, Unix nanoseconds
//     28+n    m  body, at least one byte
inline constexpr size_t kRecordHeaderBytes = 28;
inline constexpr uint16_t kFlagDeferred = 1;

struct Record {
  Sequence sequence;
  WallTime timestamp;
  WallTime deliver_at;  // the epoch: not deferred
  std::string_view body;

  bool deferred() const { return deliver_at != WallTime(); }
};

// Bytes that EncodeRecord will write.
size_t EncodedSize(const Record& record);

// `to` has room for EncodedSize(record) bytes.
void EncodeRecord(const Record& record, std::byte* to);

// Reads the record at the front of `bytes`, whose body then points into `bytes`.
//   kOk        *size_bytes is the record's size
//   kNotFound  `bytes` ends before the record does; *size_bytes is what it takes, 0 if not known
//   kCorrupt   the size is less than a header's or the checksum does not match
// There is no largest size: what --max-msg-size was when a record was written is not known.
Status DecodeRecord(std::span<const std::byte> bytes, Record* record, size_t* size_bytes);

// The same for bytes that have been checked before: no checksum, no error.
Record ViewRecord(const std::byte* at);

// Whether `bytes`, more than a header, are one whole record but for the size it gives itself.
bool IsWholeButForItsSize(std::span<const std::byte> bytes);

}  // namespace nsq::nsqd
