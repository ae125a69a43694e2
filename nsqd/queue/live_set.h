#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// Sequences of one channel that were delivered or deferred and are not finished, in order: which is
// the lowest, how many lie in a range, which. In blocks of 4,096: a few members are a list, many a
// bitmap, so that neighbours take a bit or two bytes each, and one alone some 120 bytes. Adding
// and removing near where that was done last takes a few nanoseconds.
//
// Home: its channel's; a value, but not copied.
class LiveSet {
 public:
  // Neither minds what is there already, or is not.
  void Add(Sequence s);
  void Remove(Sequence s);
  void Clear();

  bool Contains(Sequence s) const;
  std::optional<Sequence> Lowest() const;
  uint64_t CountIn(SequenceRange range) const;
  void ListIn(SequenceRange range, std::vector<Sequence>* to) const;  // in order
  uint64_t size() const { return size_; }

 private:
  static constexpr int kBlockBits = 12;
  static constexpr size_t kWords = (size_t{1} << kBlockBits) / 64;
  // A list past the first becomes a bitmap, a bitmap at the second a list.
  static constexpr size_t kMostListed = 64;
  static constexpr size_t kFewInBitmap = 24;

  using Bits = std::array<uint64_t, kWords>;
  // What blocks need no more, for those that do next: messages in flight come and go, and nothing
  // is to be allocated for them.
  struct Spares {
    std::vector<uint16_t> list;
    std::unique_ptr<Bits> bits;
  };
  struct Block {
    uint32_t count = 0;
    std::vector<uint16_t> list;  // in order
    std::unique_ptr<Bits> bits;

    bool Contains(uint16_t at) const;
    bool Add(uint16_t at, Spares* spares);
    bool Remove(uint16_t at, Spares* spares);
    uint16_t Lowest() const;
    template <typename F>
    void ForEach(F&& f) const;
  };
  using Blocks = std::map<uint64_t, Block>;

  Blocks::iterator Find(uint64_t block);

  Blocks blocks_;  // none of them empty
  Blocks::node_type spare_node_;
  Spares spares_;
  Blocks::iterator last_ = blocks_.end();
  Blocks::iterator last_but_one_ = blocks_.end();
  uint64_t size_ = 0;
};

}  // namespace nsq::nsqd
