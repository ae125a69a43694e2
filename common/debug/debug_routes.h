#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/debug/loop_report.h"

namespace nsq::http {
class Router;
}

namespace nsq {

// What stands where NSQ's daemons have Go's profiler: what this process is doing, as text.
//
//   /debug/pprof/           what there is, for people
//   .../goroutine           loops and threads, what they have done
//   .../heap                the allocator's figures and its arenas (malloc_info)
//   .../block               how long turns of the loops took: what keeps clients waiting
//   .../threadcreate        threads
//   .../profile?seconds=N   CPU of each thread in the next N seconds (30; 60 at most)
//   .../cmdline, .../symbol as the original's; there are no symbols
//
// None of it is a Go profile; `go tool pprof` says so. For where CPU goes there is perf.
struct DebugSource {
  using Done = std::function<void(std::vector<LoopReport>)>;

  std::string program;  // "nsqd"
  // Calls `done` once, now or later, on the loop that asked.
  std::function<void(Done done)> loops;
};

// Any loop's router. What the routes hold goes with the router, which goes before its loop.
void AddDebugRoutes(const DebugSource& source, http::Router* router);

}  // namespace nsq
