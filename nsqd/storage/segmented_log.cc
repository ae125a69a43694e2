#include "nsqd/storage/segmented_log.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "common/check.h"
#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/log.h"
#include "nsqd/storage/chunk.h"
#include "nsqd/storage/log_jobs.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/segment_scanner.h"

// Opening, recovery, gaps and figures. Writing is in log_writing.cc, reading in log_reading.cc.

namespace nsq::nsqd {
namespace {

constexpr size_t kFirstChunkBytes = 4096;
constexpr Sequence kNoEnd{kSequenceMask};

}  // namespace

Result<std::unique_ptr<SegmentedLog>> SegmentedLog::Open(EventLoop& loop, HelperPool& pool,
                                                         Files& files, MemoryBudget* budget,
                                                         const LogOptions& options, Sequence first,
                                                         Listener* listener) {
  std::unique_ptr<SegmentedLog> log(
      new SegmentedLog(loop, pool, files, budget, options, first, listener));
  if (!options.dir.empty()) {
    if (Status status = log->Recover(); !status.ok()) return status;
  }
  return log;
}

SegmentedLog::SegmentedLog(EventLoop& loop, HelperPool& pool, Files& files, MemoryBudget* budget,
                           const LogOptions& options, Sequence first, Listener* listener)
    : loop_(loop),
      home_(loop.home()),
      pool_(pool),
      files_(files),
      budget_(budget),
      options_(options),
      listener_(listener),
      handle_(std::make_shared<LogHandle>(LogHandle{this})),
      begin_(first),
      released_(first),
      appended_(first),
      batch_begin_(first),
      written_(first),
      synced_(first),
      plain_from_(first),
      next_capacity_(kFirstChunkBytes),
      durability_(options.durability) {}

SegmentedLog::~SegmentedLog() {
  home_.Assert();
  handle_->log = nullptr;
  budget_->used_bytes -= memory_bytes_;
}

std::string SegmentedLog::PathOf(Sequence segment) const {
  return options_.dir + "/" + SegmentName(segment);
}

// --- recovery

Status SegmentedLog::Recover() {
  home_.Assert();
  if (Status status = FindSegments(); !status.ok()) return status;
  if (segments_.empty()) return Status();
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    Segment& segment = *segments_[i];
    const Sequence next = segments_[i + 1]->first;
    segment.sealed = true;
    if (!segment.sparse) segment.end = next;
  }
  if (Status status = RecoverNewest(); !status.ok()) return status;
  // `appended_` is already past the name of a segment that was never filled.
  appended_ = std::max(appended_, segments_.back()->end);
  begin_ = segments_.front()->first;
  released_ = begin_;
  plain_from_ = std::max(plain_from_, begin_);
  batch_begin_ = written_ = synced_ = appended_;
  return Status();
}

// The segment as its header and size tell, null if it is not worth keeping; an error if it must not
// be touched.
Result<std::unique_ptr<Segment>> SegmentedLog::CheckFile(Sequence first) {
  const std::string path = PathOf(first);
  const Result<std::unique_ptr<ReadFile>> file = files_.OpenRead(path);
  if (!file.ok()) return file.status();
  const Result<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size <= kSegmentHeaderBytes) return std::unique_ptr<Segment>();
  std::array<std::byte, kSegmentHeaderBytes> bytes;
  const Result<size_t> read = (*file)->ReadAt(0, bytes);
  SegmentHeader header;
  const Status status = read.ok() ? DecodeSegmentHeader(bytes, &header) : read.status();
  if (status.code() == Code::kInvalid) return Status(status.code(), path + ": " + status.detail());
  auto segment = std::make_unique<Segment>();
  segment->first = segment->end = first;
  segment->size_bytes = *size;
  segment->index.push_back({first, kSegmentHeaderBytes});
  if (!status.ok()) {
    // The name says all that matters.
    NSQ_LOG(kWarn, "LOG(", path, "): ", status.detail());
    damage_.bytes += kSegmentHeaderBytes;
  } else {
    segment->created = header.created;
    if (header.sparse && header.end > first) {
      segment->sparse = segment->sealed = true;
      segment->end = header.end;
      segment->messages = header.messages;
    }
  }
  return segment;
}

Status SegmentedLog::FindSegments() {
  const Result<std::vector<std::string>> names = files_.List(options_.dir);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (IsCopyName(name)) {
      // Died before it was whole.
      if (Status status = files_.Remove(options_.dir + "/" + name); !status.ok()) return status;
      continue;
    }
    const std::optional<Sequence> first = ParseSegmentName(name);
    if (!first) continue;
    if (!segments_.empty() && segments_.back()->sparse && *first < segments_.back()->end) {
      // Died after a copy got its name and before all it was made of was removed. They may have
      // gone in any order: what all of them had that is wanted is in the copy alone.
      if (const Status status = files_.Remove(PathOf(*first)); !status.ok()) {
        NSQ_LOG(kWarn, "LOG: ", status.detail());
      }
      continue;
    }
    Result<std::unique_ptr<Segment>> segment = CheckFile(*first);
    if (segment.status().code() == Code::kNotFound) continue;  // was being removed
    if (!segment.ok()) return segment.status();
    if (*segment == nullptr) {
      // Died between making the file and writing to it.
      appended_ = std::max(segments_.empty() ? *first : appended_, *first);
      if (Status status = files_.Remove(PathOf(*first)); !status.ok()) return status;
      continue;
    }
    if (segments_.empty()) appended_ = *first;
    segments_.push_back(std::move(*segment));
    appended_ = std::max(appended_, *first);
  }
  return Status();
}

Status SegmentedLog::RecoverNewest() {
  Segment& newest = *segments_.back();
  if (newest.sparse) return Status();  // it was synced whole, and its header says where it ends
  const Result<std::unique_ptr<ReadFile>> file = files_.OpenRead(PathOf(newest.first));
  if (!file.ok()) return file.status();
  LogPlace from{newest.first, newest.first, kSegmentHeaderBytes};
  const LogPlace& synced = options_.synced;
  if (synced.segment == newest.first && synced.offset > from.offset &&
      synced.offset <= newest.size_bytes && synced.sequence > newest.first) {
    // What lies before is checked when it is read, as in a sealed segment.
    from = synced_place_ = synced;
    newest.end = synced.sequence;
    newest.Remember({synced.sequence, synced.offset});
  }
  SegmentScanner scanner(**file, from.offset, from.sequence, {newest.size_bytes, kNoEnd});
  ScannedBlock block;
  while (scanner.Next(&block)) {
    if (block.damage && block.damage->to_file_end) {
      if (!IsTornWrite(**file, *block.damage)) {
        SetAside(files_, options_.dir, newest.first, **file, *block.damage);
        CountDamage(newest, *block.damage);
      }
      return CutTornEnd(newest, block.damage->offset);
    }
    if (block.damage) {
      SetAside(files_, options_.dir, newest.first, **file, *block.damage);
      CountDamage(newest, *block.damage);
    }
    AddGap({newest.end, block.chunk->first()});
    newest.end = block.chunk->end();
    newest.Remember({newest.end, scanner.offset()});
  }
  return Status();
}

Status SegmentedLog::CutTornEnd(Segment& segment, uint64_t offset) {
  const std::string path = PathOf(segment.first);
  NSQ_LOG(kInfo, "LOG(", path, "): cutting a torn end of ", segment.size_bytes - offset, " bytes");
  Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(path);
  if (!file.ok()) return file.status();
  segment.file = std::move(*file);
  segment.size_bytes = offset;
  return segment.file->Truncate(offset);
}

void SegmentedLog::CountDamage(Segment& segment, const DamagedStretch& damage) {
  auto& known = segment.damaged_offsets;
  if (std::find(known.begin(), known.end(), damage.offset) != known.end()) return;
  known.push_back(damage.offset);
  // Where there are holes nobody knows how many there were.
  const bool unknown = damage.lost.end == kNoEnd || segment.sparse;
  damage_.records += unknown ? 1 : damage.lost.end - damage.lost.begin;
  damage_.bytes += damage.size_bytes;
  NSQ_LOG(kError, "LOG(", PathOf(segment.first), "): ", damage.size_bytes,
          " damaged bytes at offset ", damage.offset, " skipped and set aside in ",
          DamagedName(segment.first));
}

// --- gaps and figures

void SegmentedLog::AddGap(SequenceRange gap) {
  home_.Assert();
  if (gap.begin >= gap.end) return;
  plain_from_ = std::max(plain_from_, gap.end);
  // All that touch it become one with it.
  const auto first =
      std::lower_bound(gaps_.begin(), gaps_.end(), gap.begin,
                       [](const SequenceRange& g, Sequence begin) { return g.end < begin; });
  auto last = first;
  while (last != gaps_.end() && last->begin <= gap.end) {
    gap.begin = std::min(gap.begin, last->begin);
    gap.end = std::max(gap.end, last->end);
    ++last;
  }
  gaps_.insert(gaps_.erase(first, last), gap);
}

bool SegmentedLog::InGap(Sequence sequence) const {
  const auto after = std::upper_bound(gaps_.begin(), gaps_.end(), sequence,
                                      [](Sequence s, const SequenceRange& g) { return s < g.end; });
  return after != gaps_.end() && after->begin <= sequence;
}

uint64_t SegmentedLog::CountBetween(Sequence from, Sequence to) const {
  home_.Assert();
  if (from >= to) return 0;
  uint64_t count = to - from;
  auto gap = std::upper_bound(gaps_.begin(), gaps_.end(), from,
                              [](Sequence s, const SequenceRange& g) { return s < g.end; });
  for (; gap != gaps_.end() && gap->begin < to; ++gap) {
    count -= std::min(gap->end, to) - std::max(gap->begin, from);
  }
  return count;
}

uint64_t SegmentedLog::CountOnDisk(Sequence from) const {
  home_.Assert();
  return CountBetween(std::max(from, begin_), std::min(memory_begin(), written_));
}

WallTime SegmentedLog::NotBefore(Sequence sequence) const {
  home_.Assert();
  if (const std::shared_ptr<Chunk> chunk = FindInMemory(sequence)) {
    return chunk->View(sequence).timestamp;
  }
  for (const std::shared_ptr<Chunk>& chunk : cold_) {
    if (chunk->Contains(sequence)) return chunk->View(sequence).timestamp;
  }
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), sequence,
      [](Sequence s, const std::unique_ptr<Segment>& segment) { return s < segment->first; });
  return after == segments_.begin() ? WallTime() : (*std::prev(after))->created;
}

uint64_t SegmentedLog::memory_messages() const {
  home_.Assert();
  uint64_t messages = recent_messages_;
  for (const std::shared_ptr<Chunk>& chunk : cold_) messages += chunk->count();
  return messages;
}

Sequence SegmentedLog::memory_begin() const {
  return recent_.empty() ? appended_ : recent_.front()->first();
}

const std::vector<SequenceRange>& SegmentedLog::gaps() const {
  home_.Assert();
  return gaps_;
}

Sequence SegmentedLog::appended() const {
  home_.Assert();
  return appended_;
}

Sequence SegmentedLog::written() const {
  home_.Assert();
  return written_;
}

Sequence SegmentedLog::synced() const {
  home_.Assert();
  return synced_;
}

Sequence SegmentedLog::begin() const {
  home_.Assert();
  return begin_;
}

LogDamage SegmentedLog::damage() const {
  home_.Assert();
  return damage_;
}

size_t SegmentedLog::memory_bytes() const {
  home_.Assert();
  return memory_bytes_;
}

uint64_t SegmentedLog::disk_bytes() const {
  home_.Assert();
  uint64_t bytes = 0;
  for (const auto& segment : segments_) bytes += segment->size_bytes;
  return bytes;
}

size_t SegmentedLog::segments() const {
  home_.Assert();
  return segments_.size();
}

}  // namespace nsq::nsqd
