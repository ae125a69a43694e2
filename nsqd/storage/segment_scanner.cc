#include "nsqd/storage/segment_scanner.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "nsqd/storage/bytes.h"

namespace nsq::nsqd {
namespace {

constexpr size_t kSmallestRecord = kRecordHeaderBytes + 1;
constexpr size_t kPageBytes = 4096;
constexpr size_t kSequenceOffset = 8;  // in a record

// Whether the file's last record is whole, but a flipped bit makes its size more than there is.
bool OnlyItsSizeIsWrong(const ReadFile& file, const DamagedStretch& stretch) {
  if (stretch.size_bytes <= kRecordHeaderBytes) return false;
  std::vector<std::byte> bytes(static_cast<size_t>(stretch.size_bytes));
  const Result<size_t> read = file.ReadAt(stretch.offset, bytes);
  return read.ok() && *read == bytes.size() && IsWholeButForItsSize(bytes);
}

// Whether what is there of a record's sequence is that, or zeros where a page is missing.
bool MayBeginWith(std::span<const std::byte> head, Sequence sequence) {
  std::array<std::byte, sizeof sequence.value> expected{};
  StoreLittle(expected.data(), sequence.value);
  bool missing = false;
  for (size_t i = 0; i < expected.size() && kSequenceOffset + i < head.size(); ++i) {
    const std::byte b = head[kSequenceOffset + i];
    missing = missing || b != expected[i];
    if (missing && b != std::byte{0}) return false;
  }
  return true;
}

}  // namespace

SegmentScanner::SegmentScanner(const ReadFile& file, uint64_t offset, Sequence next,
                               const Limits& limits)
    : file_(file), limits_(limits), offset_(offset), next_(next) {}

bool SegmentScanner::Next(ScannedBlock* block) {
  *block = ScannedBlock();
  unreadable_ = false;
  if (offset_ >= limits_.file_bytes || next_ >= limits_.end) return false;
  Record record;
  size_t size_bytes = 0;
  const Sequence expected = next_;
  const Status status = ReadRecord(offset_, &record, &size_bytes);
  if (!status.ok() || record.sequence < next_) {
    block->damage = Resync();
    if (block->damage->to_file_end) return true;
  } else if (record.sequence >= limits_.end) {
    offset_ = limits_.file_bytes;
    return false;
  } else {
    next_ = record.sequence;
  }
  block->chunk_offset = offset_;
  block->chunk = TakeRun();
  if (limits_.sparse) block->chunk->CoverFrom(expected);
  return true;
}

void SegmentScanner::Load(uint64_t offset, size_t size_bytes) {
  const uint64_t rest = limits_.file_bytes - offset;
  size_bytes = static_cast<size_t>(std::min<uint64_t>(rest, size_bytes));
  if (capacity_ < size_bytes) {
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(size_bytes);
    capacity_ = size_bytes;
  }
  loaded_at_ = offset;
  loaded_ = 0;
  const Result<size_t> read = file_.ReadAt(offset, {buffer_.get(), size_bytes});
  if (read.ok()) {
    loaded_ = *read;
    return;
  }
  // A bad sector takes its page with it, not the block.
  unreadable_ = true;
  for (size_t at = 0; at < size_bytes; at += kPageBytes) {
    const std::span<std::byte> page(buffer_.get() + at, std::min(kPageBytes, size_bytes - at));
    const Result<size_t> piece = file_.ReadAt(offset + at, page);
    if (!piece.ok()) std::memset(page.data(), 0, page.size());
    loaded_ = at + (piece.ok() ? *piece : page.size());
  }
}

Status SegmentScanner::ReadRecord(uint64_t offset, Record* record, size_t* size_bytes) {
  if (offset < loaded_at_ || offset >= loaded_at_ + loaded_) Load(offset, kBlockBytes);
  const auto decode = [&] {
    const size_t at = static_cast<size_t>(offset - loaded_at_);
    return DecodeRecord({buffer_.get() + at, loaded_ - at}, record, size_bytes);
  };
  Status status = decode();
  if (status.code() == Code::kNotFound && offset != loaded_at_) {
    Load(offset, kBlockBytes);
    status = decode();
  }
  if (status.code() == Code::kNotFound && *size_bytes > loaded_ &&
      limits_.file_bytes - offset >= *size_bytes) {
    Load(offset, *size_bytes);
    status = decode();
  }
  return status;
}

// Finds the next good record after offset_ and goes there.
DamagedStretch SegmentScanner::Resync() {
  DamagedStretch damage;
  damage.offset = offset_;
  damage.lost.begin = next_;
  uint64_t at = offset_ + 1;
  for (; at + kSmallestRecord <= limits_.file_bytes; ++at) {
    if (at < loaded_at_ || at + kRecordHeaderBytes > loaded_at_ + loaded_) {
      Load(at, kBlockBytes);
      if (loaded_ < kRecordHeaderBytes) break;  // the file is shorter than it was
    }
    const std::byte* const bytes = buffer_.get() + (at - loaded_at_);
    const uint32_t size = LoadLittle<uint32_t>(bytes);
    const Sequence sequence{LoadLittle<uint64_t>(bytes + 8)};
    // What was there cannot have been more than its bytes could hold.
    const uint64_t most = (at - damage.offset) / kSmallestRecord;
    if (size < kSmallestRecord || size > limits_.file_bytes - at || sequence < next_ ||
        sequence >= limits_.end || (!limits_.sparse && sequence - next_ > most)) {
      continue;
    }
    Record record;
    size_t size_bytes = 0;
    if (!ReadRecord(at, &record, &size_bytes).ok()) continue;
    damage.size_bytes = at - damage.offset;
    damage.lost.end = sequence;
    damage.unreadable = unreadable_;
    offset_ = at;
    next_ = sequence;
    return damage;
  }
  damage.size_bytes = limits_.file_bytes - damage.offset;
  damage.lost.end = limits_.end;
  damage.to_file_end = true;
  damage.unreadable = unreadable_;
  offset_ = limits_.file_bytes;
  return damage;
}

// The good records from offset_ on, as far as the buffer goes; there is at least one.
std::shared_ptr<Chunk> SegmentScanner::TakeRun() {
  // The run takes the buffer with it, so it had better begin with the run.
  const size_t first_bytes = LoadLittle<uint32_t>(buffer_.get() + (offset_ - loaded_at_));
  const size_t enough = std::max<size_t>(first_bytes, kBlockBytes);
  // Nor be one that a damaged size had made large: it is kept while the run is.
  if (capacity_ > enough) capacity_ = 0;
  if (loaded_at_ != offset_ || capacity_ == 0) Load(offset_, enough);
  std::vector<uint32_t> offsets;
  std::vector<Sequence> sequences;
  size_t at = 0;
  Sequence next = next_;
  while (at < loaded_ && next < limits_.end) {
    Record record;
    size_t size_bytes = 0;
    if (!DecodeRecord({buffer_.get() + at, loaded_ - at}, &record, &size_bytes).ok()) break;
    if (limits_.sparse ? record.sequence < next || record.sequence >= limits_.end
                       : record.sequence != next) {
      break;
    }
    offsets.push_back(static_cast<uint32_t>(at));
    if (limits_.sparse) sequences.push_back(record.sequence);
    at += size_bytes;
    next = record.sequence + 1;
  }
  auto chunk =
      limits_.sparse
          ? std::make_shared<Chunk>(SequenceRange{next_, next}, std::move(buffer_), capacity_, at,
                                    std::move(offsets), std::move(sequences))
          : std::make_shared<Chunk>(next_, std::move(buffer_), capacity_, at, std::move(offsets));
  capacity_ = 0;
  loaded_ = 0;
  offset_ += at;
  next_ = next;
  return chunk;
}

bool IsTornWrite(const ReadFile& file, const DamagedStretch& torn) {
  std::array<std::byte, kRecordHeaderBytes> head{};
  const Result<size_t> read = file.ReadAt(torn.offset, head);
  if (!read.ok()) return false;
  Record record;
  size_t size_bytes = 0;
  const Status status = DecodeRecord({head.data(), *read}, &record, &size_bytes);
  if (status.code() == Code::kNotFound && size_bytes == 0) return true;
  if (status.code() == Code::kNotFound && size_bytes > torn.size_bytes) {
    return MayBeginWith({head.data(), *read}, torn.lost.begin) && !OnlyItsSizeIsWrong(file, torn);
  }

  std::vector<std::byte> bytes(SegmentScanner::kBlockBytes);
  for (uint64_t done = 0; done < torn.size_bytes;) {
    const Result<size_t> n = file.ReadAt(torn.offset + done, bytes);
    if (!n.ok() || *n == 0) return false;
    const auto end = bytes.begin() + static_cast<std::ptrdiff_t>(*n);
    if (std::any_of(bytes.begin(), end, [](std::byte b) { return b != std::byte{0}; })) {
      return false;
    }
    done += *n;
  }
  return true;
}

}  // namespace nsq::nsqd
