#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nsqd/protocol/command_parser.h"
#include "nsqd/protocol/errors.h"

namespace nsq {
class Buffer;
enum class FrameType : uint32_t;
}  // namespace nsq

namespace nsq::nsqd {

// The answers a client is owed, in the order of its commands, although publishes are answered by
// others and later.
//
//   first_                                  next_
//     | PUB: not yet | MPUB: OK | CLOSE_WAIT |      Say() waits for the first one
//
// A ring: nothing is allocated per command once it has grown to what a client keeps under way.
//
// Home: its session's; pure.
class Answers {
 public:
  // The next answer will be that of a publish of so many bytes, and given by Give with the ticket
  // returned.
  uint64_t Promise(Command publish, size_t size_bytes = 0);
  // The next answer.
  void Add(FrameType type, std::string_view text);
  void Add(const Refusal& refusal);

  // Which command was promised an answer.
  Command promised_to(uint64_t ticket) const { return At(ticket).publish; }
  // The promised answer: OK, or why not.
  void Give(uint64_t ticket);
  void Give(uint64_t ticket, const Refusal& refusal);

  // Appends to `out` what its turn has come for. False: a fatal error was said, now or before;
  // the client will hear nothing more.
  bool Say(Buffer* out);

  size_t size() const { return static_cast<size_t>(next_ - first_); }  // not yet said
  bool empty() const { return first_ == next_; }
  // Tickets given out and not yet answered; they must be, also after a fatal error.
  size_t promised() const { return promised_; }
  // ... and what was published with them. After a fatal error: until the last is answered.
  size_t promised_bytes() const { return promised_bytes_; }

  // Gives the ring's memory back if it is empty.
  void Shrink();

 private:
  struct Answer {
    bool given = false;
    bool fatal = false;
    FrameType type{};  // a response
    Command publish = Command::kUnknown;
    size_t size_bytes = 0;              // published
    std::unique_ptr<std::string> text;  // null: OK
  };

  Answer& At(uint64_t ticket) { return ring_[ticket & (ring_.size() - 1)]; }
  const Answer& At(uint64_t ticket) const { return ring_[ticket & (ring_.size() - 1)]; }
  Answer& Push();

  std::vector<Answer> ring_;  // a power of two, or empty
  uint64_t first_ = 0;
  uint64_t next_ = 0;
  size_t promised_ = 0;
  size_t promised_bytes_ = 0;
  bool silent_ = false;  // a fatal error was said
};

}  // namespace nsq::nsqd
