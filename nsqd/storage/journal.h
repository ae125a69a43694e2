#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/home.h"
#include "common/status.h"
#include "common/time.h"
#include "nsqd/storage/durability.h"
#include "nsqd/storage/files.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

enum class EntryType : uint8_t;
class JournalEncoder;
struct SyncedFile;

// A message that was delivered or deferred and is not finished.
struct Unfinished {
  Sequence sequence;
  uint16_t attempts = 0;  // deliveries so far
  WallTime due;           // not before this; the epoch: at once

  friend bool operator==(const Unfinished&, const Unfinished&) = default;
};

// Names a channel within its topic's journal; never used twice in one journal.
using ChannelNumber = uint32_t;

// A channel as the journal has it. Everything below `cursor` is finished but for `unfinished`;
// everything from `cursor` on has never been delivered, but for what `unfinished` names there
// (deferred publishes, which wait beside the log).
struct ChannelState {
  ChannelNumber number = 0;
  std::string name;
  bool paused = false;
  Sequence cursor;
  std::vector<Unfinished> unfinished;  // by sequence

  friend bool operator==(const ChannelState&, const ChannelState&) = default;
};

// A topic as the journal has it; also what a compaction writes.
struct TopicState {
  Sequence first;  // where its log began
  bool paused = false;
  bool flowing = false;  // messages go to the channels as they come
  Sequence fanout;       // if not flowing: what lies from here on has not been given to channels
  Sequence next;         // if not null: the log's next sequence at a clean stop
  bool clean = false;    // it was stopped cleanly and nothing was written since
  std::optional<Durability> durability;  // nothing: the daemon's
  LogPlace synced;                       // see LogOptions::synced
  std::vector<SequenceRange> gaps;
  std::vector<Unfinished> held;        // deferred publishes from `fanout` on, if not flowing
  std::vector<ChannelState> channels;  // by number

  friend bool operator==(const TopicState&, const TopicState&) = default;
};

// What a journal's file says, and in what shape it is.
struct JournalContents {
  TopicState state;
  bool whole = false;     // its snapshot is there
  bool from_old = false;  // it is not, and the one before it was read first
  bool old_version = false;
  uint64_t size_bytes = 0;
  uint64_t good_bytes = 0;  // the rest is a torn end
  uint64_t snapshot_bytes = 0;
  uint64_t damaged = 0;  // stretches and entries that were skipped
};

// Reads the journal at `path`, with the one before it if need be; changes nothing. `first`: where
// the log begins if the journal does not say so.
//   kNotFound  there is none
//   kInvalid   a version that this program does not know
Result<JournalContents> ReadJournal(Files& files, const std::string& path, Sequence first);

// A compaction whose work is done elsewhere than on the loop, for a state with a lot unfinished.
//
// Home: the journal's loop, but for Make: any thread.
struct JournalRewrite {
  // Sorts the state, writes the file under a name of its own.
  void Make();

  Files* files = nullptr;
  std::string path;
  TopicState state;  // what is unfinished in any order
  uint64_t number = 0;

  Status status;
  std::unique_ptr<AppendFile> file;
  uint64_t size_bytes = 0;
};

// What happened to a topic and its channels, so that after a crash everything unfinished comes back
// (with its attempts and its due time) and almost nothing finished does. Messages are in the log;
// here are only numbers. FORMAT.md has the layout.
//
// Home: the topic's loop.
// Owns: the file. Entries collect in a batch, Write appends it in one system call a turn.
// When the file has grown to several times what a fresh one would take, the topic gives its state
// and the file is written anew (WantsCompaction, Compact).
class Journal {
 public:
  // Of entries that a disk does not take; more than any turn makes.
  static constexpr size_t kMaxBatchBytes = size_t{4} << 20;

  // Opens or makes `path` and reads it into `*state`. A torn or damaged end is cut off, a damaged
  // entry before it is skipped and counted; `first` is used for a new one. Reads files: for
  // start-up and topic creation.
  static Result<std::unique_ptr<Journal>> Open(Files& files, const std::string& path,
                                               const Home& home, Sequence first, TopicState* state);
  ~Journal();

  // --- entries: into this turn's batch; no system call, no failure

  void ChannelCreated(ChannelNumber number, std::string_view name, Sequence cursor);
  void ChannelDeleted(ChannelNumber number);
  void ChannelPaused(ChannelNumber number, bool paused);
  void TopicPaused(bool paused);
  void TopicDurability(std::optional<Durability> durability);
  // Messages go to channels as they come, or stop at `fanout`.
  void Flowing();
  void Stopped(Sequence fanout);
  // A publish that is deferred; it is its log record's sequence. To be written before the record.
  void Deferred(Sequence sequence, WallTime due);
  void Gap(SequenceRange gap);

  // Everything below `cursor` has been delivered once, or passed over. A deferred publish that was
  // finished before the cursor came by is named by Finished again when it does: a compaction in
  // between has forgotten it.
  void Delivered(ChannelNumber number, Sequence cursor);
  // An unfinished message goes out again, now with `attempts`.
  void Redelivered(ChannelNumber number, Sequence sequence, uint16_t attempts);
  void Requeued(ChannelNumber number, Sequence sequence, uint16_t attempts, WallTime due);
  // Sorts `sequences`, which may come in any order; neighbours become one range.
  void Finished(ChannelNumber number, std::span<Sequence> sequences);
  // Everything below `end` is finished, whatever its state.
  void Emptied(ChannelNumber number, Sequence end);
  // The newest segment is on the disk up to there.
  void Synced(const LogPlace& place);
  // A clean stop; the log's next sequence will be `next`.
  void CleanStop(Sequence next);

  // --- writing

  bool has_batch() const;

  // Appends the batch. On an error it is kept for the next Write (bounded: when it outgrows
  // kMaxBatchBytes it is dropped and the next Write that can be made is a compaction).
  Status Write();

  // Entries of this turn that must not be written: their publishes were refused.
  void DropBatch();

  // Waits for the disk: for a clean stop. Otherwise the log's syncs take care of the journal.
  Status Sync();
  std::shared_ptr<SyncedFile> synced_file() const;

  bool WantsCompaction() const;
  // Writes a new file that says `state`, in place of the old one. On an error the old one stays.
  Status Compact(const TopicState& state);

  // The same in three steps: what is written meanwhile goes to the old file and, at the end, to the
  // new one too. Not while CanCompactLater says no: then the old file is bad, or one is under way.
  // A Compact or a lost batch in between makes EndCompaction drop what it is given.
  bool CanCompactLater() const;
  std::unique_ptr<JournalRewrite> BeginCompaction(TopicState state);
  Status EndCompaction(std::unique_ptr<JournalRewrite> done);

  uint64_t size_bytes() const;
  uint64_t damaged_entries() const;
  // Whether it was opened with damage: there may have been more than it says.
  bool incomplete() const;

 private:
  Journal(Files& files, std::string path, const Home& home);

  static Result<TopicState> Read(Files& files, const std::string& path, Sequence first,
                                 Journal* journal);
  void Begin(EntryType type, ChannelNumber number) NSQ_REQUIRES(home_);
  Status OpenFile() NSQ_REQUIRES(home_);
  Status WriteSnapshot(const std::vector<std::byte>& bytes) NSQ_REQUIRES(home_);
  Status PutInPlace(const std::string& fresh, std::unique_ptr<AppendFile> file) NSQ_REQUIRES(home_);

  Files& files_;
  const std::string path_;
  const Home& home_;
  const std::shared_ptr<SyncedFile> file_;
  std::unique_ptr<JournalEncoder> batch_ NSQ_GUARDED_BY(home_);
  size_t kept_bytes_ NSQ_GUARDED_BY(home_) = 0;  // of the batch: from Writes that failed
  uint64_t size_bytes_ NSQ_GUARDED_BY(home_) = 0;
  uint64_t snapshot_bytes_ NSQ_GUARDED_BY(home_) = 0;  // that the file began with
  uint64_t damaged_entries_ NSQ_GUARDED_BY(home_) = 0;
  bool incomplete_ NSQ_GUARDED_BY(home_) = false;
  bool compacting_ NSQ_GUARDED_BY(home_) = false;  // between Begin- and EndCompaction
  uint64_t rewrites_ NSQ_GUARDED_BY(home_) = 0;
  std::vector<std::byte> since_ NSQ_GUARDED_BY(home_);  // written since BeginCompaction
  bool must_compact_ NSQ_GUARDED_BY(home_) =
      false;  // entries were dropped, or the file's end is bad
};

}  // namespace nsq::nsqd
