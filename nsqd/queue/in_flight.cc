#include "nsqd/queue/in_flight.h"

#include <algorithm>

#include "common/check.h"

namespace nsq::nsqd {
namespace {

constexpr int kFirstTableBits = 4;
constexpr uint32_t kCutShort = 0;  // the list of deadlines that TOUCH could not move far enough

}  // namespace

InFlight::InFlight()
    : table_(size_t{1} << kFirstTableBits, kNone), shift_(64 - kFirstTableBits), lists_(1) {}

// By the golden ratio numbers that count by one fall far from each other and evenly, so that even
// a full window of messages hardly ever meets in a slot (Knuth, The Art of Computer Programming,
// 6.4).
size_t InFlight::Ideal(Sequence sequence) const {
  constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;
  return static_cast<size_t>((sequence.value * kGoldenRatio) >> shift_);
}

size_t InFlight::Slot(Sequence sequence) const {
  const size_t mask = table_.size() - 1;
  size_t slot = Ideal(sequence);
  while (table_[slot] != kNone && pool_[table_[slot]].sequence != sequence) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void InFlight::Grow() {
  std::vector<uint32_t> old(2 * table_.size(), kNone);
  old.swap(table_);
  --shift_;
  for (const uint32_t index : old) {
    if (index != kNone) table_[Slot(pool_[index].sequence)] = index;
  }
}

uint32_t InFlight::ListFor(Duration timeout) {
  for (uint32_t i = 1; i < lists_.size(); ++i) {
    if (lists_[i].timeout == timeout) return i;
  }
  // One that is empty may change its length; so there are no more lists than lengths in use.
  for (uint32_t i = 1; i < lists_.size(); ++i) {
    if (lists_[i].head == kNone) {
      lists_[i].timeout = timeout;
      return i;
    }
  }
  lists_.push_back({timeout, kNone, kNone});
  return static_cast<uint32_t>(lists_.size() - 1);
}

void InFlight::Link(uint32_t index, uint32_t list) {
  Entry& entry = pool_[index];
  List& to = lists_[list];
  entry.list = list;
  entry.next = kNone;
  entry.previous = to.tail;
  if (to.tail != kNone) {
    pool_[to.tail].next = index;
  } else {
    to.head = index;
  }
  to.tail = index;
}

void InFlight::LinkInOrder(uint32_t index, uint32_t list) {
  Entry& entry = pool_[index];
  List& to = lists_[list];
  uint32_t before = to.tail;
  while (before != kNone && pool_[before].deadline > entry.deadline)
    before = pool_[before].previous;
  const uint32_t after = before == kNone ? to.head : pool_[before].next;
  entry.list = list;
  entry.previous = before;
  entry.next = after;
  (before == kNone ? to.head : pool_[before].next) = index;
  (after == kNone ? to.tail : pool_[after].previous) = index;
}

void InFlight::Unlink(uint32_t index) {
  Entry& entry = pool_[index];
  List& from = lists_[entry.list];
  (entry.previous == kNone ? from.head : pool_[entry.previous].next) = entry.next;
  (entry.next == kNone ? from.tail : pool_[entry.next].previous) = entry.previous;
}

InFlight::Entry* InFlight::Add(Sequence sequence, Subscription* owner, uint16_t attempts,
                               SteadyTime now, Duration timeout) {
  if (2 * (size_ + 1) > table_.size()) Grow();
  uint32_t index = free_;
  if (index != kNone) {
    free_ = pool_[index].next;
  } else {
    index = static_cast<uint32_t>(pool_.size());
    pool_.emplace_back();
  }
  Entry& entry = pool_[index];
  entry.sequence = sequence;
  entry.owner = owner;
  entry.attempts = attempts;
  entry.delivered_at = now;
  entry.deadline = now + timeout;
  const size_t slot = Slot(sequence);
  NSQ_DCHECK(table_[slot] == kNone);
  table_[slot] = index;
  Link(index, ListFor(timeout));
  ++size_;
  return &entry;
}

InFlight::Entry* InFlight::Find(Sequence sequence) {
  const uint32_t index = table_[Slot(sequence)];
  return index == kNone ? nullptr : &pool_[index];
}

void InFlight::Remove(Entry* entry) {
  const uint32_t index = static_cast<uint32_t>(entry - pool_.data());
  Unlink(index);
  // Linear probing without tombstones: what follows in the run moves up if it may.
  const size_t mask = table_.size() - 1;
  size_t hole = Slot(entry->sequence);
  for (size_t slot = (hole + 1) & mask; table_[slot] != kNone; slot = (slot + 1) & mask) {
    const size_t ideal = Ideal(pool_[table_[slot]].sequence);
    if (((slot - ideal) & mask) >= ((slot - hole) & mask)) {
      table_[hole] = table_[slot];
      hole = slot;
    }
  }
  table_[hole] = kNone;
  entry->owner = nullptr;
  entry->next = free_;
  free_ = index;
  --size_;
}

void InFlight::Touch(Entry* entry, SteadyTime now, Duration timeout, SteadyTime latest) {
  const bool in_time = now + timeout <= latest;
  // Touched over and over, it is as far as it may go: no search for its place.
  if (!in_time && entry->list == kCutShort && entry->deadline == latest) return;
  const uint32_t index = static_cast<uint32_t>(entry - pool_.data());
  Unlink(index);
  if (in_time) {
    entry->deadline = now + timeout;
    Link(index, ListFor(timeout));
  } else {
    entry->deadline = latest;
    LinkInOrder(index, kCutShort);
  }
}

InFlight::Entry* InFlight::FirstExpired(SteadyTime now) {
  Entry* first = nullptr;
  for (const List& list : lists_) {
    if (list.head == kNone) continue;
    Entry& entry = pool_[list.head];
    if (entry.deadline <= now && (first == nullptr || entry.deadline < first->deadline)) {
      first = &entry;
    }
  }
  return first;
}

std::optional<SteadyTime> InFlight::NextDeadline() const {
  std::optional<SteadyTime> next;
  for (const List& list : lists_) {
    if (list.head == kNone) continue;
    const SteadyTime deadline = pool_[list.head].deadline;
    if (!next || deadline < *next) next = deadline;
  }
  return next;
}

void InFlight::Clear() { *this = InFlight(); }

}  // namespace nsq::nsqd
