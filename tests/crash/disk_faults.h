#pragma once

#include <filesystem>
#include <memory>
#include <random>

#include "tests/cluster/support/daemons.h"
#include "tests/crash/disk_shadow.h"
#include "tests/crash/fault_control.h"

namespace nsq::crash {

// The test's half of faulty_disk.cc: what a daemon's data path does to it.
class DiskFaults {
 public:
  // `folder`: of the test, for its own files. `data_path`: a whole path; must be there.
  DiskFaults(const std::filesystem::path& folder, const std::filesystem::path& data_path);
  DiskFaults(const DiskFaults&) = delete;
  DiskFaults& operator=(const DiskFaults&) = delete;
  ~DiskFaults();

  // Starts the daemon with this disk, if it does not die; what is there already is on the disk.
  [[nodiscard]] bool TryStart(cluster::Nsqd& nsqd);
  // From the next start on what was synced is noted, and no sync waits for a real disk.
  void FollowSyncs();

  FaultControl& control() { return *control_; }
  // The disk is well again. What was counted stays.
  void Heal();
  // The program dies at the `number`-th such call from now on.
  void DieAt(DiskCall call, uint64_t number, FaultyFiles files, DieWhen when);

  // After the daemon has died.
  void CutPower(std::mt19937* random) { shadow_.CutPower(random); }

 private:
  const std::filesystem::path control_path_;
  const std::filesystem::path data_path_;
  const std::filesystem::path shadow_path_;
  DiskShadow shadow_;
  bool follows_ = false;
  FaultControl* control_ = nullptr;
};

}  // namespace nsq::crash
