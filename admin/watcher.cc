#include "admin/watcher.h"

#include <algorithm>

#include "admin/sampler.h"

namespace nsq::admin {

Watcher::Watcher(Sampler* sampler, Duration interval) : sampler_(sampler), interval_(interval) {
  if (interval_ > Duration::zero()) thread_ = std::thread([this] { Run(); });
}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Watcher::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const Duration took = milliseconds(sampler_->Report()->took_ms);
    lock.lock();
    wake_.wait_for(lock, std::clamp<Duration>(kRest * took, interval_, kLongest * interval_),
                   [this] { return stopping_; });
  }
}

}  // namespace nsq::admin
