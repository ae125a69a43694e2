#pragma once

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

namespace nsq::nsqd {

// The disk queue of a topic or a channel as NSQ's own nsqd (1.0 to 1.3) leaves it:
//
//   <name>.diskqueue.000000.dat   messages, one after the other; numbers count up
//   <name>.diskqueue.meta.dat     text: depth; file and offset to read from; file and offset to
//                                 write to. After a crash it is older than the files.
//
//   a message:  4 size of what follows   8 timestamp, ns   2 attempts   16 id   body
//               numbers are big-endian; there is no checksum
struct GoMessage {
  WallTime timestamp;
  uint16_t attempts = 0;
  std::string_view body;  // until the next one is read
};

// What kind of file of the original's a name is.
struct GoQueueFile {
  std::string queue;  // "orders", "orders:billing"
  enum class Kind { kMessages, kMeta, kBad } kind = Kind::kMessages;
  uint64_t number = 0;  // of kMessages
};
std::optional<GoQueueFile> ParseGoQueueFile(std::string_view name);

// Reads a queue from where its meta file says, or from its first file, to the end of its last one:
// what the meta file does not know of was written just before a crash. What makes no sense is
// skipped up to the next bytes that look like a message, id and all.
//
// Home: its owner's; blocks on the disk.
class GoQueueReader {
 public:
  // `numbers`: of its files, in order. `doubtful_bytes`: of a body; one that claims to be
  // larger is believed only if what follows is a message, too, or the end: there is no checksum.
  GoQueueReader(Files& files, const std::string& dir, std::string queue,
                std::vector<uint64_t> numbers, size_t doubtful_bytes);

  // False at the end.
  bool Next(GoMessage* message);

  // Of all that is left to read; before the first Next, of the queue.
  uint64_t bytes_left() const { return bytes_left_; }

  uint64_t damaged_bytes() const { return damaged_bytes_; }
  uint64_t damaged_stretches() const { return damaged_stretches_; }

 private:
  bool OpenNext();
  // Bytes at offset_ + `at`, as many as there are, `want` at most.
  std::span<const std::byte> Peek(uint64_t at, size_t want);
  bool HeadAt(uint64_t at, size_t* size_bytes);
  bool MessageAt(uint64_t at, size_t* size_bytes);
  void SkipDamage();

  Files& files_;
  const std::string dir_;
  const std::string queue_;
  const size_t doubtful_bytes_;
  std::vector<uint64_t> numbers_;
  size_t next_number_ = 0;
  uint64_t first_offset_ = 0;

  std::unique_ptr<ReadFile> file_;
  std::string path_;
  uint64_t size_bytes_ = 0;
  uint64_t offset_ = 0;
  std::vector<std::byte> window_;
  uint64_t window_at_ = 0;

  uint64_t bytes_left_ = 0;
  uint64_t damaged_bytes_ = 0;
  uint64_t damaged_stretches_ = 0;
};

}  // namespace nsq::nsqd
