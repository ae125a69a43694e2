#include "tests/bench/format.h"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace nsq::bench {

std::string Format(const char* format, ...) {
  std::array<char, 512> line;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line.data(), line.size(), format, arguments);
  va_end(arguments);
  return line.data();
}

}  // namespace nsq::bench
