#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/storage/journal.h"
#include "nsqd/storage/segmented_log.h"

namespace nsq::nsqd {

// A topic's directory, "<data path>/<topic>.topic", with its journal and its log's segments. That
// the directory holds a journal, or a segment, is what makes the topic exist; there is no other
// list of topics.
//
// (The suffix, not the bare name: "." and ".." are valid topic names.)
std::string TopicDir(std::string_view data_path, std::string_view topic);

// The topics in a data path, sorted; changes nothing.
Result<std::vector<std::string>> FindTopics(Files& files, const std::string& data_path);

// The topics in a data path, sorted. Other names are ignored. Clears away what RemoveTopic left
// when it was interrupted.
Result<std::vector<std::string>> ListTopics(Files& files, const std::string& data_path);

// A topic as it was found, or made.
struct OpenedTopic {
  std::unique_ptr<SegmentedLog> log;
  std::unique_ptr<Journal> journal;  // null for memory only
  TopicState state;                  // agrees with the log: nothing points behind its end
};

// Opens or makes the topic's directory, journal and log and makes them agree:
//   - After anything but a clean stop the log jumps to the present microsecond, or further if that
//     is not ahead of what the journal names, so that a number that may have been given out and
//     lost is not given again; the jump is a gap in the journal.
//   - Deferred publishes whose record did not reach the log are forgotten.
//   - If the topic is flowing, state.fanout is the log's next sequence.
// `options.dir` empty: memory only; nothing is opened and the log begins at now.
Result<OpenedTopic> OpenTopic(EventLoop& loop, HelperPool& pool, Files& files, MemoryBudget* budget,
                              const LogOptions& options, WallTime now,
                              SegmentedLog::Listener* listener);

// Takes the topic away with one rename: a crash leaves all of it or nothing. Returns the directory
// that is left for ClearRemoved; "" if there was nothing. After an error all is as it was.
Result<std::string> RemoveTopic(Files& files, const std::string& dir);

// Unlinks what RemoveTopic left, which takes long for large files: for the helper pool.
Status ClearRemoved(Files& files, const std::string& removed);

// Takes the data path for this process: flock on the directory itself, as the Go nsqd does, so that
// neither starts in a directory of the other's. The texts are the original's (spec, config 4).
class DataPathLock {
 public:
  static Result<std::unique_ptr<DataPathLock>> Take(const std::string& data_path);
  virtual ~DataPathLock() = default;
};

// Whether this user may create topics in it. A disk that is full or can only be read now does not
// count: what is on it is consumed meanwhile, and it may take messages again.
Status CheckDataPathWritable(const std::string& data_path);

}  // namespace nsq::nsqd
