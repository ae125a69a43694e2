#include "common/version.h"

namespace nsq {

std::string Toolchain() {
#ifdef __clang__
  return "clang" + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__) + "." +
         std::to_string(__clang_patchlevel__);
#else
  return "g++" + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." +
         std::to_string(__GNUC_PATCHLEVEL__);
#endif
}

std::string VersionLine(std::string_view program) {
  return std::string(program) + " v" + std::string(kVersion) + " (built w/" + Toolchain() + ")";
}

}  // namespace nsq
