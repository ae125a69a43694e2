#include <algorithm>
#include <array>
#include <utility>

#include "common/check.h"
#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/log.h"
#include "common/metrics/histogram.h"
#include "nsqd/storage/chunk.h"
#include "nsqd/storage/disk_room.h"
#include "nsqd/storage/log_jobs.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/segmented_log.h"
#include "nsqd/storage/synced_file.h"

// SegmentedLog: appending, writing, syncing, releasing, and the memory all that takes.

namespace nsq::nsqd {
namespace {

// A topic that says little takes little; a busy one gets there in six steps.
constexpr size_t kFirstChunkBytes = 4096;
constexpr size_t kLastChunkBytes = size_t{256} * 1024;

// What a log keeps in memory beyond the messages that are not written yet, however few its messages
// are: what is beyond is in the page cache, and a second copy of it in memory that is new to the
// process costs more than reading it back.
constexpr size_t kRecentBytes = size_t{16} << 20;
// Of chunks to be used again: what large messages take in a turn or two.
constexpr size_t kMaxSpares = 32;

// A segment whose first half is consumed already is sealed at this size: a topic that keeps up
// then leaves so little behind that most of it is unlinked before it reaches the disk.
constexpr uint64_t kSmallSegmentBytes = uint64_t{8} << 20;

constexpr Duration kDefaultTick = seconds(2);

}  // namespace

// --- appending

Sequence SegmentedLog::Append(WallTime timestamp, WallTime deliver_at, std::string_view body) {
  home_.Assert();
  const Record record{appended_, timestamp, deliver_at, body};
  const size_t size_bytes = EncodedSize(record);
  EncodeRecord(record, RoomFor(size_bytes).Extend(size_bytes));
  ++appended_;
  ++recent_messages_;
  return record.sequence;
}

Chunk& SegmentedLog::RoomFor(size_t size_bytes) {
  if (!recent_.empty()) {
    Chunk& tail = *recent_.back();
    if (tail.end() == appended_ && tail.HasRoom(size_bytes)) return tail;
  }
  std::shared_ptr<Chunk> chunk;
  const auto spare = std::find_if(spares_.rbegin(), spares_.rend(), [&](const auto& each) {
    return each.use_count() == 1 && each->capacity_bytes() >= size_bytes;
  });
  if (spare != spares_.rend()) {
    std::swap(*spare, spares_.back());
    chunk = std::move(spares_.back());
    spares_.pop_back();
    chunk->Restart(appended_);
  } else {
    chunk = std::make_shared<Chunk>(appended_, std::max(next_capacity_, size_bytes));
    next_capacity_ = std::min(2 * next_capacity_, kLastChunkBytes);
    Charge(*chunk);
  }
  recent_.push_back(std::move(chunk));
  return *recent_.back();
}

void SegmentedLog::JumpTo(Sequence next) {
  home_.Assert();
  NSQ_CHECK(batch_begin_ == appended_ && appended_ < next);
  // What kMemory still holds is in chunks of its own and finds its place when it is written.
  AddGap({appended_, next});
  if (written_ == appended_) written_ = next;
  if (synced_ == appended_) synced_ = next;
  appended_ = batch_begin_ = next;
}

// --- writing

Status SegmentedLog::Write() {
  home_.Assert();
  used_ = true;
  ArmTimer();
  if (memory_only()) {
    batch_begin_ = written_ = synced_ = appended_;
    return Status();
  }
  if (durability_ != Durability::kMemory) {
    if (written_ == appended_) return Status();
    Status status = TakeRoom();
    if (status.ok()) status = WriteUpTo(appended_);
    if (!status.ok()) return Refuse(std::move(status));
    batch_begin_ = appended_;
    Evict();
    MaybeSync();
    return Status();
  }
  const uint64_t unwritten = CountBetween(written_, appended_);
  uint64_t excess = unwritten - std::min(unwritten, options_.memory_messages);
  if (budget_->over() && recent_.size() > 1) excess = std::max<uint64_t>(excess, 1);
  if (excess > 0) {
    Status status = TakeRoom();
    if (status.ok()) status = WriteUpTo(written_ + excess);
    if (!status.ok()) return Refuse(std::move(status));
  }
  batch_begin_ = appended_;
  Evict();
  return Status();
}

// For what is unwritten.
Status SegmentedLog::TakeRoom() {
  if (options_.room == nullptr) return Status();
  uint64_t size_bytes = 0;
  for (auto chunk = recent_.rbegin(); chunk != recent_.rend() && !(*chunk)->written(); ++chunk) {
    size_bytes += (*chunk)->unwritten_bytes().size();
  }
  return options_.room->Take(size_bytes, loop_.Now());
}

void SegmentedLog::StartProbe() {
  home_.Assert();
  auto job = std::make_unique<LogProbe>();
  job->handle = handle_;
  job->files = &files_;
  if (!memory_only()) job->path = options_.dir + "/" + ProbeName();
  if (options_.room != nullptr) job->status = options_.room->Take(1, loop_.Now());
  pool_.Submit(std::move(job), &loop_, Lane::kBackground);
}

void SegmentedLog::OnProbed(const Status& status) {
  home_.Assert();
  listener_->OnLogProbed(status);
}

// Writes whole chunks, the oldest first, until `end` is among them.
Status SegmentedLog::WriteUpTo(Sequence end) {
  const Sequence written_before = written_;
  const size_t segments_before = segments_.size();
  const Segment* const newest = segments_.empty() ? nullptr : segments_.back().get();
  const uint64_t size_before = newest == nullptr ? 0 : newest->size_bytes;
  const Sequence end_before = newest == nullptr ? Sequence{} : newest->end;
  const size_t index_before = newest == nullptr ? 0 : newest->index.size();

  size_t next = recent_.size();
  while (next > 0 && !recent_[next - 1]->written()) --next;
  Status status;
  for (; status.ok() && next < recent_.size() && written_ < end; ++next) {
    status = WriteChunk(*recent_[next]);
  }
  if (status.ok()) {
    disk_full_ = false;
    return status;
  }

  // Whole records of a refused batch must go too: their publishers are told that it failed and
  // will send them again.
  while (segments_.size() > segments_before) {
    const Sequence first = segments_.back()->first;
    segments_.pop_back();
    const Status removed = files_.Remove(PathOf(first));
    // Left over, it is cut to nothing before it is used again.
    if (!removed.ok()) NSQ_LOG(kWarn, "LOG: ", removed.detail());
  }
  if (segments_before > 0) {
    Segment& old = *segments_.back();
    if (old.file && !old.sealed) {
      if (const Status undone = old.file->Truncate(size_before); !undone.ok()) {
        NSQ_LOG(kError, "LOG: cannot undo a partial write, sealing - ", undone.detail());
        old.sealed = true;
      }
    } else if (old.size_bytes > size_before) {
      // Sealed in this very batch: what it took of it is behind its end.
      NSQ_CHECK(old.sealed);
      if (!old.file || !old.file->Truncate(size_before).ok()) {
        NSQ_LOG(kError, "LOG(", PathOf(old.first), "): a refused batch stays behind the end");
      }
    }
    old.size_bytes = size_before;
    old.end = end_before;
    old.index.resize(index_before);
  }
  written_ = written_before;
  for (const auto& chunk : recent_) {
    if (chunk->end() <= written_before) continue;
    chunk->set_written_count(chunk->first() < written_before ? written_before - chunk->first() : 0);
  }
  return status;
}

Status SegmentedLog::WriteChunk(Chunk& chunk) {
  const Sequence first = chunk.first() + chunk.written_count();
  const std::span<const std::byte> bytes = chunk.unwritten_bytes();
  if (Status status = PrepareSegment(first); !status.ok()) return status;
  Segment& segment = *segments_.back();
  segment.Remember({first, segment.size_bytes});
  if (Status status = AppendToSegment(segment, bytes); !status.ok()) return status;
  segment.end = chunk.end();
  chunk.set_written_count(chunk.count());
  written_ = chunk.end();
  return Status();
}

Status SegmentedLog::AppendToSegment(Segment& segment, std::span<const std::byte> bytes) {
  const size_t size_bytes = bytes.size();
  while (!bytes.empty()) {
    const Result<size_t> n = segment.file->Append(bytes);
    if (!n.ok()) return n.status();
    bytes = bytes.subspan(*n);
  }
  segment.size_bytes += size_bytes;
  return Status();
}

bool SegmentedLog::IsFull(const Segment& segment) const {
  if (segment.size_bytes >= options_.segment_bytes) return true;
  return segment.size_bytes >= kSmallSegmentBytes &&
         std::max(released_, wanted_from_) >= segment.first + (segment.end - segment.first) / 2;
}

// Makes the newest segment one that `first` can be appended to.
Status SegmentedLog::PrepareSegment(Sequence first) {
  if (!segments_.empty()) {
    Segment& newest = *segments_.back();
    if (!newest.sealed && newest.end == first && !IsFull(newest)) {
      if (newest.file) return Status();
      Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(PathOf(newest.first));
      if (!file.ok()) return file.status();
      newest.file = std::move(*file);
      return Status();
    }
    if (newest.first == first) {
      segments_.pop_back();  // nothing in it: made again under the same name
    } else {
      newest.sealed = true;
      tidy_at_ = std::min(tidy_at_, newest.end);
      if (newest.end <= synced_) newest.file.reset();
    }
  }

  const std::string path = PathOf(first);
  Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(path);
  if (!file.ok()) return file.status();
  auto segment = std::make_unique<Segment>();
  segment->first = segment->end = first;
  segment->file = std::move(*file);
  segment->index.push_back({first, kSegmentHeaderBytes});
  segment->created = loop_.WallClock();
  std::array<std::byte, kSegmentHeaderBytes> header;
  SegmentHeader front;
  front.first = first;
  front.created = segment->created;
  EncodeSegmentHeader(front, header.data());
  // A file that could not be removed may have this name.
  Status status = segment->file->Truncate(0);
  if (status.ok()) status = AppendToSegment(*segment, header);
  if (!status.ok()) {
    const Status removed = files_.Remove(path);
    if (!removed.ok()) NSQ_LOG(kWarn, "LOG: ", removed.detail());
    return status;
  }
  segments_.push_back(std::move(segment));
  new_names_ = true;
  return Status();
}

Status SegmentedLog::Refuse(Status status) {
  DropBatch();
  disk_full_ = status.code() == Code::kExhausted;
  if (disk_full_) RemoveDeadSegments();
  return status;
}

void SegmentedLog::DropBatch() {
  recent_messages_ -= appended_ - batch_begin_;
  appended_ = batch_begin_;
  while (!recent_.empty() && recent_.back()->first() >= appended_) {
    Discharge(*recent_.back());
    recent_.pop_back();
  }
  if (!recent_.empty() && recent_.back()->end() > appended_) recent_.back()->TruncateTo(appended_);
}

Status SegmentedLog::WriteAll() {
  home_.Assert();
  if (memory_only()) return Status();
  const Status status = WriteUpTo(appended_);
  batch_begin_ = appended_;
  return status;
}

Status SegmentedLog::LinkTo(const std::string& dir, std::vector<std::string>* paths) {
  home_.Assert();
  if (Status status = WriteAll(); !status.ok()) return status;
  for (const auto& segment : segments_) {
    segment->sealed = true;
    tidy_at_ = std::min(tidy_at_, segment->end);
    const std::string path = dir + "/" + SegmentName(segment->first);
    if (Status status = files_.Link(PathOf(segment->first), path); !status.ok()) return status;
    paths->push_back(path);
  }
  return Status();
}

std::unique_ptr<SyncFiles> SegmentedLog::LastSync() {
  home_.Assert();
  return MakeSync();
}

Status SegmentedLog::Close() {
  if (Status status = WriteAll(); !status.ok()) return status;
  std::unique_ptr<SyncFiles> sync = LastSync();
  sync->Run();
  return FinishClose(std::move(sync));
}

Status SegmentedLog::FinishClose(std::unique_ptr<SyncFiles> done) {
  home_.Assert();
  if (done->status.ok()) synced_ = std::max(synced_, done->upto);
  for (const auto& segment : segments_) segment->file.reset();
  return done->status;
}

void SegmentedLog::SetDurability(Durability durability) {
  home_.Assert();
  durability_ = durability;
}

// --- syncing

void SegmentedLog::SyncWith(std::shared_ptr<SyncedFile> journal) {
  home_.Assert();
  journal_ = std::move(journal);
  if (journal_unsynced()) ArmTimer();
}

void SegmentedLog::StartSync() {
  home_.Assert();
  if (memory_only() || synced_ == written_) return;
  if (syncing_) {
    sync_again_ = true;
  } else {
    SubmitSync();
  }
}

// Only what somebody still wants is worth a sync; the caller of StartSync decides for kFsync.
void SegmentedLog::MaybeSync() {
  if (durability_ != Durability::kOs || syncing_) return;
  const Sequence from = std::max({synced_, released_, wanted_from_});
  if (written_ > from && written_ - from >= options_.sync_every) SubmitSync();
}

std::unique_ptr<SyncFiles> SegmentedLog::MakeSync() {
  auto job = std::make_unique<SyncFiles>();
  job->handle = handle_;
  job->files = &files_;
  job->upto = written_;
  job->place = written_place();
  for (auto at = segments_.rbegin(); at != segments_.rend() && (*at)->end > synced_; ++at) {
    if ((*at)->file) job->segments.push_back((*at)->file);
  }
  if (new_names_) job->dirs.push_back(options_.dir);
  new_names_ = false;
  if (journal_ && journal_->unsynced && journal_->file) {
    job->journal = journal_;
    job->journal_file = journal_->file;
    if (journal_->new_name && job->dirs.empty()) job->dirs.push_back(options_.dir);
    job->new_topic = journal_->new_dir;
    if (job->new_topic) job->dirs.push_back(ParentDir(options_.dir));
    journal_->unsynced = journal_->wanted = journal_->new_name = journal_->new_dir = false;
    journal_->lost = false;
  }
  return job;
}

void SegmentedLog::SubmitSync() {
  std::unique_ptr<SyncFiles> job = MakeSync();
  syncing_ = true;
  // At other levels the answers have been given.
  const Lane lane = durability_ == Durability::kFsync ? Lane::kAwaited : Lane::kBackground;
  pool_.Submit(std::move(job), &loop_, lane);
}

LogPlace SegmentedLog::written_place() const {
  home_.Assert();
  if (segments_.empty() || segments_.back()->sealed || segments_.back()->end != written_) return {};
  const Segment& newest = *segments_.back();
  return {newest.first, newest.end, newest.size_bytes};
}

LogPlace SegmentedLog::synced_place() const {
  home_.Assert();
  return synced_place_;
}

void SegmentedLog::OnSynced(const SyncFiles& done) {
  home_.Assert();
  if (options_.sync_duration != nullptr) options_.sync_duration->Add(done.took);
  if (done.journal && done.journal_file == done.journal->file) {
    if (done.journal_status.ok()) {
      done.journal->whole = true;
    } else {
      done.journal->failed = true;
    }
  } else if (done.journal && done.journal->lost && done.status.ok()) {
    // The journal was written anew meanwhile, twice since one was on the disk: the entries that
    // this sync was for are in the newest alone.
    sync_again_ = false;
    SubmitSync();
    return;
  }
  if (done.status.ok()) {
    syncing_ = false;
    synced_ = std::max(synced_, done.upto);
    if (done.place.offset > 0) synced_place_ = done.place;
    for (const auto& segment : segments_) {
      if (segment->sealed && segment->end <= synced_) segment->file.reset();
    }
    listener_->OnLogSynced(done.status, done.upto);
  } else {
    // The kernel may have dropped the pages and will not say so again: nothing in these files
    // counts as synced any more, and nothing is added to them.
    NSQ_LOG(kError, "LOG(", options_.dir, "): sync failed - ", done.status.detail());
    new_names_ = true;
    if (done.journal) done.journal->new_dir |= done.new_topic;
    for (const auto& segment : segments_) {
      if (segment->end <= synced_) continue;
      segment->sealed = segment->doubtful = true;
      segment->file.reset();
    }
    ArmTimer();  // whose tick writes them anew
    listener_->OnLogSynced(done.status, written_);
    synced_ = written_;
    syncing_ = false;
  }
  if (sync_again_ && synced_ < written_) SubmitSync();
  sync_again_ = false;
}

// --- releasing

void SegmentedLog::Release(Sequence sequence) {
  home_.Assert();
  sequence = std::min(sequence, batch_begin_);
  if (sequence <= released_) {
    if (journal_unsynced()) ArmTimer();
    return;
  }
  released_ = begin_ = sequence;
  plain_from_ = std::max(plain_from_, released_);
  if (durability_ == Durability::kMemory || memory_only()) {
    written_ = std::max(written_, released_);
  }
  if (durability_ != Durability::kFsync) synced_ = std::max(synced_, released_);

  while (recent_.size() > 1 && recent_.front()->end() <= released_) DropFront();
  if (!recent_.empty()) {
    Chunk& front = *recent_.front();
    if (front.end() <= released_ && recent_.front().use_count() == 1) {
      // The tail, all of it consumed: its memory is still in the processor's cache.
      recent_messages_ = 0;
      front.Restart(appended_);
    } else if (front.first() < released_) {
      const size_t count = std::min<size_t>(front.count(), released_ - front.first());
      front.set_written_count(std::max(front.written_count(), count));
    }
  }
  std::erase_if(cold_, [&](const std::shared_ptr<Chunk>& chunk) {
    home_.Assert();
    if (chunk->end() > released_) return false;
    if (chunk.use_count() > 1) {
      held_.push_back(chunk);
    } else {
      Discharge(*chunk);
    }
    return true;
  });
  const auto alive = std::find_if(gaps_.begin(), gaps_.end(),
                                  [&](const SequenceRange& gap) { return gap.end > sequence; });
  gaps_.erase(gaps_.begin(), alive);
  RemoveDeadSegments();
  used_ = true;
  ArmTimer();
}

void SegmentedLog::RemoveDeadSegments() {
  size_t dead = 0;
  while (dead < segments_.size() && segments_[dead]->end <= released_) {
    // One that can still be added to is kept while it is small, if there is room: most topics have
    // only that one.
    const Segment& segment = *segments_[dead];
    const bool open = dead + 1 == segments_.size() && !segment.sealed && segment.end == written_;
    if (open && !IsFull(segment) && !disk_full_) break;
    ++dead;
  }
  if (dead == 0) return;
  auto job = std::make_unique<RemoveSegments>();
  job->files = &files_;
  for (size_t i = 0; i < dead; ++i) job->paths.push_back(PathOf(segments_[i]->first));
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(dead));
  pool_.Submit(std::move(job), &loop_, Lane::kBackground);
}

// --- memory

void SegmentedLog::Charge(const Chunk& chunk) {
  memory_bytes_ += chunk.capacity_bytes();
  budget_->used_bytes += chunk.capacity_bytes();
}

void SegmentedLog::Discharge(const Chunk& chunk) {
  memory_bytes_ -= chunk.capacity_bytes();
  budget_->used_bytes -= chunk.capacity_bytes();
}

void SegmentedLog::DropFront() {
  std::shared_ptr<Chunk> chunk = std::move(recent_.front());
  recent_.pop_front();
  recent_messages_ -= chunk->count();
  // Kept to be used again once nobody reads it, unless it is of an unusual size or memory is short.
  if (chunk->capacity_bytes() == kLastChunkBytes && !budget_->over() &&
      spares_.size() < kMaxSpares) {
    spares_.push_back(std::move(chunk));
  } else {
    LetGo(std::move(chunk));
  }
}

void SegmentedLog::LetGo(std::shared_ptr<Chunk> chunk) {
  SweepHeld();
  if (chunk.use_count() > 1) {
    held_.push_back(std::move(chunk));
  } else {
    Discharge(*chunk);
  }
}

void SegmentedLog::SweepHeld() {
  std::erase_if(held_, [&](const std::shared_ptr<Chunk>& chunk) {
    home_.Assert();
    if (chunk.use_count() > 1) return false;
    Discharge(*chunk);
    return true;
  });
}

void SegmentedLog::Evict() {
  if (budget_->over()) FreeSpares();
  if (memory_only()) return;
  while (recent_.size() > 1 && recent_.front()->written() &&
         (recent_messages_ - recent_.front()->count() >= options_.memory_messages ||
          memory_bytes_ > kRecentBytes + spares_.size() * kLastChunkBytes || budget_->over())) {
    DropFront();
  }
}

void SegmentedLog::EvictCold(size_t keep) {
  while (cold_.size() > keep) {
    std::shared_ptr<Chunk> oldest = std::move(cold_.front());
    cold_.erase(cold_.begin());
    LetGo(std::move(oldest));
  }
}

// All is consumed and nobody holds a Record, but readers may still hold their last chunk.
void SegmentedLog::FreeMemory() {
  for (const auto& chunk : recent_) {
    Discharge(*chunk);
    chunk->Free();
  }
  recent_.clear();
  recent_messages_ = 0;
  FreeSpares();
  for (const auto& chunk : cold_) {
    Discharge(*chunk);
    chunk->Free();
  }
  cold_.clear();
  for (const auto& chunk : held_) {
    Discharge(*chunk);
    chunk->Free();
  }
  held_.clear();
  next_capacity_ = kFirstChunkBytes;
}

// Memory is short and nothing was published or finished for a while: what a file has is read back
// from there when somebody wants it, even by a reader that was in the midst of it.
void SegmentedLog::FreeWritten() {
  if (memory_only() || batch_begin_ != appended_) return;
  if (durability_ == Durability::kMemory && TakeRoom().ok()) {
    if (const Status status = WriteAll(); !status.ok()) NSQ_LOG(kWarn, "LOG: ", status.detail());
  }
  while (!recent_.empty() && recent_.front()->written()) {
    Chunk& front = *recent_.front();
    recent_messages_ -= front.count();
    Discharge(front);
    front.Free();
    recent_.pop_front();
  }
  if (recent_.empty()) FreeMemory();
}

void SegmentedLog::FreeSpares() {
  for (auto& chunk : spares_) LetGo(std::move(chunk));
  spares_.clear();
}

// --- housekeeping

bool SegmentedLog::journal_unsynced() const {
  return journal_ && journal_->unsynced && journal_->wanted && journal_->file;
}

void SegmentedLog::ArmTimer() {
  if (timer_ && timer_->armed()) return;
  if (!timer_) timer_ = std::make_unique<Timer>(loop_, [this] { OnTimer(); });
  timer_->ArmAfter(options_.sync_timeout > Duration(0) ? options_.sync_timeout : kDefaultTick);
}

void SegmentedLog::OnTimer() {
  home_.Assert();
  const bool idle = !used_;
  used_ = false;
  const bool unsynced = written_ > std::max(synced_, released_);
  if (!syncing_ && ((durability_ == Durability::kOs && unsynced) || journal_unsynced())) {
    SubmitSync();
  }
  if (reader_waits_ && reading_.empty()) {
    // A file could not be opened: perhaps it can now.
    reader_waits_ = false;
    listener_->OnLogReadable();
  }
  if (idle && !memory_only()) SealIfMostlyDead();
  TidyNow();
  if (budget_->over()) {
    Evict();
    EvictCold(0);
    if (idle) FreeWritten();
  }
  if (idle || budget_->over()) FreeSpares();
  SweepHeld();
  if (idle && released_ >= appended_) FreeMemory();
  if (idle && !syncing_ && !unsynced) {
    // The next write opens it again.
    if (!segments_.empty()) segments_.back()->file.reset();
    if (journal_ && !journal_->used && !journal_unsynced()) journal_->file.reset();
  }
  if (journal_) journal_->used = false;
  if (!idle || syncing_ || copying_ || copy_later_ || reader_waits_ || !recent_.empty() ||
      !cold_.empty() || !held_.empty()) {
    ArmTimer();
  }
}

}  // namespace nsq::nsqd
