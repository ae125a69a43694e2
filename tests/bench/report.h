#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/histogram.h"
#include "tests/bench/server.h"
#include "tests/bench/workload.h"

namespace nsq::bench {

// What one run did and cost.
struct Report {
  Workload workload;
  uint64_t published = 0;
  uint64_t delivered = 0;              // first deliveries, over all channels
  uint64_t duplicates = 0;             // further ones
  uint64_t requeued = 0;               // by the server's own count
  double seconds = 0;                  // from the first command to the last answer or delivery
  std::optional<CpuTimes> server_cpu;  // from the first command until nothing is left to do
  double own_cpu_seconds = 0;          // in `seconds`
  std::optional<int64_t> peak_rss_kib;
  std::optional<CallCounts> server_calls;  // in `seconds`
  Histogram publish_latency;               // intended send time to answer
  Histogram end_to_end_latency;            // intended send time to arrival at a consumer
  std::vector<std::string> failures;

  bool ok() const { return failures.empty(); }
  // What "a message" is in the figures: a delivery if somebody consumes, else a publish.
  uint64_t messages() const { return workload.consumes() ? delivered : published; }
  double messages_per_second() const;
  std::optional<double> server_us_per_message() const;
};

std::string ToText(const Report& report);
std::string ToJson(const Report& report);
// "p50 1.2 p90 3.4 ... max 5.6 ms"
std::string PercentilesText(const Histogram& latency);

}  // namespace nsq::bench
