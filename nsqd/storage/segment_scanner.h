#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "nsqd/storage/chunk.h"
#include "nsqd/storage/files.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// Bytes of a segment that are no record, and the sequences that were there.
struct DamagedStretch {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
  SequenceRange lost;        // up to the next good record, or the segment's end
  bool to_file_end = false;  // no good record follows
  bool unreadable = false;   // the disk refused to give them
};

// What one read of a segment brought: a damaged stretch, or a run of good records, or the one
// before the other.
struct ScannedBlock {
  std::optional<DamagedStretch> damage;
  std::shared_ptr<Chunk> chunk;  // null if the damage goes on to the file's end
  uint64_t chunk_offset = 0;
};

// Reads a segment forward in large blocks and checks every record. Skips what is damaged up to the
// next record whose checksum and sequence are right.
//
// Home: whoever has it; blocks on the disk, so a helper thread once the daemon runs.
class SegmentScanner {
 public:
  static constexpr size_t kBlockBytes = size_t{256} * 1024;

  struct Limits {
    uint64_t file_bytes = 0;  // read no further
    Sequence end;             // records from here on are not this segment's: they were refused
    bool sparse = false;      // its sequences need not count by one
  };

  // At `offset` the record of `next` begins, or the file's end is.
  SegmentScanner(const ReadFile& file, uint64_t offset, Sequence next, const Limits& limits);

  // False at the end. Of a sparse segment a chunk covers what lies behind the one before it, too.
  bool Next(ScannedBlock* block);

  // The place after what Next returned.
  uint64_t offset() const { return offset_; }
  Sequence next() const { return next_; }

 private:
  void Load(uint64_t offset, size_t size_bytes);
  // Makes the buffer hold the record at `offset` whole and reads it.
  Status ReadRecord(uint64_t offset, Record* record, size_t* size_bytes);
  DamagedStretch Resync();
  std::shared_ptr<Chunk> TakeRun();

  const ReadFile& file_;
  const Limits limits_;
  uint64_t offset_;
  Sequence next_;
  // What is loaded: [loaded_at_, loaded_at_ + loaded_).
  std::unique_ptr<std::byte[]> buffer_;
  size_t capacity_ = 0;
  size_t loaded_ = 0;
  uint64_t loaded_at_ = 0;
  bool unreadable_ = false;  // part of it
};

// Of a stretch that goes to the end of a log's newest file: whether it is what a write that was cut
// short, or a file that grew before its data, leaves behind. Nothing acknowledged is in it then.
bool IsTornWrite(const ReadFile& file, const DamagedStretch& stretch);

}  // namespace nsq::nsqd
