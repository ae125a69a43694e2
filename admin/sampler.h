#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "admin/report.h"
#include "admin/trends.h"
#include "common/time.h"

namespace nsq::admin {

// One report for everybody who watches: however many pages are open, the daemons are asked at most
// once for each kFreshFor, and only while somebody asks.
//
// Home: any thread.
class Sampler {
 public:
  static constexpr milliseconds kFreshFor{900};
  // A report that took long to make stays fresh this many times as long as that: daemons, and we,
  // are busy with it half of the time at most.
  static constexpr int kRest = 2;
  // But no longer than this: one that waited for a daemon that hangs has cost nothing.
  static constexpr seconds kLongestFresh{2};

  // `take` asks the cluster; it is never called twice at once. `clock` tells the time. `remember`,
  // if there is one, sees each report once.
  Sampler(std::function<ClusterSample()> take, std::function<SteadyTime()> clock,
          std::function<void(const ClusterReport&)> remember = {});

  // The last report if it is fresh, or the next one. Who comes while it is being made waits for it.
  std::shared_ptr<const ClusterReport> Report();

  // The last report, however old; null before the first.
  std::shared_ptr<const ClusterReport> Last();

 private:
  const std::function<ClusterSample()> take_;
  const std::function<SteadyTime()> clock_;
  const std::function<void(const ClusterReport&)> remember_;
  std::mutex mutex_;
  std::condition_variable made_;
  bool making_ = false;
  SteadyTime made_at_;
  Duration fresh_for_ = kFreshFor;
  std::shared_ptr<const ClusterReport> last_;
  Trends trends_;  // used by the one who makes the next report
};

}  // namespace nsq::admin
