#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// A set of sequences that costs by its runs, not by its members.
//
// Home: its owner's; a value.
class SequenceSet {
 public:
  // All three take any range; an empty one changes nothing.
  void Add(SequenceRange range);
  void Remove(SequenceRange range);
  bool Contains(Sequence s) const;

  // Members in [range.begin, range.end).
  uint64_t CountIn(SequenceRange range) const;

  bool empty() const { return runs_.empty(); }
  size_t runs() const { return runs_.size(); }
  std::vector<SequenceRange> ranges() const;  // sorted, none touching the next

 private:
  std::map<uint64_t, uint64_t> runs_;  // begin -> end
};

}  // namespace nsq::nsqd
