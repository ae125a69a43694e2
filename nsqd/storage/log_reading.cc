#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/event/timer.h"
#include "common/log.h"
#include "nsqd/storage/chunk.h"
#include "nsqd/storage/log_jobs.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/segmented_log.h"

// SegmentedLog: reading what is in memory, and bringing there what is not.

namespace nsq::nsqd {
namespace {

// Blocks read from the disk that wait for their reader, or for the next one.
constexpr size_t kColdChunks = 8;
// More would only queue up in the pool, before other topics' reads.
constexpr size_t kMaxReads = 4;

}  // namespace

SegmentedLog::Outcome SegmentedLog::Read(Sequence sequence, LogReader* reader, Record* record) {
  home_.Assert();
  NSQ_DCHECK(sequence < appended_);
  if (sequence >= plain_from_ && reader->chunk_ && reader->chunk_->Contains(sequence)) {
    *record = reader->chunk_->View(sequence);
    return Outcome::kReady;
  }
  return ReadSlowly(sequence, reader, record);
}

SegmentedLog::Outcome SegmentedLog::ReadSlowly(Sequence sequence, LogReader* reader,
                                               Record* record) {
  if (sequence < begin_ || sequence >= appended_ || InGap(sequence)) return Outcome::kGone;
  if (!reader->chunk_ || !reader->chunk_->Contains(sequence)) {
    std::shared_ptr<Chunk> chunk = FindInMemory(sequence);
    if (!chunk) {
      chunk = FindCold(sequence);
      if (chunk) ReadAhead(chunk->end());
    }
    if (!chunk) {
      reader->chunk_.reset();
      if (!StartRead(sequence)) return Outcome::kGone;
      reader_waits_ = true;
      return Outcome::kPending;
    }
    if (!chunk->Contains(sequence)) return Outcome::kGone;
    reader->chunk_ = std::move(chunk);
  }
  *record = reader->chunk_->View(sequence);
  return Outcome::kReady;
}

std::shared_ptr<Chunk> SegmentedLog::FindInMemory(Sequence sequence) const {
  const auto after = std::upper_bound(
      recent_.begin(), recent_.end(), sequence,
      [](Sequence s, const std::shared_ptr<Chunk>& chunk) { return s < chunk->first(); });
  if (after == recent_.begin()) return nullptr;
  const auto& chunk = *std::prev(after);
  return chunk->Contains(sequence) ? chunk : nullptr;
}

std::shared_ptr<Chunk> SegmentedLog::FindCold(Sequence sequence) {
  for (auto at = cold_.begin(); at != cold_.end(); ++at) {
    if (!(*at)->Covers(sequence)) continue;
    std::rotate(at, at + 1, cold_.end());
    return cold_.back();
  }
  return nullptr;
}

Segment* SegmentedLog::SegmentOf(Sequence sequence) {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), sequence,
      [](Sequence s, const std::unique_ptr<Segment>& segment) { return s < segment->first; });
  if (after == segments_.begin()) return nullptr;
  Segment* const segment = std::prev(after)->get();
  return sequence < segment->end ? segment : nullptr;
}

// Where the next piece of the log begins.
Sequence SegmentedLog::NextAfter(Sequence sequence) const {
  Sequence next = appended_;
  for (const auto& segment : segments_) {
    if (segment->first > sequence) next = std::min(next, segment->first);
  }
  for (const auto& chunk : recent_) {
    if (chunk->first() > sequence) next = std::min(next, chunk->first());
  }
  return next;
}

// False if there can be no such message; else its block is being read, or will be when asked for
// again after OnLogReadable.
bool SegmentedLog::StartRead(Sequence sequence) {
  const Segment* const segment = memory_only() ? nullptr : SegmentOf(sequence);
  if (segment == nullptr) {
    // Nobody had noted the gap: it ends with what comes next, however far that is.
    AddGap({sequence, NextAfter(sequence)});
    return false;
  }
  if (copied_ && segment->copying) return true;  // it is about to be another file
  const Segment::IndexEntry& from = segment->Floor(sequence);
  for (const Reading& reading : reading_) {
    if (reading.segment == segment->first && reading.offset == from.offset) return true;
  }
  if (reading_.size() >= kMaxReads) return true;
  reading_.push_back({segment->first, from.offset});
  auto job = std::make_unique<ColdRead>();
  job->handle = handle_;
  job->files = &files_;
  job->dir = options_.dir;
  job->segment = segment->first;
  job->from = from;
  job->target = sequence;
  job->limits = {segment->size_bytes, segment->end, segment->sparse};
  pool_.Submit(std::move(job), &loop_);
  return true;
}

void SegmentedLog::ReadAhead(Sequence sequence) {
  if (sequence >= written_ || budget_->over() || InGap(sequence)) return;
  if (FindInMemory(sequence)) return;
  const auto has = [&](const std::shared_ptr<Chunk>& c) { return c->Covers(sequence); };
  if (std::none_of(cold_.begin(), cold_.end(), has)) StartRead(sequence);
}

void SegmentedLog::OnColdRead(ColdRead& done) {
  home_.Assert();
  std::erase_if(reading_, [&](const Reading& reading) {
    return reading.segment == done.segment && reading.offset == done.from.offset;
  });
  const auto segment = std::find_if(segments_.begin(), segments_.end(),
                                    [&](const auto& s) { return s->first == done.segment; });
  if (segment != segments_.end()) {
    if (done.status.code() == Code::kNotFound) {
      // Somebody took the file away: what was in it is gone, the rest is not.
      NSQ_LOG(kError, "LOG(", options_.dir, "): ", done.status.detail());
      damage_.records += done.limits.sparse ? 1 : done.limits.end - done.from.sequence;
      AddGap({done.from.sequence, done.limits.end});
    } else if (!done.status.ok()) {
      NSQ_LOG(kWarn, "LOG(", options_.dir, "): trying again - ", done.status.detail());
      ArmTimer();  // whose tick wakes the readers
      if (copied_) FinishCopy();
      return;
    }
    for (const Segment::IndexEntry& entry : done.index) (*segment)->Remember(entry);
    for (const DamagedStretch& damage : done.damage) CountDamage(**segment, damage);
    for (const SequenceRange& gap : done.gaps) AddGap(gap);
    if (done.chunk && done.chunk->end() > released_) {
      Charge(*done.chunk);
      cold_.push_back(std::move(done.chunk));
      if (budget_->over()) Evict();
      EvictCold(budget_->over() ? 1 : kColdChunks);
      ArmTimer();
    }
  }
  if (copied_) FinishCopy();
  if (reader_waits_) {
    reader_waits_ = false;
    listener_->OnLogReadable();
  }
}

}  // namespace nsq::nsqd
