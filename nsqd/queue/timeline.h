#pragma once

#include <cstddef>
#include <deque>

#include "common/time.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// About when the messages of a topic were published, for those that are no longer in memory: marks,
// a second apart, and further apart the longer the backlog is.
//
// Home: its topic's. 2 KB at most.
class Timeline {
 public:
  // Messages from `first` on are not older than `now`. In order.
  void Mark(Sequence first, WallTime now);

  // The time of the last mark at or before `sequence`: it was not published before that. The zero
  // time if nothing is known.
  WallTime NotBefore(Sequence sequence) const;

  // Nobody will ask for what lies below `sequence`.
  void Release(Sequence sequence);

 private:
  static constexpr size_t kMaxMarks = 128;

  struct At {
    Sequence sequence;
    WallTime time;
  };

  std::deque<At> marks_;
  Duration distance_ = seconds(1);
};

}  // namespace nsq::nsqd
