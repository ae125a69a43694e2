#pragma once

#include <array>
#include <cstddef>
#include <random>
#include <vector>

#include "common/time.h"

namespace nsq::client {

// Chooses among hosts that may be down; by index. Pure: takes the time.
//
// In turn, over those that are not dead. One that fails is dead for 30 s; then it is handed out
// once, and is dead for twice as long, up to 15 min, unless it succeeds. If all are dead and none
// is due, all are taken to live again.
//
// Greedy: with probability epsilon as above, else at random by how quick they were in the last five
// minutes.
//
// Home: its owner's.
class HostPool {
 public:
  HostPool(size_t hosts, bool greedy, uint64_t seed);

  size_t Choose(SteadyTime now);
  // How a use that began with Choose has ended; `took` counts for greedy pools, of successes.
  void OnSuccess(size_t host, SteadyTime now, Duration took);
  void OnFailure(size_t host, SteadyTime now);

  bool dead(size_t host) const { return hosts_[host].dead; }

 private:
  static constexpr size_t kBuckets = 120;
  static constexpr Duration kBucketTime = milliseconds(2500);

  struct Bucket {
    double total_ms = 0;
    size_t count = 0;
  };
  struct Host {
    bool dead = false;
    Duration delay{0};
    SteadyTime due;
    std::array<Bucket, kBuckets> buckets;  // the present one at `bucket`
    size_t bucket = 0;
    SteadyTime bucket_began;
  };

  size_t NextInTurn(SteadyTime now);
  static void Advance(Host* host, SteadyTime now);
  static double WeightedMean(const Host& host);

  const bool greedy_;
  double epsilon_ = 0.3;
  std::vector<Host> hosts_;
  size_t next_ = 0;
  std::mt19937_64 random_;
};

}  // namespace nsq::client
