#include "nsqd/storage/disk_room.h"

#include <algorithm>
#include <utility>

#include "common/strings.h"

namespace nsq::nsqd {
namespace {

constexpr uint64_t kMostReserved = uint64_t{64} << 20;
constexpr uint64_t kReservedPart = 16;
constexpr Duration kAskAfter = seconds(1);

}  // namespace

DiskRoom::DiskRoom(Files& files, std::string dir, uint64_t reserve_bytes)
    : files_(files), dir_(std::move(dir)), reserve_bytes_(reserve_bytes) {}

void DiskRoom::Ask(SteadyTime now) {
  asked_ = true;
  asked_at_ = now;
  const Result<DiskSpace> space = files_.Space(dir_);
  // Who cannot say how much there is does not stop anybody: a write will.
  space_ = space.ok() ? *space : DiskSpace();
  const uint64_t reserve = reserve_bytes_ > 0
                               ? reserve_bytes_
                               : std::min(space_.total_bytes / kReservedPart, kMostReserved);
  said_bytes_ = left_bytes_ = space_.free_bytes - std::min(space_.free_bytes, reserve);
}

Status DiskRoom::Take(uint64_t size_bytes, SteadyTime now) {
  if (!asked_ || now - asked_at_ >= kAskAfter || left_bytes_ < size_bytes ||
      left_bytes_ < said_bytes_ / 2) {
    Ask(now);
  }
  if (left_bytes_ < size_bytes || left_bytes_ == 0) {
    return Status(Code::kExhausted,
                  StrCat("disk nearly full: ", space_.free_bytes, " of ", space_.total_bytes,
                         " bytes free, the rest is kept for what consumers finish "
                         "(--disk-reserve)"));
  }
  left_bytes_ -= size_bytes;
  return Status();
}

}  // namespace nsq::nsqd
