#include "clients/apps/timer_metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/config/duration.h"
#include "common/strings.h"

namespace nsq::apps {
namespace {

// As the original: one too far for small N, where it is the greatest.
Duration Percentile(const std::vector<Duration>& sorted, double percent) {
  const double at = std::ceil(percent / 100 * static_cast<double>(sorted.size()) + 0.5);
  return sorted[std::min(static_cast<size_t>(at), sorted.size() - 1)];
}

// "57.89ms": two digits behind the point.
std::string Rounded(Duration took) {
  const double ms = static_cast<double>(took.count()) / 1e6;
  const double unit_ns = ms >= 1000 ? 1e9 : ms >= 1 ? 1e6 : ms >= 0.001 ? 1e3 : 1;
  const double in_unit = std::trunc(static_cast<double>(took.count()) / unit_ns * 100) / 100;
  return FormatGoDuration(Duration(static_cast<int64_t>(std::llround(in_unit * unit_ns))));
}

}  // namespace

std::string TimerMetrics::Add(Duration took) {
  if (every_ == 0) return "";
  if (ring_.size() < every_) {
    ring_.push_back(took);
    return "";
  }
  std::string line;
  if (next_ == 0) {
    std::vector<Duration> sorted = ring_;
    std::sort(sorted.begin(), sorted.end());
    const Duration total = std::accumulate(sorted.begin(), sorted.end(), Duration::zero());
    line =
        StrCat(prefix_, " finished ", sorted.size(), " - 99th: ", Rounded(Percentile(sorted, 99)),
               " - 95th: ", Rounded(Percentile(sorted, 95)),
               " - avg: ", Rounded(total / static_cast<int64_t>(sorted.size())));
  }
  ring_[next_] = took;
  next_ = (next_ + 1) % every_;
  return line;
}

}  // namespace nsq::apps
