#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/time.h"
#include "nsqd/storage/journal.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// What a channel must not deliver before a time: deferred publishes and delayed requeues, ordered
// by (due, sequence). A binary heap in one vector: 24 bytes a message.
//
// Home: its channel's.
class DeferredQueue {
 public:
  void Add(Sequence sequence, uint16_t attempts, WallTime due);

  // Takes the first one if it is due.
  std::optional<Unfinished> TakeDue(WallTime now);
  std::optional<WallTime> NextDue() const;

  size_t size() const { return heap_.size(); }
  void Clear();
  const std::vector<Unfinished>& items() const { return heap_; }  // in no order

 private:
  std::vector<Unfinished> heap_;
};

}  // namespace nsq::nsqd
