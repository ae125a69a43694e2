#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/event/helper_pool.h"
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
  Sequence upto;

  // out
  Status status;
  Status journal_status;
};

// Unlinks: for large files that takes a while.
struct RemoveSegments : Job {
  void Run() noexcept override;
  void Open() noexcept override {}

  Files* files;
  std::vector<std::string> paths;
};

// Appends the damaged bytes to the segment's ".damaged" file, unless they are there already.
void SetAside(Files& files, const std::string& dir, Sequence segment, const ReadFile& file,
              const DamagedStretch& damage);

}  // namespace nsq::nsqd
