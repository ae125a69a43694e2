#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/storage/files.h"

namespace nsq::nsqd {

// What an import brought.
struct GoImport {
  bool any = false;  // there was something to import
  uint64_t topics = 0;
  uint64_t channels = 0;
  uint64_t messages = 0;
  uint64_t damaged_stretches = 0;
  uint64_t damaged_bytes = 0;
  std::vector<std::string> left;  // topics that are here already: theirs stay where they are
  std::string kept_in;            // a directory of the data path with the original's files
};

// Takes over what NSQ's own nsqd (1.0 to 1.3) left in a data path: topics, channels, what is
// paused, every message that can be read, with its timestamp and attempts. Its files are moved to a
// directory beside; nothing of them is removed. Message ids are new.
//
// A crash leaves either the original's files, from which the next start begins anew, or everything
// taken over: topics are made under another name, and one file, written when all are there, says
// that they count. Takes as much disk as there are messages. Blocks; for a start, with the data
// path locked.
//
// A topic's log begins with the messages of the channels, each by itself, that of the longest queue
// last; then those of the topic that no channel had seen. That channel is a cursor before its
// messages and costs no memory; what others had is unfinished in them.
Result<GoImport> ImportGoDataPath(Files& files, const std::string& data_path, WallTime now,
                                  uint64_t segment_bytes, size_t doubtful_bytes);

}  // namespace nsq::nsqd
