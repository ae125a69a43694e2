#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/time.h"

namespace nsq {

// "1m30s", "1.5h", ".5s", "-5ms", "+1us", "18µs", "0": decimal numbers, each with one of the units
// ns us µs ms s m h. Nothing for anything else, nor for what 64 bits of nanoseconds do not hold.
std::optional<Duration> ParseGoDuration(std::string_view text);

// As Go prints one: "0s", "811ns", "18.057µs", "250ms", "1.5s", "1m0s", "1h0m0.5s".
std::string FormatGoDuration(Duration duration);

}  // namespace nsq
