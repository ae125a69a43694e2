#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/time.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

struct Subscription;

// The messages of one channel that consumers have and have not answered for: found by sequence,
// and ordered by deadline.
//
// A pool of entries, an open-addressing table from sequence to entry, and for each time-out length
// a list of entries in the order of their deadlines: with one length, later delivered is later due,
// so that adding, finishing and touching are O(1) and nothing is left behind for a finished
// message. Steady state allocates nothing. Every length in use at the same time costs a step of
// each Add and of each look for what has expired: there are few.
//
// Home: its channel's.
class InFlight {
 public:
  struct Entry {
    Sequence sequence;
    Subscription* owner = nullptr;  // outlives the entry
    SteadyTime delivered_at;
    SteadyTime deadline;
    WallTime published_at;
    uint16_t attempts = 0;

   private:
    friend class InFlight;
    uint32_t list = 0;
    uint32_t previous = 0;
    uint32_t next = 0;
  };

  InFlight();

  // `sequence` is not there yet. The deadline is now + timeout. Valid as Find's.
  Entry* Add(Sequence sequence, Subscription* owner, uint16_t attempts, SteadyTime now,
             Duration timeout);

  // Null if it is not there. Valid until the next Add or Remove.
  Entry* Find(Sequence sequence);

  void Remove(Entry* entry);

  // Moves the deadline to now + timeout, but not past `latest`.
  void Touch(Entry* entry, SteadyTime now, Duration timeout, SteadyTime latest);

  // The entry with the earliest deadline if that has come, else null.
  Entry* FirstExpired(SteadyTime now);
  std::optional<SteadyTime> NextDeadline() const;

  size_t size() const { return size_; }
  void Clear();

  template <typename F>
  void ForEach(F&& f) const {
    for (const List& list : lists_) {
      for (uint32_t i = list.head; i != kNone; i = pool_[i].next) f(pool_[i]);
    }
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  struct List {
    Duration timeout{0};
    uint32_t head = kNone;
    uint32_t tail = kNone;
  };

  size_t Ideal(Sequence sequence) const;
  size_t Slot(Sequence sequence) const;
  void Grow();
  uint32_t ListFor(Duration timeout);
  void Link(uint32_t index, uint32_t list);
  void LinkInOrder(uint32_t index, uint32_t list);
  void Unlink(uint32_t index);

  std::vector<Entry> pool_;
  uint32_t free_ = kNone;        // through Entry::next
  std::vector<uint32_t> table_;  // a power of two of entry indices, kNone: empty
  int shift_;                    // what is left of a hash is an index of table_
  size_t size_ = 0;
  // lists_[0] is for deadlines cut short by the latest allowed; kept in order by search.
  std::vector<List> lists_;
};

}  // namespace nsq::nsqd
