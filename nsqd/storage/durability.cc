#include "nsqd/storage/durability.h"

namespace nsq::nsqd {

std::string_view DurabilityName(Durability durability) {
  switch (durability) {
    case Durability::kMemory:
      return "memory";
    case Durability::kOs:
      return "os";
    case Durability::kFsync:
      return "fsync";
  }
  return "";
}

std::optional<Durability> ParseDurability(std::string_view name) {
  for (const auto durability : {Durability::kMemory, Durability::kOs, Durability::kFsync}) {
    if (name == DurabilityName(durability)) return durability;
  }
  return std::nullopt;
}

}  // namespace nsq::nsqd
