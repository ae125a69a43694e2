#pragma once

#include <nsq/producer.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nsq {
namespace client {
class PoolCore;
}

enum class PoolStrategy {
  kRoundRobin,        // all in turn; those that are down are passed over while others are up
  kLeastOutstanding,  // where the fewest wait for their answer
  kHostPool,          // in turn; one that failed is tried again after 30 s, doubling up to 15 min
  kEpsilonGreedy,     // mostly the quickest
};

struct ProducerPoolOptions {
  // Where to publish. Any nsqd takes any topic, so these are not looked up by topic.
  std::vector<std::string> nsqds = {};
  // All nsqd that these nsqlookupd know (GET /nodes), asked again every lookupd_poll_interval.
  std::vector<std::string> lookupds = {};
  PoolStrategy strategy = PoolStrategy::kRoundRobin;
  // Of each producer; its `nsqd` is not used.
  ProducerOptions producer = {};
  // A publish that was not sent goes to another nsqd, so often at most. With
  // `retry_unknown_outcome` also one that may have arrived: it may then arrive twice.
  int max_retries = 3;
  bool retry_unknown_outcome = false;
};

// Publishes to several nsqd: spreads, and goes round those that fail. Thread-safe.
class ProducerPool {
 public:
  using Time = std::chrono::nanoseconds;
  using Callback = Producer::Callback;

  static Expected<ProducerPool> Open(Runtime& runtime, ProducerPoolOptions options);
  ProducerPool(ProducerPool&& other) noexcept;
  ProducerPool& operator=(ProducerPool&& other) noexcept;
  ~ProducerPool();

  // As of Producer. The error is the last one's; kNotSent if there is no nsqd at all.
  Expected<void> Publish(std::string_view topic, std::string_view body,
                         std::optional<Time> timeout = {});
  Expected<void> PublishBatch(std::string_view topic, std::span<const std::string_view> bodies,
                              std::optional<Time> timeout = {});
  Expected<void> PublishDeferred(std::string_view topic, Time delay, std::string_view body,
                                 std::optional<Time> timeout = {});
  void Publish(std::string_view topic, std::string_view body, Callback done);
  void PublishBatch(std::string_view topic, std::span<const std::string_view> bodies,
                    Callback done);
  void PublishDeferred(std::string_view topic, Time delay, std::string_view body, Callback done);
  Producer::Publishing AwaitPublish(std::string_view topic, std::string_view body);
  Producer::Publishing AwaitPublishBatch(std::string_view topic,
                                         std::span<const std::string_view> bodies);
  Producer::Publishing AwaitPublishDeferred(std::string_view topic, Time delay,
                                            std::string_view body);

  Expected<void> Flush(Time timeout);
  Expected<void> Stop(Time timeout);

  // The addresses it publishes to at present.
  std::vector<std::string> nsqds() const;

 private:
  explicit ProducerPool(std::shared_ptr<client::PoolCore> core);

  std::shared_ptr<client::PoolCore> core_;
};

}  // namespace nsq
