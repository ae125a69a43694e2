#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nsq::bench {

// What every message body begins with, if it is long enough; the consumer reads it back.
struct Stamp {
  uint64_t sequence = 0;    // counts the messages of a run over all topics
  int64_t intended_ns = 0;  // when the schedule wanted it sent
};
static_assert(sizeof(Stamp) == 16);

// The commands one connection may have in flight, assembled once and sent again and again.
//
//     slot 0        slot 1        slot 2        slot 3
//     | PUB t 200.. | PUB t 200.. | PUB t 200.. | PUB t 200.. |
//        answered      sent, no     pushed, not     free
//                      answer yet   sent
//
// All slots have the same length. Only the stamps in the bodies change, in place, which is safe
// because a slot is used again only after its answer came, so after its last byte left.
//
// Home: the thread that made it.
class CommandRing {
 public:
  // `commands` are not empty and of one length. `stamp_offsets` says where in a command the bodies
  // begin; empty when the bodies are too short for a Stamp. At most `max_in_flight` of the slots
  // are in use at a time. A command stands for `messages`.
  CommandRing(const std::vector<std::string>& commands, std::vector<size_t> stamp_offsets,
              uint64_t max_in_flight, uint64_t messages);

  bool full() const { return pushed_ - answered_ == max_in_flight_; }
  uint64_t in_flight() const { return pushed_ - answered_; }
  uint64_t messages_per_command() const { return messages_; }

  // Stamps the next slot, for messages `first_sequence` and following. Not when full().
  void Push(uint64_t first_sequence, int64_t intended_ns);

  // What is pushed and not yet sent, in at most two pieces; returns how many.
  int Unsent(std::array<iovec, 2>* pieces);
  void Sent(size_t bytes) { sent_bytes_ += bytes; }

  // True when the oldest command in flight was sent whole, so that an answer to it may come.
  bool MayAnswer() const { return (answered_ + 1) * slot_bytes_ <= sent_bytes_; }
  // The oldest command in flight was answered; returns its intended time.
  int64_t Answered() { return intended_ns_[answered_++ % slots_]; }

 private:
  const size_t slot_bytes_;
  const size_t slots_;
  const uint64_t max_in_flight_;
  const uint64_t messages_;
  const std::vector<size_t> stamp_offsets_;
  std::vector<char> bytes_;
  std::vector<int64_t> intended_ns_;  // of each slot
  uint64_t pushed_ = 0;               // commands since the start, as are these:
  uint64_t answered_ = 0;
  uint64_t sent_bytes_ = 0;  // bytes since the start
};

}  // namespace nsq::bench
