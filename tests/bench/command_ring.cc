#include "tests/bench/command_ring.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/check.h"

namespace nsq::bench {

CommandRing::CommandRing(const std::vector<std::string>& commands,
                         std::vector<size_t> stamp_offsets, uint64_t max_in_flight,
                         uint64_t messages)
    : slot_bytes_(commands.front().size()),
      slots_(commands.size()),
      max_in_flight_(max_in_flight),
      messages_(messages),
      stamp_offsets_(std::move(stamp_offsets)),
      intended_ns_(commands.size()) {
  NSQ_CHECK(max_in_flight_ <= slots_);
  bytes_.reserve(slot_bytes_ * slots_);
  for (const std::string& command : commands) {
    NSQ_CHECK(command.size() == slot_bytes_);
    bytes_.insert(bytes_.end(), command.begin(), command.end());
  }
}

void CommandRing::Push(uint64_t first_sequence, int64_t intended_ns) {
  const size_t slot = pushed_ % slots_;
  char* const command = bytes_.data() + slot * slot_bytes_;
  Stamp stamp{first_sequence, intended_ns};
  for (const size_t offset : stamp_offsets_) {
    std::memcpy(command + offset, &stamp, sizeof stamp);
    ++stamp.sequence;
  }
  intended_ns_[slot] = intended_ns;
  ++pushed_;
}

int CommandRing::Unsent(std::array<iovec, 2>* pieces) {
  const uint64_t unsent = pushed_ * slot_bytes_ - sent_bytes_;
  if (unsent == 0) return 0;
  const size_t begin = sent_bytes_ % bytes_.size();
  const size_t first = std::min<size_t>(unsent, bytes_.size() - begin);
  (*pieces)[0] = {bytes_.data() + begin, first};
  if (first == unsent) return 1;
  (*pieces)[1] = {bytes_.data(), unsent - first};
  return 2;
}

}  // namespace nsq::bench
