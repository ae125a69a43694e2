#pragma once

#include <optional>
#include <string_view>

namespace nsq::nsqd {

// When a publisher hears OK.
enum class Durability {
  kMemory,  // at once; written when memory is full and at a clean stop, as the Go nsqd
  kOs,      // when the kernel has it: survives kill -9
  kFsync,   // when the disk has it: survives a power cut
};

// "memory", "os", "fsync": what --durability takes.
std::string_view DurabilityName(Durability durability);
std::optional<Durability> ParseDurability(std::string_view name);

}  // namespace nsq::nsqd
