#include "nsqd/http/memory_stats.h"

#include "common/metrics/process.h"

namespace nsq::nsqd {

MemoryStats ReadMemory(const DaemonStats& stats) {
  const metrics::HeapStats heap = metrics::ReadHeapStats();
  MemoryStats memory;
  // The allocator counts no objects. What rises and falls with the load, as the original's figure
  // does, is what we hold.
  memory.heap_objects = stats.held_objects;
  memory.heap_in_use_bytes = heap.in_use_bytes;
  memory.heap_idle_bytes = heap.idle_bytes;
  memory.heap_released_bytes = heap.released_bytes;
  return memory;
}

}  // namespace nsq::nsqd
