#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/storage/journal.h"
#include "nsqd/storage/sequence.h"

// The bytes of a journal: a header, then frames of entries. FORMAT.md has an example and says how
// to change it.

namespace nsq::nsqd {

inline constexpr size_t kJournalHeaderBytes = 16;
// 1: without kDurability and kSynced; 2: without kChannelAgain
inline constexpr uint16_t kJournalVersion = 3;

// A frame: payload size (24 bits) and kind (8 bits), checksum of the payload (32), payload.
inline constexpr size_t kFrameHeaderBytes = 8;
inline constexpr size_t kMaxFrameBytes = size_t{64} * 1024;  // payload; bounds what damage takes

// Messages in one kUnfinished.
inline constexpr size_t kMaxUnfinishedRun = size_t{1} << 20;

enum class FrameKind : uint8_t {
  kEntries = 0xA5,
  kSnapshot = 0xA6,  // the state that a compaction wrote; all come before the first kEntries
};

enum class EntryType : uint8_t {
  kTopicBegan = 1,
  kChannelCreated = 2,
  kChannelDeleted = 3,
  kChannelPaused = 4,
  kTopicPaused = 5,
  kFlowing = 6,
  kStopped = 7,
  kDeferred = 8,
  kGap = 9,
  kDelivered = 10,
  kRedelivered = 11,
  kRequeued = 12,
  kFinished = 13,
  kEmptied = 14,
  kCleanStop = 15,
  kUnfinished = 16,   // snapshots only: a run with the same attempts and due
  kSnapshotEnd = 17,  // with the number of frames that the snapshot takes
  kDurability = 18,
  kSynced = 19,
  kChannelAgain = 20,
};

void EncodeJournalHeader(std::byte* to);
//   kCorrupt  not a header, or damaged: the frames are still good
//   kInvalid  a version that this program does not know
Status DecodeJournalHeader(std::span<const std::byte> bytes, uint16_t* version);

// Collects entries into frames. A number is written as its difference to the last one of its sort
// in the frame, so that every frame can be read without those before it.
//
// Home: its owner's.
class JournalEncoder {
 public:
  explicit JournalEncoder(FrameKind kind) : kind_(kind) {}

  // One entry: Begin, then its fields in the order of FORMAT.md.
  void Begin(EntryType type);
  void PutNumber(uint64_t number);
  void PutSequence(Sequence sequence);
  void PutTime(WallTime time);
  void PutText(std::string_view text);

  // Ends the frame that is being filled; the bytes are then whole frames.
  void EndFrame();

  std::span<const std::byte> bytes() const { return bytes_; }
  size_t size_bytes() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  size_t frames() const { return frames_; }
  void Clear();
  // Back to what `size_bytes` was right after an EndFrame.
  void TruncateTo(size_t size_bytes);

 private:
  static constexpr size_t kNoFrame = SIZE_MAX;

  FrameKind kind_;
  std::vector<std::byte> bytes_;
  size_t frame_at_ = kNoFrame;
  size_t frames_ = 0;
  uint64_t last_sequence_ = 0;
  int64_t last_time_ = 0;
};

// Reads the fields of a frame's entries; after one that is not there, ok() is false.
//
// Home: its owner's.
class JournalDecoder {
 public:
  explicit JournalDecoder(std::span<const std::byte> payload) : rest_(payload) {}

  bool AtEnd() const { return rest_.empty(); }
  bool ok() const { return ok_; }

  uint8_t TakeType();
  uint64_t TakeNumber();
  Sequence TakeSequence();
  WallTime TakeTime();
  std::string_view TakeText();

 private:
  std::span<const std::byte> rest_;
  bool ok_ = true;
  uint64_t last_sequence_ = 0;
  int64_t last_time_ = 0;
};

struct JournalFrame {
  FrameKind kind = FrameKind::kEntries;
  std::span<const std::byte> payload;
};

// Goes over the frames behind a journal's header; what is no frame is skipped up to the next one.
//
// Home: its owner's; `bytes` outlive it.
class JournalFrames {
 public:
  explicit JournalFrames(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::optional<JournalFrame> Next();

  // After Next gave nothing: where the last good frame ends, and how many stretches before that
  // were skipped.
  size_t good_bytes() const { return good_; }
  uint64_t damaged() const { return damaged_; }
  // Behind that there are bytes, and they are not just what a write that was cut short leaves: a
  // frame that lacks its end, or zeros. Then a frame that was whole once is among them.
  bool end_is_damaged() const;

 private:
  std::optional<JournalFrame> FrameAt(size_t at) const;

  std::span<const std::byte> bytes_;
  size_t good_ = 0;
  uint64_t damaged_ = 0;
};

// What a compaction writes: header and snapshot.
std::vector<std::byte> EncodeSnapshot(const TopicState& state);

}  // namespace nsq::nsqd
