#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/storage/files.h"
#include "nsqd/storage/record.h"

namespace nsq::nsqd {

// What is in a topic's directory, read record by record. Changes nothing.
struct TopicReport {
  struct Channel {
    std::string name;
    bool paused = false;
    uint64_t unfinished = 0;     // delivered or deferred
    uint64_t not_delivered = 0;  // messages from the cursor on
    uint64_t not_found = 0;      // of the unfinished ones: in no file
  };

  std::string name;
  uint64_t journal_bytes = 0;
  uint64_t segments = 0;
  uint64_t size_bytes = 0;  // of the segments
  uint64_t messages = 0;    // good ones
  uint64_t wanted = 0;      // of those: somebody has not finished them, or nobody has seen them
  std::vector<Channel> channels;
  std::vector<std::string> notes;   // what a crash leaves and the next start clears away
  std::vector<std::string> damage;  // what is lost, with its place
};

// Is told every good message that is still wanted, in the order of the log; `due`, if not the
// epoch, says not before when. An error ends it all.
using Salvage = std::function<Status(const Record& record, WallTime due)>;

Result<TopicReport> VerifyTopic(Files& files, const std::string& dir, const Salvage& salvage);

}  // namespace nsq::nsqd
