#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "admin/json_writer.h"

namespace nsq::admin {

struct ClusterReport;
struct Load;

// The last half hour of the cluster, of each node, topic and channel: what charts begin with. In
// memory only, and less of it when there is very much to remember.
//
// Home: any thread.
class History {
 public:
  // A report that follows the one before sooner than this is not remembered.
  static constexpr int64_t kSpacingMs = 4'500;
  static constexpr size_t kMostPoints = 360;    // of one series: half an hour
  static constexpr size_t kLeastPoints = 60;    //
  static constexpr size_t kBudget = 1'000'000;  // points over all series: some 25 MB
  static constexpr size_t kSparkPoints = 60;    // what a small line in a table shows

  void Add(const ClusterReport& report);

  // {"times":[ms...],"total":SERIES,"nodes":{...},"topics":{name:{SERIES,"channels":{...}}}}
  // SERIES = {"skip":n,"in_rate":[...],...}: values for all times but the first n; null: not known.
  // With a topic: of it and its channels only; with a node: of it only. With neither: of the whole
  // cluster, and the depths of whatever held a message lately.
  std::string Encode(std::string_view topic, std::string_view node) const;

 private:
  struct Point {
    float in_rate;
    float out_rate;
    float depth;
    float in_flight;
    float deferred;
    float latency;  // ns, of the highest percentile; channels only
  };
  struct Series {
    uint64_t last = 0;  // number of the report it was last in
    std::deque<Point> points;
  };

  // `load` null: not known.
  void Put(const std::string& key, const Load* load, double latency, size_t most);
  void Encode(const Series& series, size_t times, bool all, JsonWriter* json) const;

  mutable std::mutex mutex_;
  uint64_t reports_ = 0;
  std::deque<int64_t> times_ms_;
  std::unordered_map<std::string, Series> series_;
  struct Name {
    std::string topic;
    std::vector<std::string> channels;
  };
  std::vector<Name> names_;  // of the last report
  std::vector<std::string> nodes_;
};

}  // namespace nsq::admin
