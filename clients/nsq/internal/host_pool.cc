#include "clients/nsq/internal/host_pool.h"

#include <algorithm>

namespace nsq::client {
namespace {

constexpr Duration kFirstDelay = seconds(30);
constexpr Duration kLongestDelay = seconds(900);
constexpr double kLeastEpsilon = 0.01;
constexpr double kEpsilonDecay = 0.9;

}  // namespace

HostPool::HostPool(size_t hosts, bool greedy, uint64_t seed)
    : greedy_(greedy), hosts_(hosts), random_(seed) {}

size_t HostPool::Choose(SteadyTime now) {
  if (!greedy_) return NextInTurn(now);
  if (std::uniform_real_distribution<double>(0, 1)(random_) < epsilon_) {
    epsilon_ = std::max(kLeastEpsilon, epsilon_ * kEpsilonDecay);
    return NextInTurn(now);
  }
  std::vector<double> weights;
  double sum = 0;
  for (Host& host : hosts_) {
    Advance(&host, now);
    const double mean = host.dead ? 0 : WeightedMean(host);
    weights.push_back(mean > 0 ? 1 / mean : 0);
    sum += weights.back();
  }
  if (sum <= 0) return NextInTurn(now);
  return std::discrete_distribution<size_t>(weights.begin(), weights.end())(random_);
}

size_t HostPool::NextInTurn(SteadyTime now) {
  for (size_t i = 0; i < hosts_.size(); ++i) {
    const size_t index = (next_ + i) % hosts_.size();
    Host& host = hosts_[index];
    if (host.dead) {
      if (now < host.due) continue;
      host.delay = std::min(host.delay * 2, kLongestDelay);
      host.due = now + host.delay;
    }
    next_ = index + 1;
    return index;
  }
  for (Host& host : hosts_) host.dead = false;
  next_ = 1;
  return 0;
}

void HostPool::OnSuccess(size_t index, SteadyTime now, Duration took) {
  Host& host = hosts_[index];
  host.dead = false;
  if (!greedy_) return;
  Advance(&host, now);
  Bucket& bucket = host.buckets[host.bucket];
  bucket.total_ms += std::chrono::duration<double, std::milli>(took).count();
  ++bucket.count;
}

void HostPool::OnFailure(size_t index, SteadyTime now) {
  Host& host = hosts_[index];
  if (host.dead) return;
  host.dead = true;
  host.delay = kFirstDelay;
  host.due = now + host.delay;
}

// Moves on to the bucket of `now`.
void HostPool::Advance(Host* host, SteadyTime now) {
  if (host->bucket_began == SteadyTime()) host->bucket_began = now;
  const auto passed = static_cast<size_t>((now - host->bucket_began) / kBucketTime);
  for (size_t i = 0; i < std::min(passed, kBuckets); ++i) {
    host->bucket = (host->bucket + 1) % kBuckets;
    host->buckets[host->bucket] = Bucket();
  }
  host->bucket_began += kBucketTime * static_cast<int64_t>(passed);
}

// Of the buckets' means, the newest counting most; an empty one stands for the one before it.
double HostPool::WeightedMean(const Host& host) {
  double mean = 0;
  double last = 0;
  for (size_t i = 1; i <= kBuckets; ++i) {
    const Bucket& bucket = host.buckets[(host.bucket + i) % kBuckets];
    if (bucket.count > 0) last = bucket.total_ms / static_cast<double>(bucket.count);
    mean += last * static_cast<double>(i) / static_cast<double>(kBuckets);
  }
  return mean;
}

}  // namespace nsq::client
