#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/event/helper_pool.h"
#include "nsqd/storage/disk_probe.h"
#include "nsqd/storage/files.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/segment_scanner.h"
#include "nsqd/storage/synced_file.h"

// What a log has done on the helper pool.

namespace nsq::nsqd {

class SegmentedLog;

// How a job that comes back finds its log, or that it is gone. Home: the log's loop.
struct LogHandle {
  SegmentedLog* log;
};

// Reads the block of a segment that holds `target`.
struct ColdRead : Job {
  void Run() noexcept override;
  void Open() noexcept override;

  // in
  std::shared_ptr<LogHandle> handle;
  Files* files;
  std::string dir;
  Sequence segment;
  Segment::IndexEntry from;
  Sequence target;
  SegmentScanner::Limits limits;

  // out
  Status status;                           // of opening the file
  std::vector<Segment::IndexEntry> index;  // places that were passed
  std::vector<SequenceRange> gaps;         // no message there
  std::vector<DamagedStretch> damage;      // why; set aside already
  std::shared_ptr<Chunk> chunk;            // null: `target` is in a gap
};

// Makes what was written survive a power cut: the journal first, because a deferred publish needs
// its entry there when its record is there.
struct SyncFiles : Job {
  void Run() noexcept override;
  void Open() noexcept override;

  // in
  std::shared_ptr<LogHandle> handle;
  Files* files;
  std::vector<std::string> dirs;
  std::vector<std::shared_ptr<AppendFile>> segments;
  std::shared_ptr<SyncedFile> journal;  // touched on the loop only
  std::shared_ptr<AppendFile> journal_file;
  bool new_topic = false;  // the directory above is synced as well
  Sequence upto;
  LogPlace place;

  // out
  Status status;
  Status journal_status;
  Duration took{0};
};

struct LogProbe : DiskProbe {
  void Open() noexcept override;

  std::shared_ptr<LogHandle> handle;
};

// Unlinks: for large files that takes a while.
struct RemoveSegments : Job {
  void Run() noexcept override;
  void Open() noexcept override {}

  Files* files;
  std::string sync_first;  // a directory: what was renamed there comes first; empty: none
  std::vector<std::string> paths;
};

// What is wanted out of neighbouring segments, in one new file. That gets the first one's name on
// the loop, which is what makes it count.
struct SegmentCopy {
  struct Source {
    Sequence first;
    Sequence end;
    SegmentScanner::Limits limits;
    std::vector<Segment::IndexEntry> index;
  };

  // Writes the file and syncs it.
  void Make();

  // in
  Files* files;
  std::string dir;
  std::vector<Source> sources;
  bool everything = false;       // of the only source; else `wanted`
  std::vector<Sequence> wanted;  // in order
  WallTime created;              // what is copied is not older

  // out
  Status status;
  uint64_t size_bytes = 0;
  uint64_t messages = 0;
  std::vector<Segment::IndexEntry> index;
  std::vector<std::vector<DamagedStretch>> damage;  // by source; set aside already

 private:
  Status CopyAll(AppendFile& to);
  Status CopyFrom(const Source& source, std::vector<DamagedStretch>* found, AppendFile& to);
  Status Flush(AppendFile& to);

  std::vector<std::byte> buffer_;
  size_t next_wanted_ = 0;
};

struct CopySegments : Job {
  void Run() noexcept override { copy->Make(); }
  void Open() noexcept override;

  std::shared_ptr<LogHandle> handle;
  std::unique_ptr<SegmentCopy> copy;
};

// Appends the damaged bytes to the segment's ".damaged" file, unless they are there already.
void SetAside(Files& files, const std::string& dir, Sequence segment, const ReadFile& file,
              const DamagedStretch& damage);

}  // namespace nsq::nsqd
