#pragma once

#include "nsqd/http/stats_page.h"

namespace nsq::nsqd {

// The daemon of the captured examples (spec, nsqd-http 15): one topic, a channel with a consumer
// that holds a message, and a producer.
inline StatsPage SamplePage() {
  constexpr int64_t kSecond = 1'000'000'000;
  StatsPage page;
  page.health = "OK";
  page.start_time = WallFromUnixNanos(1795214862 * kSecond + 900'000'000);
  page.now = page.start_time + seconds(183) + nanoseconds(539434814);

  ClientStats consumer;
  consumer.client_id = "cons1";
  consumer.hostname = "chost";
  consumer.remote_address = "127.0.0.1:60850";
  consumer.user_agent = "probe/1.0";
  consumer.state = 3;
  consumer.ready_count = 3;
  consumer.in_flight_count = 1;
  consumer.message_count = 3;
  consumer.finish_count = 1;
  consumer.requeue_count = 1;
  consumer.connected_at = WallFromUnixNanos(1795215046 * kSecond);

  ChannelStats channel;
  channel.name = "billing";
  channel.in_flight_count = 1;
  channel.deferred_count = 1;
  channel.message_count = 3;
  channel.delivered_count = 3;
  channel.requeue_count = 1;
  channel.client_count = 1;
  channel.clients.emplace().push_back(consumer);

  TopicStats topic;
  topic.name = "orders";
  topic.message_count = 3;
  topic.message_bytes = 17;
  topic.channels.push_back(channel);
  page.stats.topics.push_back(topic);

  ClientStats producer;
  producer.client_id = "prod1";
  producer.hostname = "phost";
  producer.remote_address = "127.0.0.1:60838";
  producer.user_agent = "probe/1.0";
  producer.connected_at = consumer.connected_at;
  producer.pub_counts = {{"orders", 3}};
  page.stats.producers.push_back(producer);
  return page;
}

}  // namespace nsq::nsqd
