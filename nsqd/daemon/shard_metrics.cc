#include "nsqd/daemon/shard_metrics.h"

#include <utility>

#include "nsqd/daemon/lookup/lookup_peers.h"
#include "nsqd/daemon/lookup_desk.h"
#include "nsqd/protocol/session.h"

// Shard: what it says on GET /metrics.

namespace nsq::nsqd {

struct Shard::MetricsReply : Letter {
  MetricsReply(Shard* s, uint64_t n, size_t i, MetricsPart p)
      : to(s), number(n), shard(i), part(std::move(p)) {}
  void Open() noexcept override { to->OnMetrics(number, shard, std::move(part)); }
  Shard* const to;
  const uint64_t number;
  const size_t shard;
  MetricsPart part;
};

struct Shard::MetricsRequest : Letter {
  MetricsRequest(Shard* f, Shard* t, uint64_t n, bool with_topics)
      : from(f), to(t), number(n), topics(with_topics) {}
  void Open() noexcept override {
    to->home_.Assert();
    from->loop_.Post(
        std::make_unique<MetricsReply>(from, number, to->index_, to->MetricsHere(topics)));
  }
  Shard* const from;
  Shard* const to;
  const uint64_t number;
  const bool topics;
};

void Shard::GatherMetrics(bool topics, std::function<void(std::vector<MetricsPart>)> done) {
  home_.Assert();
  const uint64_t number = next_question_++;
  auto gather = std::make_unique<MetricsGather>();
  gather->left = world_.shards.size();
  gather->parts.resize(world_.shards.size());
  gather->done = std::move(done);
  metering_.emplace(number, std::move(gather));
  for (Shard* const shard : world_.shards) {
    shard->loop_.Post(std::make_unique<MetricsRequest>(this, shard, number, topics));
  }
}

MetricsPart Shard::MetricsHere(bool topics) const {
  MetricsPart part;
  part.loop.name = loop_.name();
  part.loop.stats = loop_.stats();
  part.loop.connections = sessions_.size();
  part.loop.topics = topics_.size();
  part.loop.message_memory_bytes = budget_.used_bytes;
  part.queue = metrics_;
  // The peers live on the desk's loop, which is the first shard's.
  const LookupPeers* const peers = index_ == 0 ? world_.lookup->peers() : nullptr;
  if (peers != nullptr) {
    for (auto& [address, connected] : peers->Connected()) {
      part.lookupds.push_back({std::move(address), connected});
    }
  }
  if (!topics) return part;
  StatsFilter filter;
  filter.include_clients = false;
  for (const auto& [name, topic] : topics_) part.AddTopic(topic->Stats(filter), loop_.WallClock());
  return part;
}

void Shard::OnMetrics(uint64_t number, size_t shard, MetricsPart part) {
  home_.Assert();
  const auto it = metering_.find(number);
  if (it == metering_.end()) return;
  it->second->parts[shard] = std::move(part);
  if (--it->second->left > 0) return;
  const std::unique_ptr<MetricsGather> gather = std::move(it->second);
  metering_.erase(it);
  gather->done(std::move(gather->parts));
}

}  // namespace nsq::nsqd
