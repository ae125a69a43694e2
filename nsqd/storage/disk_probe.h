#pragma once

#include <string>

#include "common/event/helper_pool.h"
#include "common/status.h"
#include "nsqd/storage/files.h"

namespace nsq::nsqd {

// Tries whether the disk takes and syncs something now: makes and removes a small file. What is
// told whom is the derived job's affair.
struct DiskProbe : Job {
  void Run() noexcept override;

  // in
  Files* files;
  std::string path;  // empty: there is no disk to fail

  // in: an error makes all of it needless; out
  Status status;

 private:
  Status Try();
};

}  // namespace nsq::nsqd
