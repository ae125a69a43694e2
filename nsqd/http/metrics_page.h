#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/debug/loop_report.h"
#include "common/metrics/exposition.h"
#include "common/time.h"
#include "nsqd/queue/queue_metrics.h"
#include "nsqd/queue/stats.h"

namespace nsq::nsqd {

// What one loop has to say on GET /metrics. The lines of its topics and channels are made there;
// the rest are figures.
//
// Home: made on the loop, carried to whoever asked.
class MetricsPart {
 public:
  MetricsPart();

  // Adds the lines of a topic and its channels. `now` is what ages are counted to.
  void AddTopic(const TopicStats& topic, WallTime now);

  // As long as the page of the last time was, so that it grows in one piece.
  void Reserve(size_t topics, size_t channels);

  LoopReport loop;
  QueueMetrics queue;
  struct Lookupd {
    std::string address;
    bool connected = false;
  };
  std::vector<Lookupd> lookupds;  // from the loop that they live on
  struct Connections {
    std::string_view protocol;  // a literal
    uint64_t open = 0;
    uint64_t refused = 0;
    uint64_t limit = 0;  // 0: none
  };
  std::vector<Connections> connections;  // over all loops; from one of them

 private:
  friend std::string MetricsText(std::span<const MetricsPart> parts, std::string_view health,
                                 int64_t memory_budget_bytes);

  std::vector<metrics::Samples> samples_;  // by family
};

// The whole page. `health`: "OK", or what is wrong.
std::string MetricsText(std::span<const MetricsPart> parts, std::string_view health,
                        int64_t memory_budget_bytes);

}  // namespace nsq::nsqd
