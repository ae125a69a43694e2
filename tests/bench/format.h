#pragma once

#include <string>

namespace nsq::bench {

// printf into a string, for tables of numbers.
[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...);

}  // namespace nsq::bench
