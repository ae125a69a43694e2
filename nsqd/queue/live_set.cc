#include "nsqd/queue/live_set.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace nsq::nsqd {

// --- a block

bool LiveSet::Block::Contains(uint16_t at) const {
  if (bits) return ((*bits)[at / 64] >> (at % 64) & 1) != 0;
  return std::binary_search(list.begin(), list.end(), at);
}

bool LiveSet::Block::Add(uint16_t at, Spares* spares) {
  if (!bits && list.size() >= kMostListed) {
    if (std::binary_search(list.begin(), list.end(), at)) return false;
    bits = spares->bits ? std::move(spares->bits) : std::make_unique<Bits>();
    bits->fill(0);
    for (const uint16_t other : list) (*bits)[other / 64] |= uint64_t{1} << (other % 64);
    spares->list = std::move(list);
    list = {};
  }
  if (!bits && list.capacity() == 0) {
    list = std::exchange(spares->list, {});
    list.clear();
  }
  if (bits) {
    uint64_t& word = (*bits)[at / 64];
    const uint64_t bit = uint64_t{1} << (at % 64);
    if ((word & bit) != 0) return false;
    word |= bit;
  } else {
    const auto place = std::lower_bound(list.begin(), list.end(), at);
    if (place != list.end() && *place == at) return false;
    list.insert(place, at);
  }
  ++count;
  return true;
}

bool LiveSet::Block::Remove(uint16_t at, Spares* spares) {
  if (!bits) {
    const auto place = std::lower_bound(list.begin(), list.end(), at);
    if (place == list.end() || *place != at) return false;
    list.erase(place);
    --count;
    return true;
  }
  uint64_t& word = (*bits)[at / 64];
  const uint64_t bit = uint64_t{1} << (at % 64);
  if ((word & bit) == 0) return false;
  word &= ~bit;
  if (--count == kFewInBitmap) {
    list = std::exchange(spares->list, {});
    list.clear();
    list.reserve(count);
    ForEach([this](uint16_t left) { list.push_back(left); });
    spares->bits = std::move(bits);
  }
  return true;
}

uint16_t LiveSet::Block::Lowest() const {
  if (!bits) return list.front();
  size_t word = 0;
  while ((*bits)[word] == 0) ++word;
  return static_cast<uint16_t>(word * 64 + static_cast<size_t>(std::countr_zero((*bits)[word])));
}

template <typename F>
void LiveSet::Block::ForEach(F&& f) const {
  for (const uint16_t at : list) f(at);
  if (!bits) return;
  for (size_t word = 0; word < kWords; ++word) {
    for (uint64_t left = (*bits)[word]; left != 0; left &= left - 1) {
      f(static_cast<uint16_t>(word * 64 + static_cast<size_t>(std::countr_zero(left))));
    }
  }
}

// --- the set

// Deliveries go on at one place, what is finished is at another not far behind: both are kept.
LiveSet::Blocks::iterator LiveSet::Find(uint64_t block) {
  if (last_ != blocks_.end() && last_->first == block) return last_;
  std::swap(last_, last_but_one_);
  if (last_ != blocks_.end() && last_->first == block) return last_;
  last_ = blocks_.find(block);
  return last_;
}

void LiveSet::Add(Sequence s) {
  const uint64_t block = s.value >> kBlockBits;
  auto at = Find(block);
  if (at == blocks_.end()) {
    if (spare_node_) {
      spare_node_.key() = block;
      at = blocks_.insert(blocks_.end(), std::move(spare_node_));
    } else {
      at = blocks_.try_emplace(blocks_.end(), block);
    }
    last_ = at;
  }
  if (at->second.Add(static_cast<uint16_t>(s.value & ((1 << kBlockBits) - 1)), &spares_)) ++size_;
}

void LiveSet::Remove(Sequence s) {
  const auto at = Find(s.value >> kBlockBits);
  if (at == blocks_.end()) return;
  if (!at->second.Remove(static_cast<uint16_t>(s.value & ((1 << kBlockBits) - 1)), &spares_)) {
    return;
  }
  --size_;
  if (at->second.count > 0) return;
  if (last_but_one_ == at) last_but_one_ = blocks_.end();
  last_ = blocks_.end();
  // With its list, but not with a bitmap, which a block left with so few does not have.
  spare_node_ = blocks_.extract(at);
}

void LiveSet::Clear() {
  blocks_.clear();
  last_ = last_but_one_ = blocks_.end();
  size_ = 0;
}

bool LiveSet::Contains(Sequence s) const {
  const auto at = blocks_.find(s.value >> kBlockBits);
  return at != blocks_.end() &&
         at->second.Contains(static_cast<uint16_t>(s.value & ((1 << kBlockBits) - 1)));
}

std::optional<Sequence> LiveSet::Lowest() const {
  if (blocks_.empty()) return std::nullopt;
  const auto& [block, members] = *blocks_.begin();
  return Sequence{(block << kBlockBits) + members.Lowest()};
}

uint64_t LiveSet::CountIn(SequenceRange range) const {
  uint64_t count = 0;
  if (range.begin >= range.end) return count;
  for (auto at = blocks_.lower_bound(range.begin.value >> kBlockBits); at != blocks_.end(); ++at) {
    const uint64_t first = at->first << kBlockBits;
    if (first >= range.end.value) break;
    if (first >= range.begin.value && first + (uint64_t{1} << kBlockBits) <= range.end.value) {
      count += at->second.count;
      continue;
    }
    at->second.ForEach([&](uint16_t member) {
      if (first + member >= range.begin.value && first + member < range.end.value) ++count;
    });
  }
  return count;
}

void LiveSet::ListIn(SequenceRange range, std::vector<Sequence>* to) const {
  if (range.begin >= range.end) return;
  for (auto at = blocks_.lower_bound(range.begin.value >> kBlockBits); at != blocks_.end(); ++at) {
    const uint64_t first = at->first << kBlockBits;
    if (first >= range.end.value) break;
    at->second.ForEach([&](uint16_t member) {
      const Sequence s{first + member};
      if (range.begin <= s && s < range.end) to->push_back(s);
    });
  }
}

}  // namespace nsq::nsqd
