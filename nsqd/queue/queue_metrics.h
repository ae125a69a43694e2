#pragma once

#include "common/metrics/histogram.h"

namespace nsq::nsqd {

// How long things took on one loop, all its topics together.
//
// Home: the loop; merged by whoever asks.
struct QueueMetrics {
  // From when a publish came to its topic to its answer: OK, so as safe as --durability promises.
  metrics::Histogram publish;
  // From publish to the first delivery to a consumer; deferred publishes are left out.
  metrics::Histogram delivery;
  // One sync of a log, with its journal.
  metrics::Histogram sync;

  void Merge(const QueueMetrics& other) {
    publish.Merge(other.publish);
    delivery.Merge(other.delivery);
    sync.Merge(other.sync);
  }
};

}  // namespace nsq::nsqd
