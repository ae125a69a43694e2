#include "nsqd/daemon/statsd/statsd_report.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "common/strings.h"
#include "common/wire/names.h"

namespace nsq::nsqd {
namespace {

uint64_t Delta(uint64_t now, uint64_t before) { return now < before ? now : now - before; }

// Collects lines into datagrams.
class Datagrams {
 public:
  Datagrams(std::string_view prefix, size_t max_bytes) : prefix_(prefix), max_bytes_(max_bytes) {}

  void Counter(std::string_view scope, std::string_view key, uint64_t value) {
    Line(scope, key, value, "|c\n");
  }
  void Gauge(std::string_view scope, std::string_view key, uint64_t value) {
    Line(scope, key, value, "|g\n");
  }
  void Latency(std::string_view scope, const LatencyStats& latency) {
    for (const LatencyStats::Percentile& percentile : latency.percentiles) {
      // As Go's "%.0f": half to even.
      const auto name = static_cast<int64_t>(std::nearbyint(percentile.quantile * 100));
      Gauge(scope, StrCat("e2e_processing_latency_", name), percentile.nanos);
    }
  }

  std::vector<std::string> Take() {
    if (!current_.empty()) full_.push_back(std::move(current_));
    return std::move(full_);
  }

 private:
  void Line(std::string_view scope, std::string_view key, uint64_t value, std::string_view end) {
    const std::string line = StrCat(prefix_, scope, key, ":", value, end);
    if (!current_.empty() && current_.size() + line.size() > max_bytes_) {
      full_.push_back(std::exchange(current_, std::string()));
    }
    current_ += line;
  }

  const std::string_view prefix_;
  const size_t max_bytes_;
  std::string current_;
  std::vector<std::string> full_;
};

}  // namespace

std::vector<std::string> StatsdReport::Next(const DaemonStats& stats,
                                            const std::optional<MemoryStats>& memory) {
  Datagrams out(format_.prefix, format_.packet_bytes);
  std::map<std::string, TopicCounters> counters;
  for (const TopicStats& topic : stats.topics) {
    if (format_.exclude_ephemeral && IsEphemeral(topic.name)) continue;
    TopicCounters& before = last_[topic.name];
    TopicCounters& now = counters[topic.name];
    now.messages = topic.message_count;
    now.bytes = topic.message_bytes;
    const std::string of_topic = StrCat("topic.", topic.name, ".");
    out.Counter(of_topic, "message_count", Delta(now.messages, before.messages));
    out.Counter(of_topic, "message_bytes", Delta(now.bytes, before.bytes));
    out.Gauge(of_topic, "depth", topic.depth);
    out.Gauge(of_topic, "backend_depth", topic.backend_depth);
    out.Latency(of_topic, topic.e2e);
    for (const ChannelStats& channel : topic.channels) {
      if (format_.exclude_ephemeral && IsEphemeral(channel.name)) continue;
      const ChannelCounters& old = before.channels[channel.name];
      ChannelCounters& count = now.channels[channel.name];
      count = {channel.message_count, channel.requeue_count, channel.timeout_count};
      const std::string of_channel = StrCat(of_topic, "channel.", channel.name, ".");
      out.Counter(of_channel, "message_count", Delta(count.messages, old.messages));
      out.Gauge(of_channel, "depth", channel.depth);
      out.Gauge(of_channel, "backend_depth", channel.backend_depth);
      out.Gauge(of_channel, "in_flight_count", channel.in_flight_count);
      out.Gauge(of_channel, "deferred_count", channel.deferred_count);
      out.Counter(of_channel, "requeue_count", Delta(count.requeues, old.requeues));
      out.Counter(of_channel, "timeout_count", Delta(count.timeouts, old.timeouts));
      out.Gauge(of_channel, "clients", channel.client_count);
      out.Latency(of_channel, channel.e2e);
    }
  }
  last_ = std::move(counters);

  if (memory) {
    out.Gauge("mem.", "heap_objects", memory->heap_objects);
    out.Gauge("mem.", "heap_idle_bytes", memory->heap_idle_bytes);
    out.Gauge("mem.", "heap_in_use_bytes", memory->heap_in_use_bytes);
    out.Gauge("mem.", "heap_released_bytes", memory->heap_released_bytes);
    // Nothing here collects garbage, but dashboards have these.
    for (const char* const key :
         {"gc_pause_usec_100", "gc_pause_usec_99", "gc_pause_usec_95", "next_gc_bytes"}) {
      out.Gauge("mem.", key, 0);
    }
    out.Counter("mem.", "gc_runs", 0);
  }
  return out.Take();
}

}  // namespace nsq::nsqd
