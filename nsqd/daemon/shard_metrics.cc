#include "nsqd/daemon/shard_metrics.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nsqd/daemon/lookup/lookup_peers.h"
#include "nsqd/daemon/lookup_desk.h"
#include "nsqd/protocol/session.h"

// Shard: what it says on GET /metrics.

namespace nsq::nsqd {
namespace {

// Topics and channels whose lines are made in one turn: some 2 ms.
constexpr size_t kSeenPerTurn = 1024;

}  // namespace

struct Shard::MetricsReply : Letter {
  MetricsReply(Shard* s, uint64_t n, size_t i, MetricsPart p)
      : to(s), number(n), shard(i), part(std::move(p)) {}
  void Open() noexcept override { to->OnMetrics(number, shard, std::move(part)); }
  Shard* const to;
  const uint64_t number;
  const size_t shard;
  MetricsPart part;
};

// Goes round its loop until it has seen all topics, some in each turn.
struct Shard::MetricsRequest : Letter {
  struct Work {
    Shard* from;
    Shard* to;
    uint64_t number;
    bool topics;
    bool begun = false;
    MetricsPart part = {};
    std::vector<std::string> names = {};  // what is left; those deleted meanwhile are passed over
  };

  explicit MetricsRequest(std::unique_ptr<Work> w) : work(std::move(w)) {}
  void Open() noexcept override {
    Shard& here = *work->to;
    here.home_.Assert();
    if (!std::exchange(work->begun, true)) {
      work->part = here.MetricsHere();
      if (work->topics) {
        work->names.reserve(here.topics_.size());
        for (const auto& [name, topic] : here.topics_) work->names.push_back(name);
      }
    }
    StatsFilter filter;
    filter.include_clients = false;
    for (size_t seen = 0; !work->names.empty() && seen < kSeenPerTurn; work->names.pop_back()) {
      const auto topic = here.topics_.find(work->names.back());
      if (topic == here.topics_.end()) continue;
      const TopicStats stats = topic->second->Stats(filter);
      work->part.AddTopic(stats, here.loop_.WallClock());
      seen += 1 + stats.channels.size();
    }
    if (!work->names.empty()) {
      here.loop_.Post(std::make_unique<MetricsRequest>(std::move(work)));
      return;
    }
    work->from->loop_.Post(std::make_unique<MetricsReply>(work->from, work->number, here.index_,
                                                          std::move(work->part)));
  }
  std::unique_ptr<Work> work;
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
    shard->loop_.Post(std::make_unique<MetricsRequest>(std::unique_ptr<MetricsRequest::Work>(
        new MetricsRequest::Work{this, shard, number, topics})));
  }
}

MetricsPart Shard::MetricsHere() const {
  MetricsPart part;
  part.loop.name = loop_.name();
  part.loop.stats = loop_.stats();
  part.loop.connections = sessions_.size() + (http_count_ ? http_count_() : 0);
  part.loop.topics = topics_.size();
  part.loop.message_memory_bytes = budget_.used_bytes;
  part.queue = metrics_;
  if (index_ == 0) {
    for (const CountedConnections& kind : world_.connections) {
      part.connections.push_back(
          {kind.protocol, kind.limit->open(), kind.limit->refused(), kind.limit->max()});
    }
  }
  // The peers live on the desk's loop, which is the first shard's.
  const LookupPeers* const peers = index_ == 0 ? world_.lookup->peers() : nullptr;
  if (peers != nullptr) {
    for (auto& [address, connected] : peers->Connected()) {
      part.lookupds.push_back({std::move(address), connected});
    }
  }
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
