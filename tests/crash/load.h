#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/cluster/support/daemons.h"
#include "tests/crash/ledger.h"

namespace nsq::crash {

// Who works while a daemon is killed. All of them end when it does, or when they are told to.
struct LoadOptions {
  std::string topic = "t";
  std::vector<std::string> channels;  // that are there all the time
  size_t producers = 3;
  size_t consumers = 2;  // of each channel
  bool meddles = true;   // a channel comes and goes; channels and the topic are paused
};

// Producers that publish in every way, consumers that finish, requeue, touch and forget, and one
// who makes, removes and pauses channels: all of it told to the ledger.
//
// Home: the test's thread.
class Load {
 public:
  Load(const LoadOptions& options, cluster::Nsqd& nsqd, const std::string& name, unsigned seed,
       Ledger* ledger);
  ~Load();  // tells them to stop and waits

  // Producers only; the others go on.
  void StopProducing() { producing_ = false; }

 private:
  void Produce(const std::string& name, unsigned seed);
  void Consume(const std::string& channel, unsigned seed);
  void Meddle(unsigned seed);

  const LoadOptions options_;
  cluster::Nsqd& nsqd_;
  const uint16_t port_;
  Ledger& ledger_;
  std::atomic<bool> producing_ = true;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

// The channel that comes and goes.
constexpr const char* kPassingChannel = "passing";

}  // namespace nsq::crash
