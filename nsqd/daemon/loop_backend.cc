#include "nsqd/daemon/loop_backend.h"

#include <memory>
#include <utility>

#include "nsqd/daemon/daemon.h"
#include "nsqd/daemon/loop_check.h"
#include "nsqd/daemon/shard.h"
#include "nsqd/http/memory_stats.h"
#include "nsqd/http/metrics_page.h"

namespace nsq::nsqd {
namespace {

// One HTTP publish on its way.
class HttpPublish : public Publisher {
 public:
  explicit HttpPublish(std::function<void(const Status&)> done) : done_(std::move(done)) {}

  void OnPublished(uint64_t /*ticket*/, const Status& status) override {
    const std::unique_ptr<HttpPublish> self(this);  // answered once: nobody holds it any more
    done_(status);
  }

 private:
  const std::function<void(const Status&)> done_;
};

}  // namespace

LoopBackend::LoopBackend(Daemon& daemon, Shard& shard) : daemon_(daemon), shard_(shard) {}

LoopBackend::~LoopBackend() = default;

const Options& LoopBackend::options() const { return shard_.options(); }

void LoopBackend::Publish(std::string_view topic, std::span<const std::string_view> bodies,
                          Duration defer, std::function<void(const Status&)> done) {
  shard_.Publish(topic, bodies, defer, std::make_unique<HttpPublish>(std::move(done)).release(), 0);
}

void LoopBackend::EnsureTopic(std::string_view topic) { shard_.EnsureTopic(topic); }

void LoopBackend::Act(TopicAction action, std::string topic, std::string channel,
                      std::function<void(const ActionResult&)> done) {
  shard_.Act(action, std::move(topic), std::move(channel), std::move(done));
}

void LoopBackend::GatherStats(const StatsFilter& filter, std::function<void(DaemonStats)> done) {
  shard_.GatherStats(filter, std::move(done));
}

void LoopBackend::GatherMetrics(bool topics, std::function<void(std::vector<MetricsPart>)> done) {
  shard_.GatherMetrics(topics, std::move(done));
}

void LoopBackend::Backup(std::string name, std::function<void(const BackupResult&)> done) {
  shard_.Backup(name, std::move(done));
}

std::string LoopBackend::Health() { return daemon_.health().Text(); }

WallTime LoopBackend::start_time() const { return daemon_.start_time(); }

MemoryStats LoopBackend::Memory() { return ReadMemory({}); }

void LoopBackend::CheckLoops(std::function<void(const std::vector<std::string>&)> done) {
  if (check_ == nullptr) check_ = std::make_unique<LoopCheck>(shard_.loop(), daemon_.loops());
  check_->Check(std::move(done));
}

DrainState LoopBackend::Drain() { return daemon_.drain_state(); }

void LoopBackend::StartDrain(std::optional<Duration> timeout) { daemon_.StartDrain(timeout); }

void LoopBackend::CancelDrain() { daemon_.CancelDrain(); }

int LoopBackend::tcp_port() const { return daemon_.ports().tcp; }
int LoopBackend::http_port() const { return daemon_.ports().http; }

std::vector<std::string> LoopBackend::lookupd_addresses() { return daemon_.lookupd_addresses(); }

void LoopBackend::SetLookupdAddresses(std::vector<std::string> addresses) {
  daemon_.SetLookupdAddresses(std::move(addresses));
}

Result<Backend::ConfigValue> LoopBackend::GetConfig(std::string_view key) {
  return daemon_.GetConfig(key);
}

}  // namespace nsq::nsqd
