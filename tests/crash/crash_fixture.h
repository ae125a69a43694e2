#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/cluster/cluster_fixture.h"
#include "tests/crash/disk_faults.h"
#include "tests/crash/ledger.h"
#include "tests/crash/load.h"

namespace nsq::crash {

// How often a test ends its daemon: `rounds`, or what NSQ_CRASH_ROUNDS says.
int Rounds(int rounds);

// A daemon that is ended again and again under load, and a ledger of what it promised. Seeded;
// NSQ_TEST_SEED overrides.
class CrashTest : public cluster::ClusterTest {
 protected:
  CrashTest();
  ~CrashTest() override;

  // An nsqd with small files, seldom kept in memory and soon copied forward, and the topic with the
  // load's channels.
  void Begin(const std::string& durability, Ledger::Promise promise,
             std::vector<std::string> flags = {});

  // Load, until enough was acknowledged or the daemon has died; then `end`, after which it must be
  // dead. Starts it again and looks whether it still has its channels.
  void Round(const std::function<void()>& end);

  // Without producers, until nothing is left. Then nothing may be lost, and the disk be given back.
  void Finish();

  void StartAgain();

  cluster::Nsqd& nsqd() { return *nsqds_[0]; }
  DiskFaults& disk() { return *disk_; }
  Ledger& ledger() { return *ledger_; }
  std::mt19937& random() { return random_; }
  std::filesystem::path data_path() const { return folder() / "nsqd0"; }

  LoadOptions load_;
  size_t acknowledged_a_round_ = 800;
  bool much_later_ = false;  // each round begins with a publish that is due in half an hour

 private:
  unsigned seed_;
  std::mt19937 random_;
  int rounds_ = 0;
  std::optional<Ledger> ledger_;
  std::optional<DiskFaults> disk_;
  testing::ScopedTrace trace_;
};

}  // namespace nsq::crash
