#include "common/event/connection_limit.h"

namespace nsq {

ConnectionPlace::~ConnectionPlace() {
  if (limit_ != nullptr) --limit_->open_;
}

std::optional<ConnectionPlace> ConnectionLimit::Take() {
  // Taken first: two threads at once must not both find the last place.
  if (++open_ <= max_ || max_ == 0) return ConnectionPlace(this);
  --open_;
  ++refused_;
  return std::nullopt;
}

}  // namespace nsq
