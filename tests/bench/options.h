#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/event/address.h"
#include "common/status.h"
#include "tests/bench/workload.h"

namespace nsq::bench {

// Which server a run is for: `spawn`, or `tcp` and `http`.
struct ServerOptions {
  std::string spawn;               // --spawn, a program
  std::vector<std::string> flags;  // behind "--", for that program
  std::string data_dir = "/tmp";   // --data-dir: where its data path is made
  Address tcp;                     // --tcp
  Address http;                    // --http
  pid_t pid = 0;                   // --pid
  std::string count_calls;         // --count-calls: a library for `spawn`; see count_calls.c
};

struct RunOptions {
  Workload workload;
  ServerOptions server;
  double max_allocations = -1;   // --max-allocations  } a message, with --count-calls; more is a
  double max_system_calls = -1;  // --max-system-calls } failure; below 0: not looked at
  bool json = false;             // --json
};

struct CompareOptions {
  std::string ours;                     // --ours
  std::string vs;                       // --vs; empty: only ours
  std::vector<std::string> ours_flags;  // --ours-flags, separated by spaces
  std::vector<std::string> vs_flags;    // --vs-flags, --mem-queue-size-vs
  std::string data_dir = "/tmp";        // --data-dir
  std::string only;                     // --only: workloads with this in their name
  int64_t rounds = 3;                   // --rounds
  double scale = 1;                     // --scale: of the numbers of messages
  LayerChoice layers;                   // --tls, --snappy, --deflate: of all workloads over TCP
  bool json = false;                    // --json
};

// `words` are the command line behind the subcommand. kInvalid, with a sentence for the user, for
// an unknown flag, a bad value, or a combination without sense.
Result<RunOptions> ParseRunOptions(Mode mode, const std::vector<std::string>& words);
Result<CompareOptions> ParseCompareOptions(const std::vector<std::string>& words);

std::string Usage();

}  // namespace nsq::bench
