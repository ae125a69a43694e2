#include "common/event/unique_fd.h"

#include <unistd.h>

namespace nsq {

void UniqueFd::Reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace nsq
