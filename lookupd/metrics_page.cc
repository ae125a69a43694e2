#include "lookupd/metrics_page.h"

#include "common/metrics/exposition.h"
#include "common/metrics/process.h"

namespace nsq::lookupd {
namespace {

using metrics::Family;
using metrics::Labels;
using metrics::Samples;
using metrics::Type;

constexpr Family kTopics{"nsq_lookupd_topics", Type::kGauge, "Topics in the directory."};
constexpr Family kChannels{"nsq_lookupd_channels", Type::kGauge, "Channels in the directory."};
constexpr Family kNodes{"nsq_lookupd_nodes", Type::kGauge,
                        "nsqds that have identified themselves."};
constexpr Family kInactive{"nsq_lookupd_inactive_nodes", Type::kGauge,
                           "The part of nsq_lookupd_nodes that is hidden: silent for too long."};
constexpr Family kTombstones{"nsq_lookupd_tombstones", Type::kGauge,
                             "Producers of a topic that are hidden by a tombstone now."};
constexpr Family kTopicProducers{"nsq_lookupd_topic_producers", Type::kGauge,
                                 "nsqds that consumers of the topic are told of."};
constexpr Family kTopicChannels{"nsq_lookupd_topic_channels", Type::kGauge,
                                "Channels of the topic."};

}  // namespace

std::string MetricsText(const RegistrationDb::Figures& figures, const LoopReport& loop) {
  metrics::Page page;
  metrics::AppendProcess(&page);
  AppendLoops({&loop, 1}, &page);
  uint64_t channels = 0;
  uint64_t tombstones = 0;
  Samples producers_of(kTopicProducers);
  Samples channels_of(kTopicChannels);
  for (const RegistrationDb::TopicFigures& topic : figures.topics) {
    channels += topic.channels;
    tombstones += topic.tombstones;
    const Labels labels("topic", topic.name);
    producers_of.Add(labels, topic.producers);
    channels_of.Add(labels, topic.channels);
  }
  page.Add(kTopics, figures.topics.size());
  page.Add(kChannels, channels);
  page.Add(kNodes, figures.nodes);
  page.Add(kInactive, figures.inactive_nodes);
  page.Add(kTombstones, tombstones);
  page.Add(kTopicProducers, producers_of);
  page.Add(kTopicChannels, channels_of);
  return page.Take();
}

}  // namespace nsq::lookupd
