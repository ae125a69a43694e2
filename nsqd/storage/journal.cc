#include "nsqd/storage/journal.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "common/check.h"
#include "common/log.h"
#include "common/strings.h"
#include "nsqd/storage/journal_format.h"
#include "nsqd/storage/journal_replay.h"
#include "nsqd/storage/synced_file.h"

namespace nsq::nsqd {
namespace {

constexpr uint64_t kLeastCompactionBytes = uint64_t{256} * 1024;
constexpr uint64_t kCompactionFactor = 4;
constexpr size_t kRangesPerEntry = 512;  // keeps an entry far below a frame's size

std::string OldName(const std::string& path) { return path + ".old"; }
std::string NewName(const std::string& path) { return path + ".tmp"; }
// No two of a process are the same: a topic may be deleted and made again while the pool is still
// at a rewrite of the first one's journal.
std::string NextName(const std::string& path) {
  static std::atomic<uint64_t> number = 0;
  return StrCat(path, ".next.", ++number);
}

Status AppendAll(AppendFile& file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const Result<size_t> n = file.Append(bytes);
    if (!n.ok()) return n.status();
    bytes = bytes.subspan(*n);
  }
  return Status();
}

Result<std::vector<std::byte>> ReadWhole(Files& files, const std::string& path) {
  const Result<std::unique_ptr<ReadFile>> file = files.OpenRead(path);
  if (!file.ok()) return file.status();
  const Result<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::vector<std::byte> bytes(static_cast<size_t>(*size));
  const Result<size_t> read = (*file)->ReadAt(0, bytes);
  if (!read.ok()) return read.status();
  bytes.resize(*read);
  return bytes;
}

// What reading a journal's bytes brought.
struct Replayed {
  Status status;  // kCorrupt: the header only
  bool old_version = false;
  bool whole = false;  // the snapshot at its front is there, all of it
  uint64_t snapshot_bytes = 0;
  uint64_t good_bytes = 0;
  uint64_t damaged = 0;
};

Replayed Replay(std::span<const std::byte> bytes, bool with_snapshot, JournalReplay* to) {
  Replayed result;
  uint16_t version = 0;
  result.status = DecodeJournalHeader(bytes, &version);
  if (result.status.code() == Code::kInvalid) return result;
  if (!result.status.ok()) ++result.damaged;
  result.old_version = result.status.ok() && version < kJournalVersion;
  const size_t header = std::min(bytes.size(), kJournalHeaderBytes);
  JournalFrames frames(bytes.subspan(header));
  uint64_t snapshot_frames = 0;
  while (const std::optional<JournalFrame> frame = frames.Next()) {
    if (frame->kind == FrameKind::kSnapshot) {
      ++snapshot_frames;
      result.snapshot_bytes = header + frames.good_bytes();
      if (!with_snapshot) continue;
    }
    if (with_snapshot && frames.damaged() > 0) to->Doubt();
    if (!to->Apply(frame->payload).ok()) ++result.damaged;
  }
  result.damaged += frames.damaged() + (frames.end_is_damaged() ? 1 : 0);
  result.good_bytes = header + frames.good_bytes();
  result.whole = snapshot_frames > 0 && to->snapshot_frames() == snapshot_frames;
  return result;
}

}  // namespace

Journal::Journal(Files& files, std::string path, const Home& home)
    : files_(files),
      path_(std::move(path)),
      home_(home),
      file_(std::make_shared<SyncedFile>()),
      batch_(std::make_unique<JournalEncoder>(FrameKind::kEntries)) {}

Journal::~Journal() = default;

// --- opening

Result<std::unique_ptr<Journal>> Journal::Open(Files& files, const std::string& path,
                                               const Home& home, Sequence first,
                                               TopicState* state) {
  home.Assert();
  std::unique_ptr<Journal> journal(new Journal(files, path, home));
  Result<TopicState> read = Read(files, path, first, journal.get());
  if (read.status().code() == Code::kNotFound) {
    // Died between the two renames of a compaction, or there is no such topic yet.
    const Status restored = files.Rename(OldName(path), path);
    if (restored.ok()) {
      read = Read(files, path, first, journal.get());
    } else {
      TopicState fresh;
      fresh.first = fresh.fanout = first;
      if (Status status = journal->Compact(fresh); !status.ok()) return status;
      read = std::move(fresh);
    }
  }
  if (!read.ok()) return read.status();
  *state = std::move(*read);
  return journal;
}

Result<JournalContents> ReadJournal(Files& files, const std::string& path, Sequence first) {
  const Result<std::vector<std::byte>> bytes = ReadWhole(files, path);
  if (!bytes.ok()) return bytes.status();
  JournalReplay replay(first);
  const Replayed result = Replay(*bytes, true, &replay);
  if (result.status.code() == Code::kInvalid) {
    return Status(Code::kInvalid, path + ": " + result.status.detail());
  }
  JournalContents contents;
  contents.whole = result.whole;
  contents.old_version = result.old_version;
  contents.size_bytes = bytes->size();
  contents.good_bytes = result.good_bytes;
  contents.snapshot_bytes = result.snapshot_bytes;
  contents.damaged = result.damaged;
  if (result.whole) {
    contents.state = replay.State();
    return contents;
  }
  // A power cut took the file before its front was synced, or its front is damaged: the one before
  // it has the same story up to there.
  const Result<std::vector<std::byte>> old = ReadWhole(files, OldName(path));
  JournalReplay both(first);
  if (old.ok() && Replay(*old, true, &both).whole) {
    contents.from_old = true;
    contents.damaged += Replay(*bytes, false, &both).damaged;
    contents.state = both.State();
  } else {
    ++contents.damaged;
    contents.state = replay.State();
  }
  return contents;
}

Result<TopicState> Journal::Read(Files& files, const std::string& path, Sequence first,
                                 Journal* journal) {
  journal->home_.Assert();
  Result<JournalContents> read = ReadJournal(files, path, first);
  if (!read.ok()) return read.status();
  // Nothing is added to a file of another version.
  journal->must_compact_ = read->old_version || !read->whole;
  journal->damaged_entries_ = read->damaged;
  journal->incomplete_ = read->damaged > 0;
  journal->size_bytes_ = read->good_bytes;
  journal->snapshot_bytes_ = read->snapshot_bytes;
  journal->file_->whole = read->whole;
  if (read->from_old) {
    NSQ_LOG(kWarn, "JOURNAL(", path, "): its front is damaged, going on from the one before");
  } else if (!read->whole) {
    NSQ_LOG(kError, "JOURNAL(", path, "): its front is damaged and there is none before it");
  }
  if (read->damaged > 0) {
    NSQ_LOG(kError, "JOURNAL(", path, "): ", read->damaged, " damaged entries skipped");
  }
  if (read->good_bytes < read->size_bytes) {
    NSQ_LOG(kInfo, "JOURNAL(", path, "): cutting a torn end of ",
            read->size_bytes - read->good_bytes, " bytes");
    if (Status status = journal->OpenFile(); !status.ok()) return status;
    if (Status status = journal->file_->file->Truncate(read->good_bytes); !status.ok()) {
      return status;
    }
  }
  if (journal->must_compact_) {
    // If the disk is full it is tried again at the next Write.
    if (const Status status = journal->Compact(read->state); !status.ok()) {
      NSQ_LOG(kWarn, "JOURNAL: ", status.detail());
    }
  }
  return std::move(read->state);
}

Status Journal::OpenFile() {
  if (file_->file) return Status();
  Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(path_);
  if (!file.ok()) return file.status();
  file_->file = std::move(*file);
  return Status();
}

// --- entries

void Journal::Begin(EntryType type, ChannelNumber number) {
  batch_->Begin(type);
  batch_->PutNumber(number);
}

void Journal::ChannelCreated(ChannelNumber number, std::string_view name, Sequence cursor) {
  home_.Assert();
  // In two frames: damage to one of them must not take the channel.
  for (const EntryType type : {EntryType::kChannelCreated, EntryType::kChannelAgain}) {
    Begin(type, number);
    batch_->PutSequence(cursor);
    batch_->PutText(name);
    batch_->EndFrame();
  }
  file_->wanted = true;
}

void Journal::ChannelDeleted(ChannelNumber number) {
  home_.Assert();
  Begin(EntryType::kChannelDeleted, number);
  file_->wanted = true;
}

void Journal::ChannelPaused(ChannelNumber number, bool paused) {
  home_.Assert();
  Begin(EntryType::kChannelPaused, number);
  batch_->PutNumber(paused ? 1 : 0);
  file_->wanted = true;
}

void Journal::TopicPaused(bool paused) {
  home_.Assert();
  batch_->Begin(EntryType::kTopicPaused);
  batch_->PutNumber(paused ? 1 : 0);
  file_->wanted = true;
}

void Journal::TopicDurability(std::optional<Durability> durability) {
  home_.Assert();
  batch_->Begin(EntryType::kDurability);
  batch_->PutNumber(durability ? static_cast<uint64_t>(*durability) + 1 : 0);
  file_->wanted = true;
}

void Journal::Flowing() {
  home_.Assert();
  batch_->Begin(EntryType::kFlowing);
}

void Journal::Stopped(Sequence fanout) {
  home_.Assert();
  batch_->Begin(EntryType::kStopped);
  batch_->PutSequence(fanout);
}

void Journal::Deferred(Sequence sequence, WallTime due) {
  home_.Assert();
  batch_->Begin(EntryType::kDeferred);
  batch_->PutSequence(sequence);
  batch_->PutTime(due);
}

void Journal::Gap(SequenceRange gap) {
  home_.Assert();
  if (gap.begin >= gap.end) return;
  batch_->Begin(EntryType::kGap);
  batch_->PutSequence(gap.begin);
  batch_->PutNumber(gap.end - gap.begin);
}

void Journal::Delivered(ChannelNumber number, Sequence cursor) {
  home_.Assert();
  Begin(EntryType::kDelivered, number);
  batch_->PutSequence(cursor);
}

void Journal::Redelivered(ChannelNumber number, Sequence sequence, uint16_t attempts) {
  home_.Assert();
  Begin(EntryType::kRedelivered, number);
  batch_->PutSequence(sequence);
  batch_->PutNumber(attempts);
}

void Journal::Requeued(ChannelNumber number, Sequence sequence, uint16_t attempts, WallTime due) {
  home_.Assert();
  Begin(EntryType::kRequeued, number);
  batch_->PutSequence(sequence);
  batch_->PutNumber(attempts);
  batch_->PutTime(due);
}

void Journal::Finished(ChannelNumber number, std::span<Sequence> sequences) {
  home_.Assert();
  if (!std::is_sorted(sequences.begin(), sequences.end())) {
    std::sort(sequences.begin(), sequences.end());
  }
  // Two passes over a piece: the entry begins with the number of its ranges.
  const auto run_end = [&](size_t from) {
    size_t end = from + 1;
    while (end < sequences.size() && sequences[end] <= sequences[end - 1] + 1) ++end;
    return end;
  };
  for (size_t from = 0; from < sequences.size();) {
    uint64_t ranges = 0;
    size_t to = from;
    while (to < sequences.size() && ranges < kRangesPerEntry) {
      to = run_end(to);
      ++ranges;
    }
    Begin(EntryType::kFinished, number);
    batch_->PutNumber(ranges);
    while (from < to) {
      const size_t end = run_end(from);
      batch_->PutSequence(sequences[from]);
      batch_->PutNumber(sequences[end - 1] - sequences[from]);
      from = end;
    }
  }
}

void Journal::Emptied(ChannelNumber number, Sequence end) {
  home_.Assert();
  Begin(EntryType::kEmptied, number);
  batch_->PutSequence(end);
}

void Journal::Synced(const LogPlace& place) {
  home_.Assert();
  batch_->Begin(EntryType::kSynced);
  batch_->PutSequence(place.segment);
  batch_->PutSequence(place.sequence);
  batch_->PutNumber(place.offset);
}

void Journal::CleanStop(Sequence next) {
  home_.Assert();
  batch_->Begin(EntryType::kCleanStop);
  batch_->PutSequence(next);
}

// --- writing

bool Journal::has_batch() const {
  home_.Assert();
  return !batch_->empty();
}

Status Journal::Write() {
  home_.Assert();
  batch_->EndFrame();
  if (must_compact_) {
    // The state that is going to be written has all this.
    batch_->Clear();
    kept_bytes_ = 0;
    return Status(Code::kExhausted, "write " + path_ + ": entries were lost, compact it first");
  }
  if (batch_->empty()) return Status();
  Status status = OpenFile();
  std::span<const std::byte> rest = batch_->bytes();
  while (status.ok() && !rest.empty()) {
    const Result<size_t> n = file_->file->Append(rest);
    status = n.status();
    if (n.ok()) rest = rest.subspan(*n);
  }
  if (status.ok()) {
    size_bytes_ += batch_->size_bytes();
    if (compacting_) since_.insert(since_.end(), batch_->bytes().begin(), batch_->bytes().end());
    batch_->Clear();
    kept_bytes_ = 0;
    file_->unsynced = file_->used = true;
    return status;
  }
  if (rest.size() < batch_->size_bytes() && !file_->file->Truncate(size_bytes_).ok()) {
    must_compact_ = true;
  }
  kept_bytes_ = batch_->size_bytes();
  if (kept_bytes_ > kMaxBatchBytes) must_compact_ = true;
  if (must_compact_) {
    batch_->Clear();
    kept_bytes_ = 0;
  }
  return status;
}

void Journal::DropBatch() {
  home_.Assert();
  batch_->TruncateTo(kept_bytes_);
}

Status Journal::Sync() {
  home_.Assert();
  if (!file_->unsynced) return Status();
  if (Status status = OpenFile(); !status.ok()) return status;
  Status status = file_->file->Sync();
  const std::string dir = ParentDir(path_);
  if (status.ok() && file_->new_name) status = files_.SyncDir(dir);
  if (status.ok() && file_->new_dir) status = files_.SyncDir(ParentDir(dir));
  if (!status.ok()) {
    file_->failed = true;
    return status;
  }
  file_->unsynced = file_->new_name = file_->new_dir = file_->wanted = false;
  file_->whole = true;
  return status;
}

std::shared_ptr<SyncedFile> Journal::synced_file() const { return file_; }

// --- compaction

bool Journal::WantsCompaction() const {
  home_.Assert();
  if (compacting_ && !must_compact_) return false;
  return must_compact_ || file_->failed ||
         size_bytes_ > std::max(kLeastCompactionBytes, kCompactionFactor * snapshot_bytes_);
}

Status Journal::Compact(const TopicState& state) {
  home_.Assert();
  const std::vector<std::byte> bytes = EncodeSnapshot(state);
  compacting_ = false;
  since_ = {};
  if (Status status = WriteSnapshot(bytes); !status.ok()) return status;
  size_bytes_ = snapshot_bytes_ = bytes.size();
  batch_->Clear();
  kept_bytes_ = 0;
  must_compact_ = false;
  return Status();
}

// No loop waits for a sync here: the file in place before this one is kept until this one is known
// to be on the disk, and Read goes back to it if a power cut comes first.
Status Journal::WriteSnapshot(const std::vector<std::byte>& bytes) {
  const std::string fresh = NewName(path_);
  Result<std::unique_ptr<AppendFile>> file = files_.OpenAppend(fresh);
  if (!file.ok()) return file.status();
  Status status = (*file)->Truncate(0);
  std::span<const std::byte> rest = bytes;
  while (status.ok() && !rest.empty()) {
    const Result<size_t> n = (*file)->Append(rest);
    status = n.status();
    if (n.ok()) rest = rest.subspan(*n);
  }
  if (!status.ok()) {
    if (const Status undone = files_.Remove(fresh); !undone.ok()) {
      NSQ_LOG(kWarn, "JOURNAL: ", undone.detail());
    }
    return status;
  }
  return PutInPlace(fresh, std::move(*file));
}

Status Journal::PutInPlace(const std::string& fresh, std::unique_ptr<AppendFile> file) {
  Status status;
  bool moved = false;
  if (file_->whole) {
    status = files_.Rename(path_, OldName(path_));
    moved = status.ok();
  }
  if (status.ok()) status = files_.Rename(fresh, path_);
  if (!status.ok()) {
    for (const Status& undone :
         {moved ? files_.Rename(OldName(path_), path_) : Status(), files_.Remove(fresh)}) {
      if (!undone.ok()) NSQ_LOG(kWarn, "JOURNAL: ", undone.detail());
    }
    return status;
  }
  // A sync of the file before is worth something only if that one was kept.
  file_->lost = !file_->whole;
  file_->file = std::move(file);
  file_->unsynced = file_->new_name = file_->wanted = file_->used = true;
  file_->whole = file_->failed = false;
  return status;
}

bool Journal::CanCompactLater() const {
  home_.Assert();
  return !must_compact_ && !file_->failed && !compacting_ && batch_->empty();
}

std::unique_ptr<JournalRewrite> Journal::BeginCompaction(TopicState state) {
  home_.Assert();
  NSQ_CHECK(CanCompactLater());
  compacting_ = true;
  since_.clear();
  auto rewrite = std::make_unique<JournalRewrite>();
  rewrite->files = &files_;
  rewrite->path = NextName(path_);
  rewrite->state = std::move(state);
  rewrite->number = ++rewrites_;
  return rewrite;
}

void JournalRewrite::Make() {
  for (ChannelState& channel : state.channels) {
    std::sort(channel.unfinished.begin(), channel.unfinished.end(),
              [](const Unfinished& a, const Unfinished& b) { return a.sequence < b.sequence; });
  }
  const std::vector<std::byte> bytes = EncodeSnapshot(state);
  state = {};
  size_bytes = bytes.size();
  Result<std::unique_ptr<AppendFile>> opened = files->OpenAppend(path);
  status = opened.status();
  if (!status.ok()) return;
  file = std::move(*opened);
  status = file->Truncate(0);
  if (status.ok()) status = AppendAll(*file, bytes);
}

Status Journal::EndCompaction(std::unique_ptr<JournalRewrite> done) {
  home_.Assert();
  const bool current = compacting_ && done->number == rewrites_;
  const bool lost = must_compact_ || file_->failed;  // since_ does not have it all
  Status status = done->status;
  if (current) {
    compacting_ = false;
    if (status.ok() && !lost) status = AppendAll(*done->file, since_);
  }
  if (!current || lost || !status.ok()) {
    since_ = {};
    const Status removed = files_.Remove(done->path);
    if (!removed.ok() && removed.code() != Code::kNotFound) {
      NSQ_LOG(kWarn, "JOURNAL: ", removed.detail());
    }
    return current && !lost ? status : Status();
  }
  status = PutInPlace(done->path, std::move(done->file));
  if (status.ok()) {
    snapshot_bytes_ = done->size_bytes;
    size_bytes_ = done->size_bytes + since_.size();
  }
  since_ = {};
  return status;
}

// --- figures

uint64_t Journal::size_bytes() const {
  home_.Assert();
  return size_bytes_;
}

bool Journal::incomplete() const {
  home_.Assert();
  return incomplete_;
}

uint64_t Journal::damaged_entries() const {
  home_.Assert();
  return damaged_entries_;
}

}  // namespace nsq::nsqd
