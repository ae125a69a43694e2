#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/config/flag.h"

namespace nsq {

// What -help prints: the flags in their order, under their groups, in two columns. `flags` of one
// group stand together or not; a group comes where its first flag does.
std::string UsageText(std::string_view program, std::span<const Flag* const> flags);

}  // namespace nsq
