#include "nsqd/storage/sequence_set.h"

#include <algorithm>
#include <iterator>

namespace nsq::nsqd {

void SequenceSet::Add(SequenceRange range) {
  uint64_t begin = range.begin.value;
  uint64_t end = range.end.value;
  if (begin >= end) return;
  auto next = runs_.lower_bound(begin);
  if (next != runs_.begin()) {
    const auto before = std::prev(next);
    if (before->second >= begin) {
      // The usual case, growing at the end, moves one number.
      if (next == runs_.end() || end < next->first) {
        before->second = std::max(before->second, end);
        return;
      }
      begin = before->first;
      end = std::max(end, before->second);
      next = before;
    }
  }
  while (next != runs_.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = runs_.erase(next);
  }
  runs_.emplace_hint(next, begin, end);
}

void SequenceSet::Remove(SequenceRange range) {
  const uint64_t begin = range.begin.value;
  const uint64_t end = range.end.value;
  if (begin >= end) return;
  auto run = runs_.upper_bound(begin);
  if (run != runs_.begin()) --run;
  while (run != runs_.end() && run->first < end) {
    const uint64_t run_begin = run->first;
    const uint64_t run_end = run->second;
    if (run_end <= begin) {
      ++run;
      continue;
    }
    if (run_begin < begin) {
      run->second = begin;
      ++run;
    } else {
      run = runs_.erase(run);
    }
    if (run_end > end) {
      runs_.emplace_hint(run, end, run_end);
      return;
    }
  }
}

bool SequenceSet::Contains(Sequence s) const {
  const auto next = runs_.upper_bound(s.value);
  return next != runs_.begin() && std::prev(next)->second > s.value;
}

uint64_t SequenceSet::CountIn(SequenceRange range) const {
  uint64_t count = 0;
  auto run = runs_.upper_bound(range.begin.value);
  if (run != runs_.begin()) --run;
  for (; run != runs_.end() && run->first < range.end.value; ++run) {
    const uint64_t begin = std::max(run->first, range.begin.value);
    const uint64_t end = std::min(run->second, range.end.value);
    if (begin < end) count += end - begin;
  }
  return count;
}

std::vector<SequenceRange> SequenceSet::ranges() const {
  std::vector<SequenceRange> ranges;
  ranges.reserve(runs_.size());
  for (const auto& [begin, end] : runs_) ranges.push_back({{begin}, {end}});
  return ranges;
}

}  // namespace nsq::nsqd
