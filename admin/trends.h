#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>

#include "admin/report.h"

namespace nsq::admin {

// Turns samples into reports: adds up, and compares with the samples before for rates and growth.
// Pure: time comes with the samples.
//
// A counter that fell, or whose nsqd was started anew, gives no rate for that step.
//
// Home: its owner's; not for several threads at once.
class Trends {
 public:
  // Older samples say nothing about now: after such a pause rates begin anew.
  static constexpr int64_t kLongestPauseMs = 30'000;
  // How far back growth looks, and the least it must have seen.
  static constexpr int64_t kGrowthWindowMs = 30'000;
  static constexpr int64_t kLeastGrowthSpanMs = 8'000;
  // nsqlookupd drops an nsqd that dies at once: so long it is still shown, as gone.
  static constexpr int64_t kMourningMs = 10 * 60'000;

  // Samples come in the order they were taken. The problems are left for FindProblems.
  ClusterReport Add(ClusterSample sample);

 private:
  // Topic, channel (empty for the topic itself), node (empty for depths added up).
  using Key = std::tuple<std::string, std::string, std::string>;
  struct Counters {
    int64_t start_time = 0;
    int64_t in = 0;
    int64_t out = 0;
    int64_t requeued = 0;
    int64_t timed_out = 0;
  };
  struct Depth {
    int64_t unix_ms;
    int64_t depth;
  };

  Flow FlowSince(const Key& key, const Counters& now) const;
  void AddGoneNodes(bool by_lookupd, ClusterReport* report);
  double Growth(const Key& key, int64_t depth, std::map<Key, std::deque<Depth>>* kept);

  int64_t previous_ms_ = 0;
  int64_t now_ms_ = 0;
  std::map<Key, Counters> previous_;
  std::map<Key, std::deque<Depth>> depths_;
  struct Sighting {
    Node node;
    int64_t unix_ms;
  };
  std::map<std::string, Sighting> seen_;  // by address
  std::vector<std::string> lookupds_;     // who found them
};

}  // namespace nsq::admin
