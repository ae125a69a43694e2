#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/event/home.h"
#include "common/status.h"
#include "nsqd/storage/durability.h"
#include "nsqd/storage/files.h"
#include "nsqd/storage/record.h"
#include "nsqd/storage/sequence.h"

namespace nsq::metrics {
class Histogram;
}
namespace nsq {
class EventLoop;
class HelperPool;
class Timer;
}  // namespace nsq

namespace nsq::nsqd {

class Chunk;
class DiskRoom;
struct ColdRead;
struct CopySegments;
struct DamagedStretch;
struct LogHandle;
struct Segment;
struct SegmentCopy;
struct SyncedFile;
struct SyncFiles;

// What all logs of one loop may hold in memory together. Home: the loop.
struct MemoryBudget {
  size_t limit_bytes = 0;
  size_t used_bytes = 0;

  bool over() const { return used_bytes > limit_bytes; }
};

struct LogOptions {
  std::string dir;  // empty: memory only (#ephemeral)
  Durability durability = Durability::kOs;
  uint64_t segment_bytes = 100 << 20;  // --max-bytes-per-file: a segment is sealed past this
  uint64_t memory_messages = 10000;    // --mem-queue-size: kept in memory beyond what is needed
  uint64_t sync_every = 2500;          // --sync-every, messages; kOs only
  Duration sync_timeout = seconds(2);  // --sync-timeout
  // What is wanted of a segment that every channel has passed is copied out of it after so long:
  // most of what is in flight is finished by then.
  Duration copy_after = seconds(5);
  DiskRoom* room = nullptr;  // the loop's; null: as much as the disk takes
  // A place up to which the newest segment was synced once: at a start it is checked from there.
  // Believed only if the file bears it out.
  LogPlace synced;
  // To count how long each sync took, on the log's home; may be null.
  metrics::Histogram* sync_duration = nullptr;
};

// What a log found wrong, since it was opened.
struct LogDamage {
  uint64_t records = 0;  // skipped because of a bad checksum or size
  uint64_t bytes = 0;
};

// Where a reader is: keeps the piece of the log it reads in memory while it does. A value.
class LogReader {
 public:
  LogReader() = default;
  void Reset() { chunk_.reset(); }

 private:
  friend class SegmentedLog;
  std::shared_ptr<const Chunk> chunk_;
};

// A topic's messages: an append-only series of segment files and, in memory, its newest part and
// whatever is being read. A message is written once, whatever the number of channels.
//
//    released <= ... <= synced <= written <= appended = the next sequence
//
// Home: the topic's loop.
// Owns: the segment files in its directory and the chunks of memory that hold their contents.
// Cost: Append is one copy and one checksum; Write one system call; Read of what is in memory two
// loads and a compare.
class SegmentedLog {
 public:
  // Told on the home, never from inside a call.
  class Listener {
   public:
    virtual ~Listener() = default;
    // A read that was kPending may succeed now.
    virtual void OnLogReadable() = 0;
    // synced() moved, or the sync failed: then what lies between synced() and `upto` is not known
    // to be on the disk, its publishers must hear so, and the log goes on in a new segment.
    virtual void OnLogSynced(const Status& status, Sequence upto) = 0;
    // What StartProbe has found.
    virtual void OnLogProbed(const Status&) {}

    // What is still wanted, asked from inside Release, Tidy and the log's timer: everything from
    // WantedFrom on, and below that what the other two say. Messages only ever cease to be wanted.
    virtual Sequence WantedFrom() const { return Sequence{}; }
    virtual uint64_t CountWanted(SequenceRange range) const { return range.end - range.begin; }
    virtual void ListWanted(SequenceRange range, std::vector<Sequence>* to) const;  // in order
  };

  // `loop`, `pool`, `files`, `budget` and `listener` outlive the log. A log that is not there yet
  // begins at `first`; its directory must be there, its files are made when first written. One
  // that is there is recovered: the newest segment is checked and a torn end cut off; `first` is
  // used only if no segment is left. Reads files: for start-up and topic creation.
  static Result<std::unique_ptr<SegmentedLog>> Open(EventLoop& loop, HelperPool& pool, Files& files,
                                                    MemoryBudget* budget, const LogOptions& options,
                                                    Sequence first, Listener* listener);
  ~SegmentedLog();

  // --- writing

  // Copies a message into this turn's batch and gives it the next sequence.
  Sequence Append(WallTime timestamp, WallTime deliver_at, std::string_view body);

  // Writes the batch, in one write if the kernel takes it whole. With kMemory, and for memory only,
  // this may be nothing.
  //   kOk         written() == appended()
  //   kExhausted  disk or quota full    } the batch is dropped, appended() is back at written():
  //   kIo         any other error       } its publishers get an error. Go on appending.
  // A partial write that cannot be undone seals the segment; the log goes on in a new one.
  Status Write();

  // Tries whether the disk takes and syncs something now: for one who was refused and has nothing
  // to write. Makes and removes a small file, on the pool; OnLogProbed follows.
  void StartProbe();

  // Asks for everything written to be synced, in the background; OnLogSynced follows. Calls while
  // one is under way are one more afterwards (group commit). Does nothing if synced() == written().
  void StartSync();

  // From now on a sync makes the journal's file last as well, and first: a deferred publish needs
  // its entry there. OpenTopic ties the two.
  void SyncWith(std::shared_ptr<SyncedFile> journal);

  // For a clean stop, in three steps, so that many topics can wait for the disk together: writes
  // what is unwritten (kMemory); gives what must be synced, the journal's file too, to be Run on
  // any thread; takes it back. Close is all three. Only destruction may follow.
  Status WriteAll();
  std::unique_ptr<SyncFiles> LastSync();
  Status FinishClose(std::unique_ptr<SyncFiles> done);
  Status Close();

  Sequence appended() const;  // the next sequence
  Sequence written() const;
  Sequence synced() const;
  // Where the newest segment ends that is written, and up to where it is known to be on the disk.
  LogPlace written_place() const;
  LogPlace synced_place() const;

  // Of what is appended from now on. Nothing may be unanswered.
  void SetDurability(Durability durability);

  // Begins again at `next` > appended(); what lies between is a gap. Nothing may be unwritten.
  void JumpTo(Sequence next);

  // --- reading

  enum class Outcome {
    kReady,    // *record is valid until the next Read with the same reader
    kPending,  // being read from the disk: OnLogReadable will say when to try again
    kGone,     // damaged, released or in a gap: there is no such message any more
  };
  Outcome Read(Sequence sequence, LogReader* reader, Record* record);

  // Messages in [from, to): the difference less the gaps.
  uint64_t CountBetween(Sequence from, Sequence to) const;

  // [begin, end) holds no messages (a topic was emptied, a jump, damage). Kept in memory while the
  // log reaches that far back; the journal makes it last.
  void AddGap(SequenceRange gap);
  const std::vector<SequenceRange>& gaps() const;

  // Nobody needs anything below `sequence` any more: its memory is freed at once, its segments are
  // removed when they are whole below. The sequence only grows.
  void Release(Sequence sequence);

  // Removes the segments in which nothing is wanted any more, wherever they lie, and copies what
  // is wanted of mostly dead ones together, in the background: one message that is due in a month
  // must not keep all that came after it. Cheap unless there is something to do: call it once a
  // turn in which something was finished.
  void Tidy();

  // The first sequence that may still be there.
  Sequence begin() const;

  // --- figures, for statistics and tests

  LogDamage damage() const;
  size_t memory_bytes() const;
  uint64_t memory_messages() const;
  uint64_t disk_bytes() const;
  size_t segments() const;

  // Messages in [from, written()) that are not in memory: "backend depth".
  uint64_t CountOnDisk(Sequence from) const;

  // When that message was published if it is in memory; else a time before that, which its segment
  // tells, or the zero time.
  WallTime NotBefore(Sequence sequence) const;

  // Gives every segment a second name in `dir`, which is there, and goes on in a new one. What is
  // unwritten (kMemory) is written first. Appends the names to `paths`.
  Status LinkTo(const std::string& dir, std::vector<std::string>* paths);

 private:
  // They come back through OnColdRead, OnSynced, OnProbed and OnCopied.
  friend struct ColdRead;
  friend struct SyncFiles;
  friend struct LogProbe;
  friend struct CopySegments;

  // A read of the disk that is under way.
  struct Reading {
    Sequence segment;
    uint64_t offset;
  };

  SegmentedLog(EventLoop& loop, HelperPool& pool, Files& files, MemoryBudget* budget,
               const LogOptions& options, Sequence first, Listener* listener);

  bool memory_only() const { return options_.dir.empty(); }
  std::string PathOf(Sequence segment) const;

  // recovery
  Status Recover();
  Result<std::unique_ptr<Segment>> CheckFile(Sequence first) NSQ_REQUIRES(home_);
  Status FindSegments() NSQ_REQUIRES(home_);
  Status RecoverNewest() NSQ_REQUIRES(home_);
  Status CutTornEnd(Segment& segment, uint64_t offset) NSQ_REQUIRES(home_);
  void CountDamage(Segment& segment, const DamagedStretch& damage) NSQ_REQUIRES(home_);

  // writing
  Chunk& RoomFor(size_t size_bytes) NSQ_REQUIRES(home_);
  Status TakeRoom() NSQ_REQUIRES(home_);
  Status WriteUpTo(Sequence end) NSQ_REQUIRES(home_);
  Status WriteChunk(Chunk& chunk) NSQ_REQUIRES(home_);
  Status PrepareSegment(Sequence first) NSQ_REQUIRES(home_);
  Status AppendToSegment(Segment& segment, std::span<const std::byte> bytes) NSQ_REQUIRES(home_);
  Status Refuse(Status status) NSQ_REQUIRES(home_);
  void DropBatch() NSQ_REQUIRES(home_);
  bool IsFull(const Segment& segment) const NSQ_REQUIRES(home_);

  // syncing
  std::unique_ptr<SyncFiles> MakeSync() NSQ_REQUIRES(home_);
  void SubmitSync() NSQ_REQUIRES(home_);
  void OnSynced(const SyncFiles& done);
  void OnProbed(const Status& status);
  void MaybeSync() NSQ_REQUIRES(home_);
  bool journal_unsynced() const NSQ_REQUIRES(home_);

  // reading
  Outcome ReadSlowly(Sequence sequence, LogReader* reader, Record* record) NSQ_REQUIRES(home_);
  std::shared_ptr<Chunk> FindInMemory(Sequence sequence) const NSQ_REQUIRES(home_);
  std::shared_ptr<Chunk> FindCold(Sequence sequence) NSQ_REQUIRES(home_);
  Segment* SegmentOf(Sequence sequence) NSQ_REQUIRES(home_);
  Sequence NextAfter(Sequence sequence) const NSQ_REQUIRES(home_);
  bool StartRead(Sequence sequence) NSQ_REQUIRES(home_);
  void ReadAhead(Sequence sequence) NSQ_REQUIRES(home_);
  void OnColdRead(ColdRead& done);
  bool InGap(Sequence sequence) const NSQ_REQUIRES(home_);

  // tidying
  void TidyNow() NSQ_REQUIRES(home_);
  bool IsDead(const Segment& segment) const NSQ_REQUIRES(home_);
  void SealIfMostlyDead() NSQ_REQUIRES(home_);
  void StartCopy() NSQ_REQUIRES(home_);
  void SubmitCopy(size_t from, size_t to, bool everything) NSQ_REQUIRES(home_);
  void OnCopied(std::unique_ptr<SegmentCopy> done);
  void FinishCopy() NSQ_REQUIRES(home_);
  Status PutCopyInPlace(const SegmentCopy& done) NSQ_REQUIRES(home_);

  // memory
  void Charge(const Chunk& chunk) NSQ_REQUIRES(home_);
  void Discharge(const Chunk& chunk) NSQ_REQUIRES(home_);
  void DropFront() NSQ_REQUIRES(home_);
  void Evict() NSQ_REQUIRES(home_);
  void LetGo(std::shared_ptr<Chunk> chunk) NSQ_REQUIRES(home_);
  void SweepHeld() NSQ_REQUIRES(home_);
  void FreeMemory() NSQ_REQUIRES(home_);
  void FreeWritten() NSQ_REQUIRES(home_);
  void FreeSpares() NSQ_REQUIRES(home_);
  void EvictCold(size_t keep) NSQ_REQUIRES(home_);
  void RemoveDeadSegments() NSQ_REQUIRES(home_);
  Sequence memory_begin() const NSQ_REQUIRES(home_);

  // housekeeping
  void ArmTimer() NSQ_REQUIRES(home_);
  void OnTimer();

  EventLoop& loop_;
  const Home& home_;
  HelperPool& pool_;
  Files& files_;
  MemoryBudget* const budget_;
  const LogOptions options_;
  Listener* const listener_;
  const std::shared_ptr<LogHandle> handle_;

  Sequence begin_ NSQ_GUARDED_BY(home_);     // nothing below is there
  Sequence released_ NSQ_GUARDED_BY(home_);  // nothing below is wanted
  Sequence appended_ NSQ_GUARDED_BY(home_);
  Sequence batch_begin_ NSQ_GUARDED_BY(home_);  // what Write drops if it fails
  Sequence written_ NSQ_GUARDED_BY(home_);
  Sequence synced_ NSQ_GUARDED_BY(home_);
  Sequence plain_from_ NSQ_GUARDED_BY(home_);  // no gap and nothing released from here on
  std::vector<SequenceRange> gaps_ NSQ_GUARDED_BY(home_);  // sorted, none touching the next

  // The newest part of the log, and what is unwritten. Consecutive but for jumps.
  std::deque<std::shared_ptr<Chunk>> recent_ NSQ_GUARDED_BY(home_);
  size_t recent_messages_ NSQ_GUARDED_BY(home_) = 0;
  // Kept for the next ones to be made: fresh memory costs more than what is written to it.
  std::vector<std::shared_ptr<Chunk>> spares_ NSQ_GUARDED_BY(home_);
  size_t next_capacity_ NSQ_GUARDED_BY(home_);
  // What was read from the disk, most recently used last.
  std::vector<std::shared_ptr<Chunk>> cold_ NSQ_GUARDED_BY(home_);
  // Of neither any more, but some reader is still in it: it takes memory until that one moves on.
  std::vector<std::shared_ptr<Chunk>> held_ NSQ_GUARDED_BY(home_);
  size_t memory_bytes_ NSQ_GUARDED_BY(home_) = 0;

  std::vector<std::unique_ptr<Segment>> segments_ NSQ_GUARDED_BY(home_);  // by first sequence
  bool disk_full_ NSQ_GUARDED_BY(home_) = false;                          // when last written to
  std::vector<Reading> reading_ NSQ_GUARDED_BY(home_);
  bool reader_waits_ NSQ_GUARDED_BY(home_) = false;

  Sequence wanted_from_ NSQ_GUARDED_BY(home_);  // as the listener last said
  LogPlace synced_place_ NSQ_GUARDED_BY(home_);
  Durability durability_ NSQ_GUARDED_BY(home_);

  Sequence tidy_at_ NSQ_GUARDED_BY(home_);  // when wanted_from_ comes here a segment is passed
  bool copying_ NSQ_GUARDED_BY(home_) = false;
  bool copy_later_ NSQ_GUARDED_BY(home_) = false;  // there is something, but not yet
  SteadyTime no_copy_before_ NSQ_GUARDED_BY(home_);
  std::unique_ptr<SegmentCopy> copied_ NSQ_GUARDED_BY(home_);  // waits for reads of its sources

  LogDamage damage_ NSQ_GUARDED_BY(home_);

  std::shared_ptr<SyncedFile> journal_ NSQ_GUARDED_BY(home_);
  bool syncing_ NSQ_GUARDED_BY(home_) = false;
  bool sync_again_ NSQ_GUARDED_BY(home_) = false;
  bool new_names_ NSQ_GUARDED_BY(home_) = false;  // in the directory, not synced yet

  std::unique_ptr<Timer> timer_ NSQ_GUARDED_BY(home_);  // made when first needed
  bool used_ NSQ_GUARDED_BY(home_) = false;             // since the timer last looked
};

}  // namespace nsq::nsqd
