#include "common/time.h"

namespace nsq {

WallTime WallNow() {
  return std::chrono::time_point_cast<nanoseconds>(std::chrono::system_clock::now());
}

}  // namespace nsq
