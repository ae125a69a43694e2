#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace nsq::nsqd {

enum class Command : uint8_t {
  kUnknown,
  kIdentify,
  kAuth,
  kSub,
  kRdy,
  kFin,
  kReq,
  kTouch,
  kCls,
  kNop,
  kPub,
  kMpub,
  kDpub,
};

std::string_view ToString(Command command);

// A command's line in words: separated by one space each, so that two spaces in a row make an
// empty word. Views into the line.
struct CommandLine {
  Command command = Command::kUnknown;
  std::string_view name;
  size_t params = 0;  // 0..2: no command has more, what follows is not looked at
  std::string_view param[2];
};

CommandLine ParseLine(std::string_view line);

// Digits only. As the original's: nothing is 0, and the sum wraps at 64 bits.
std::optional<uint64_t> ParseUnsigned(std::string_view digits);

// Cuts a client's bytes into commands (spec, nsqd-tcp 1.3):
//
//   | name *( SP param ) [ CR ] LF | i32 size | body |
//
// Every call is given all bytes from the command's first one on. Between calls only offsets are
// kept: a command that arrives in small pieces is looked at once, and its bytes may have moved.
//
// Home: its session's. Pure; allocates nothing.
class CommandParser {
 public:
  // With its LF.
  static constexpr size_t kMaxLineBytes = 16384;

  enum class Found { kYes, kNotYet, kTooLong };
  // The line without LF and the CR before it.
  Found FindLine(std::string_view data, std::string_view* line);

  // The number behind the line, and what it counts. False: not all there yet. Call them in this
  // order, after FindLine.
  bool FindSize(std::string_view data, int32_t* size) const;
  bool FindBody(std::string_view data, size_t size, std::string_view* body);

  struct MessageLimits {
    int64_t max_messages = 0;
    int64_t max_message_size = 0;
    int64_t max_bytes = 0;
  };
  struct Messages {
    enum class What {
      kWhole,
      kNoCount,  // } not all there yet; what comes next
      kNoSize,   // }
      kNoBody,   // }
      kBadCount,
      kBadSize,
      kTooBig,    // one message
      kTooLarge,  // all together
    };
    What what = What::kWhole;
    uint32_t index = 0;  // of the message
    int64_t number = 0;  // what was refused
  };
  // The body of an MPUB: | i32 count | count x ( i32 size | bytes ) |. The size before it only
  // announces, the sizes inside decide where it ends.
  Messages CheckMessages(std::string_view data, const MessageLimits& limits);
  // After kWhole.
  void CollectMessages(std::string_view data, std::vector<std::string_view>* bodies) const;

  // The command is done with: its length in bytes. The next call begins with the next one.
  size_t Finish();

 private:
  size_t scanned_ = 0;   // no LF before this
  size_t line_end_ = 0;  // 0: not found yet
  size_t end_ = 0;       // of what was found so far
  // Of an MPUB.
  uint32_t count_ = 0;
  uint32_t next_ = 0;  // message looked at next; it begins at end_
};

}  // namespace nsq::nsqd
