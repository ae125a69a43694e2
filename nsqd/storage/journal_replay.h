#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"
#include "nsqd/storage/journal.h"
#include "nsqd/storage/journal_format.h"
#include "nsqd/storage/sequence_set.h"

namespace nsq::nsqd {

// Applies the entries of a journal to a state; see Journal for what each means. Costs by runs of
// finished messages, not by messages.
//
// Home: its owner's.
class JournalReplay {
 public:
  // A topic that began at `first`, without channels, stopped.
  explicit JournalReplay(Sequence first);

  // Applies the entries of a frame's payload. kCorrupt: one of them makes no sense; it and what
  // comes after it are left out.
  Status Apply(std::span<const std::byte> payload);

  // Something before what is applied next could not be read: what it may have said is taken for
  // said if the rest hints at it, and what it may have called unfinished for unfinished.
  void Doubt() { doubts_ = true; }

  // The number that a kSnapshotEnd named; 0 before it.
  uint64_t snapshot_frames() const { return snapshot_frames_; }

  // How many messages State will list for the channels, those in gaps counted.
  uint64_t unfinished() const;
  TopicState State() const;

 private:
  struct Detail {
    uint16_t attempts;
    WallTime due;
  };
  struct Channel {
    std::string name;
    bool paused = false;
    Sequence cursor;
    SequenceSet unfinished;
    std::map<Sequence, Detail> details;  // of those whose attempts are not 1 or that are due later
    SequenceSet finished_ahead;          // deferred ones, finished before the cursor came by
  };

  bool ApplyEntry(EntryType type, JournalDecoder* from);
  bool ApplyChannelEntry(EntryType type, JournalDecoder* from);
  void Flow();
  void Deliver(Channel* channel, Sequence cursor);
  void Finish(Channel* channel, SequenceRange range);
  void Set(Channel* channel, Sequence sequence, uint16_t attempts, WallTime due);
  void AddGap(SequenceRange gap);

  Sequence first_;
  bool paused_ = false;
  bool flowing_ = false;
  Sequence fanout_;
  Sequence next_;
  bool clean_ = false;
  std::optional<Durability> durability_;
  LogPlace synced_;
  SequenceSet gaps_;
  std::map<Sequence, WallTime> held_;
  std::map<ChannelNumber, Channel> channels_;
  uint64_t snapshot_frames_ = 0;
  bool doubts_ = false;
};

}  // namespace nsq::nsqd
