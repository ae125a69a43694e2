#include "nsqd/daemon/health.h"

namespace nsq::nsqd {

void Health::Note(std::string_view topic, const Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!status.ok()) {
    failing_.insert_or_assign(std::string(topic), status.detail());
  } else if (const auto it = failing_.find(topic); it != failing_.end()) {
    failing_.erase(it);
  }
}

std::string Health::Text() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return failing_.empty() ? "OK" : "NOK - " + failing_.begin()->second;
}

}  // namespace nsq::nsqd
