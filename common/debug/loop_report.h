#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/event/event_loop.h"

namespace nsq::metrics {
class Page;
}

namespace nsq {

// What a loop says of itself; a copy, taken on the loop.
struct LoopReport {
  std::string name;  // "loop 0"
  LoopStats stats;
  uint64_t connections = 0;           // TCP and HTTP
  uint64_t topics = 0;                // at home there
  uint64_t message_memory_bytes = 0;  // of messages kept in memory
};

// Adds the families nsq_loop_*, with the loops' places in the list as label.
void AppendLoops(std::span<const LoopReport> loops, metrics::Page* page);

// The same for people: a paragraph for each loop.
std::string DescribeLoops(std::span<const LoopReport> loops);

// How long their turns took, as a table.
std::string DescribeTurns(std::span<const LoopReport> loops);

}  // namespace nsq
