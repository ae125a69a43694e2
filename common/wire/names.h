#pragma once

#include <string_view>

namespace nsq {

// 1 to 64 bytes in total: [.a-zA-Z0-9_-]+, then "#ephemeral" or nothing (spec, nsqd-tcp 5.1).
bool IsValidTopicName(std::string_view name);
bool IsValidChannelName(std::string_view name);

inline constexpr std::string_view kEphemeralSuffix = "#ephemeral";

// Ephemeral topics and channels never touch the disk and go with their last user.
inline bool IsEphemeral(std::string_view name) { return name.ends_with(kEphemeralSuffix); }

}  // namespace nsq
