#include "nsqd/daemon/placement.h"

#include <algorithm>

namespace nsq::nsqd {

size_t Placement::HomeOf(std::string_view topic, size_t asker) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto it = homes_.find(topic); it != homes_.end()) return it->second;
  const auto least = std::min_element(topics_.begin(), topics_.end());
  const size_t loop =
      topics_[asker] == *least ? asker : static_cast<size_t>(least - topics_.begin());
  ++topics_[loop];
  homes_.emplace(std::string(topic), loop);
  return loop;
}

std::optional<size_t> Placement::Find(std::string_view topic) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = homes_.find(topic);
  if (it == homes_.end()) return std::nullopt;
  return it->second;
}

void Placement::Forget(std::string_view topic) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = homes_.find(topic);
  if (it == homes_.end()) return;
  --topics_[it->second];
  homes_.erase(it);
}

}  // namespace nsq::nsqd
