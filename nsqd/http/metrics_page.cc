#include "nsqd/http/metrics_page.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/metrics/process.h"
#include "common/strings.h"

namespace nsq::nsqd {
namespace {

using metrics::Family;
using metrics::Labels;
using metrics::Samples;
using metrics::Type;

// By topic, then by topic and channel; README.md lists them.
enum Id : size_t {
  kTopicDepth,
  kTopicBackendDepth,
  kTopicMessages,
  kTopicBytes,
  kTopicPaused,
  kTopicLag,
  kTopicDiskBytes,
  kTopicDamaged,
  kTopicLatency,
  kChannelDepth,
  kChannelBackendDepth,
  kChannelInFlight,
  kChannelDeferred,
  kChannelClients,
  kChannelPaused,
  kChannelMessages,
  kChannelDeliveries,
  kChannelFinished,
  kChannelRequeued,
  kChannelTimedOut,
  kChannelLagMessages,
  kChannelLag,
  kChannelLatency,
  kFamilies,
};
constexpr size_t kFirstOfChannel = kChannelDepth;

constexpr std::array<Family, kFamilies> kFamilyTable = {{
    {"nsq_topic_depth", Type::kGauge, "Messages that no channel has been given yet."},
    {"nsq_topic_backend_depth", Type::kGauge, "The part of nsq_topic_depth not in memory."},
    {"nsq_topic_messages_total", Type::kCounter, "Messages published since start."},
    {"nsq_topic_message_bytes_total", Type::kCounter, "Bytes of bodies published since start."},
    {"nsq_topic_paused", Type::kGauge, "1 while the topic is paused."},
    {"nsq_topic_lag_seconds", Type::kGauge,
     "Age of the oldest message that no channel has been given yet; 0 if there is none."},
    {"nsq_topic_disk_bytes", Type::kGauge, "Size of the topic's log files."},
    {"nsq_topic_damaged_records_total", Type::kCounter,
     "Messages skipped because they were damaged on disk."},
    {"nsq_topic_e2e_processing_latency_seconds", Type::kSummary,
     "Time from publish to FIN by quantile, all channels; with "
     "--e2e-processing-latency-percentile."},
    {"nsq_channel_depth", Type::kGauge, "Messages that wait, so neither in flight nor deferred."},
    {"nsq_channel_backend_depth", Type::kGauge, "The part of nsq_channel_depth not in memory."},
    {"nsq_channel_in_flight", Type::kGauge, "Messages sent to consumers and not answered."},
    {"nsq_channel_deferred", Type::kGauge, "Messages that must not be delivered yet."},
    {"nsq_channel_clients", Type::kGauge, "Consumers that are subscribed."},
    {"nsq_channel_paused", Type::kGauge, "1 while the channel is paused."},
    {"nsq_channel_messages_total", Type::kCounter, "Messages the channel was given since start."},
    {"nsq_channel_deliveries_total", Type::kCounter,
     "Messages sent to consumers since start, repetitions included."},
    {"nsq_channel_finished_total", Type::kCounter, "FINs since start."},
    {"nsq_channel_requeued_total", Type::kCounter, "REQs since start."},
    {"nsq_channel_timed_out_total", Type::kCounter,
     "Messages that were not answered in time since start."},
    {"nsq_channel_lag_messages", Type::kGauge,
     "Messages the channel is behind: waiting or in flight; deferred ones are not."},
    {"nsq_channel_lag_seconds", Type::kGauge,
     "Age of the oldest message that waits; 0 if none does."},
    {"nsq_channel_e2e_processing_latency_seconds", Type::kSummary,
     "Time from publish to FIN by quantile; with --e2e-processing-latency-percentile."},
}};

constexpr Family kHealthy{"nsq_healthy", Type::kGauge,
                          "1 while every topic can write to the disk, as /ping says."};
constexpr Family kUnhealthy{"nsq_unhealthy", Type::kGauge,
                            "1 for the reason why nsq_healthy is 0; else not there."};
constexpr Family kPublish{
    "nsq_publish_duration_seconds", Type::kHistogram,
    "Time from when a publish came to its topic to its OK, so as safe as --durability says."};
constexpr Family kDelivery{
    "nsq_delivery_latency_seconds", Type::kHistogram,
    "Time from publish to the first delivery to a consumer, by channel; deferred ones left out."};
constexpr Family kSync{"nsq_fsync_duration_seconds", Type::kHistogram,
                       "Time one sync of a topic's log took."};
constexpr Family kBudget{"nsq_message_memory_limit_bytes", Type::kGauge,
                         "What all loops' messages in memory may take (--memory-budget)."};
constexpr Family kConnections{"nsq_connections", Type::kGauge, "Clients that are connected."};
constexpr Family kRefused{"nsq_connections_refused_total", Type::kCounter,
                          "Clients turned away for --max-connections."};
constexpr Family kConnectionLimit{"nsq_connections_limit", Type::kGauge,
                                  "--max-connections; 0: no limit."};
constexpr Family kLookupd{"nsq_nsqlookupd_connected", Type::kGauge,
                          "1 while that nsqlookupd is connected and knows this node."};

// A line without its labels, and what they take.
constexpr size_t kLineBytes = 48;

Duration Age(WallTime published, WallTime now) {
  if (published == WallTime()) return Duration::zero();
  return std::max(now - published, Duration::zero());
}

void AddLatency(const LatencyStats& latency, const Labels& labels, Samples* samples) {
  for (const LatencyStats::Percentile& percentile : latency.percentiles) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, percentile.quantile).ptr;
    Labels with_quantile = labels;
    with_quantile.Add("quantile", {digits, static_cast<size_t>(end - digits)});
    samples->Add(with_quantile, Duration(percentile.nanos));
  }
}

}  // namespace

MetricsPart::MetricsPart() {
  samples_.reserve(kFamilies);
  for (const Family& family : kFamilyTable) samples_.emplace_back(family);
}

void MetricsPart::Reserve(size_t topics, size_t channels) {
  for (size_t id = 0; id < kFamilies; ++id) {
    if (id == kTopicLatency || id == kChannelLatency) continue;
    samples_[id].Reserve((kLineBytes + kFamilyTable[id].name.size()) *
                         (id < kFirstOfChannel ? topics : channels));
  }
}

void MetricsPart::AddTopic(const TopicStats& topic, WallTime now) {
  const Labels labels("topic", topic.name);
  samples_[kTopicDepth].Add(labels, topic.depth);
  samples_[kTopicBackendDepth].Add(labels, topic.backend_depth);
  samples_[kTopicMessages].Add(labels, topic.message_count);
  samples_[kTopicBytes].Add(labels, topic.message_bytes);
  samples_[kTopicPaused].Add(labels, topic.paused);
  samples_[kTopicLag].Add(labels, Age(topic.oldest, now));
  samples_[kTopicDiskBytes].Add(labels, topic.disk_bytes);
  samples_[kTopicDamaged].Add(labels, topic.damaged_records);
  AddLatency(topic.e2e, labels, &samples_[kTopicLatency]);
  for (const ChannelStats& channel : topic.channels) {
    Labels both = labels;
    both.Add("channel", channel.name);
    samples_[kChannelDepth].Add(both, channel.depth);
    samples_[kChannelBackendDepth].Add(both, channel.backend_depth);
    samples_[kChannelInFlight].Add(both, channel.in_flight_count);
    samples_[kChannelDeferred].Add(both, channel.deferred_count);
    samples_[kChannelClients].Add(both, channel.client_count);
    samples_[kChannelPaused].Add(both, channel.paused);
    samples_[kChannelMessages].Add(both, channel.message_count);
    samples_[kChannelDeliveries].Add(both, channel.delivered_count);
    samples_[kChannelFinished].Add(both, channel.finish_count);
    samples_[kChannelRequeued].Add(both, channel.requeue_count);
    samples_[kChannelTimedOut].Add(both, channel.timeout_count);
    samples_[kChannelLagMessages].Add(both, channel.depth + channel.in_flight_count);
    samples_[kChannelLag].Add(both, Age(channel.oldest, now));
    AddLatency(channel.e2e, both, &samples_[kChannelLatency]);
  }
}

std::string MetricsText(std::span<const MetricsPart> parts, std::string_view health,
                        int64_t memory_budget_bytes) {
  metrics::Page page;
  size_t bytes = 65536;
  for (const MetricsPart& part : parts) {
    for (const Samples& samples : part.samples_) bytes += samples.text().size();
  }
  page.Reserve(bytes);

  metrics::AppendProcess(&page);
  page.Add(kHealthy, health == "OK");
  Samples unhealthy(kUnhealthy);
  if (health != "OK") unhealthy.Add(Labels("reason", health), 1);
  page.Add(kUnhealthy, unhealthy);
  QueueMetrics queue;
  std::vector<LoopReport> loops;
  Samples lookupds(kLookupd);
  Samples connections(kConnections);
  Samples refused(kRefused);
  Samples limits(kConnectionLimit);
  for (const MetricsPart& part : parts) {
    queue.Merge(part.queue);
    loops.push_back(part.loop);
    for (const MetricsPart::Connections& kind : part.connections) {
      const Labels labels("protocol", kind.protocol);
      connections.Add(labels, kind.open);
      refused.Add(labels, kind.refused);
      limits.Add(labels, kind.limit);
    }
    for (const MetricsPart::Lookupd& lookupd : part.lookupds) {
      lookupds.Add(Labels("address", lookupd.address), lookupd.connected);
    }
  }
  page.Add(kPublish, queue.publish);
  page.Add(kDelivery, queue.delivery);
  page.Add(kSync, queue.sync);
  page.Add(kBudget, memory_budget_bytes);
  page.Add(kConnections, connections);
  page.Add(kRefused, refused);
  page.Add(kConnectionLimit, limits);
  page.Add(kLookupd, lookupds);
  AppendLoops(loops, &page);
  for (size_t id = 0; id < kFamilies; ++id) {
    page.Begin(kFamilyTable[id]);
    for (const MetricsPart& part : parts) page.Append(part.samples_[id]);
  }
  return page.Take();
}

}  // namespace nsq::nsqd
