#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/storage/files.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// The front of a segment file; FORMAT.md has the layout and says how to change it.
inline constexpr size_t kSegmentHeaderBytes = 64;
inline constexpr uint16_t kSegmentVersion = 1;

struct SegmentHeader {
  Sequence first;
  uint64_t epoch = 0;  // for replication: which leader wrote it
  WallTime created = {};
  // Made of what was still wanted of [first, end): its sequences have holes. It was whole and
  // synced before it got its name.
  bool sparse = false;
  Sequence end = {};      // sparse only
  uint64_t messages = 0;  // sparse only
};

void EncodeSegmentHeader(const SegmentHeader& header, std::byte* to);

//   kCorrupt  not a header, or damaged: the file's name and its records are still good
//   kInvalid  a version that this program does not know
Status DecodeSegmentHeader(std::span<const std::byte> bytes, SegmentHeader* header);

// "00001737331200000000.log"
std::string SegmentName(Sequence first);
std::optional<Sequence> ParseSegmentName(std::string_view name);

// What a copy is called until it is whole: "00001737331200000000.copy".
std::string CopyName(Sequence first);
bool IsCopyName(std::string_view name);

// A file that was only made to see whether that is possible.
std::string ProbeName();

// Where what is damaged in a segment is set aside: "00001737331200000000.damaged".
std::string DamagedName(Sequence first);

// A file of a log. Home: its log's; a value.
struct Segment {
  struct IndexEntry {
    Sequence sequence;
    uint64_t offset;  // of that sequence's record, or of where it would be
  };

  Sequence first;
  Sequence end;             // nothing from here on is in it; it may have ended earlier
  uint64_t size_bytes = 0;  // what is good of the file
  bool sealed = false;      // never written again
  WallTime created;         // its messages are not older; the zero time if that is not known
  bool sparse = false;      // see SegmentHeader
  uint64_t messages = 0;    // sparse only

  // For copying what is wanted out of it.
  std::optional<SteadyTime> passed_at;  // when every channel was first seen to be past it
  bool copying = false;
  bool doubtful = false;  // a sync of it failed: what the kernel still has is written anew

  // Some places to begin reading at, by sequence; the first is the first record's.
  std::vector<IndexEntry> index;
  std::vector<uint64_t> damaged_offsets;  // counted and set aside already

  // While it is written, and until it is synced.
  std::shared_ptr<AppendFile> file;

  // The last entry at or before `s`, which is not below `first`.
  const IndexEntry& Floor(Sequence s) const;
  // Keeps the entry unless there is one close by.
  void Remember(IndexEntry entry);
};

}  // namespace nsq::nsqd
