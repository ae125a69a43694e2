#include "admin/sampler.h"

#include <algorithm>
#include <utility>

#include "admin/problems.h"

namespace nsq::admin {

Sampler::Sampler(std::function<ClusterSample()> take, std::function<SteadyTime()> clock,
                 std::function<void(const ClusterReport&)> remember)
    : take_(std::move(take)), clock_(std::move(clock)), remember_(std::move(remember)) {}

std::shared_ptr<const ClusterReport> Sampler::Last() {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::shared_ptr<const ClusterReport> Sampler::Report() {
  std::unique_lock lock(mutex_);
  if (making_) {
    made_.wait(lock, [this] { return !making_; });
    return last_;
  }
  if (last_ != nullptr && clock_() - made_at_ < fresh_for_) return last_;
  making_ = true;
  lock.unlock();
  const SteadyTime start = clock_();

  ClusterReport report = trends_.Add(take_());
  report.problems = FindProblems(report);
  if (remember_) remember_(report);

  lock.lock();
  making_ = false;
  made_at_ = clock_();
  fresh_for_ = std::clamp<Duration>(kRest * (made_at_ - start), kFreshFor, kLongestFresh);
  last_ = std::make_shared<const ClusterReport>(std::move(report));
  made_.notify_all();
  return last_;
}

}  // namespace nsq::admin
