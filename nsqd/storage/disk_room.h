#pragma once

#include <cstdint>
#include <string>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/storage/files.h"

namespace nsq::nsqd {

// The room that messages leave on the disk: for the journals of those who consume, so that a full
// disk empties again, and for whoever else needs it.
//
// Home: a loop; each of several knows of the others' writes a second later.
class DiskRoom {
 public:
  // `reserve_bytes` 0: a 16th of the file system, 64 MiB at most. `files` outlives it.
  DiskRoom(Files& files, std::string dir, uint64_t reserve_bytes);

  // kExhausted: with so many bytes more, less than the reserve would be left. The file system is
  // asked once a second, and when what it said is half used up.
  Status Take(uint64_t size_bytes, SteadyTime now);

 private:
  void Ask(SteadyTime now);

  Files& files_;
  const std::string dir_;
  const uint64_t reserve_bytes_;
  bool asked_ = false;
  SteadyTime asked_at_;
  uint64_t said_bytes_ = 0;  // above the reserve
  uint64_t left_bytes_ = 0;  // of that
  DiskSpace space_;
};

}  // namespace nsq::nsqd
