#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/status.h"
#include "nsqd/storage/files.h"
#include "nsqd/storage/journal.h"

namespace nsq::nsqd {

// A copy of one topic as it was in one turn of its loop: its segments have second names in the
// copy's directory, what it was is here. Nothing is ever added to a file that the two share: the
// log has gone on in a new segment, and a copy that is started jumps over some numbers, as after a
// crash.
//
// Home: made on the topic's loop, then of whoever has it.
struct TopicBackup {
  Files* files = nullptr;
  std::string dir;
  std::vector<std::string> segments;  // paths in `dir`
  uint64_t size_bytes = 0;
  TopicState state;  // what is unfinished: in any order

  // Writes the journal and syncs everything. Blocks.
  Status Finish();
};

}  // namespace nsq::nsqd
