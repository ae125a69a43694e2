#pragma once

#include <cstdint>

#include "common/time.h"

namespace nsq::metrics {

class Page;

// What the kernel says of this process. Any thread.
struct ProcessStats {
  Duration cpu{0};  // user and system, all threads, also those that ended
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_fds = 0;
  uint64_t max_fds = 0;
  uint64_t threads = 0;
  WallTime start_time;
};
ProcessStats ReadProcessStats();

// What the allocator says, over all its arenas. Any thread; takes each arena's lock for as long as
// it takes to walk its free lists: some 10 us, more if the heap is in a million pieces.
struct HeapStats {
  uint64_t in_use_bytes = 0;     // given to the program
  uint64_t idle_bytes = 0;       // taken from the system and not given to the program
  uint64_t released_bytes = 0;   // the part of `idle_bytes` that takes no memory; an estimate
  uint64_t mapped_bytes = 0;     // the part of `in_use_bytes` in blocks of their own
  uint64_t free_blocks = 0;      // pieces that the idle part is in
  uint64_t anonymous_bytes = 0;  // resident and no file's: heap, stacks, data
  uint64_t resident_idle_bytes() const { return idle_bytes - released_bytes; }
};
HeapStats ReadHeapStats();

// Adds the families process_* that every program has by Prometheus' conventions, nsq_heap_* and
// nsq_build_info.
void AppendProcess(Page* page);

}  // namespace nsq::metrics
