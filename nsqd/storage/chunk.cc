#include "nsqd/storage/chunk.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace nsq::nsqd {

Chunk::Chunk(Sequence first, size_t capacity_bytes)
    : first_(first),
      bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity_bytes)),
      capacity_(capacity_bytes) {}

Chunk::Chunk(Sequence first, std::unique_ptr<std::byte[]> bytes, size_t capacity_bytes,
             size_t size_bytes, std::vector<uint32_t> offsets)
    : first_(first),
      bytes_(std::move(bytes)),
      capacity_(capacity_bytes),
      size_(size_bytes),
      written_count_(offsets.size()),
      offsets_(std::move(offsets)) {}

Chunk::Chunk(SequenceRange covers, std::unique_ptr<std::byte[]> bytes, size_t capacity_bytes,
             size_t size_bytes, std::vector<uint32_t> offsets, std::vector<Sequence> sequences)
    : Chunk(covers.begin, std::move(bytes), capacity_bytes, size_bytes, std::move(offsets)) {
  NSQ_DCHECK(sequences.size() == offsets_.size());
  sparse_ = true;
  sparse_end_ = covers.end;
  sequences_ = std::move(sequences);
}

size_t Chunk::IndexOf(Sequence s) const {
  const auto at = std::lower_bound(sequences_.begin(), sequences_.end(), s);
  if (at == sequences_.end() || *at != s) return count();
  return static_cast<size_t>(at - sequences_.begin());
}

std::span<const std::byte> Chunk::Bytes(Sequence s) const {
  const size_t index = sparse_ ? IndexOf(s) : s - first_;
  const size_t end = index + 1 < offsets_.size() ? offsets_[index + 1] : size_;
  return {bytes_.get() + offsets_[index], end - offsets_[index]};
}

std::byte* Chunk::Extend(size_t size_bytes) {
  NSQ_DCHECK(HasRoom(size_bytes));
  std::byte* const at = bytes_.get() + size_;
  offsets_.push_back(static_cast<uint32_t>(size_));
  size_ += size_bytes;
  return at;
}

void Chunk::TruncateTo(Sequence end) {
  NSQ_DCHECK(first_ <= end && end <= this->end());
  if (end == this->end()) return;
  const size_t count = end - first_;
  size_ = offsets_[count];
  offsets_.resize(count);
  written_count_ = std::min(written_count_, count);
}

void Chunk::Restart(Sequence first) {
  first_ = first;
  size_ = 0;
  written_count_ = 0;
  offsets_.clear();
}

void Chunk::Free() {
  Restart(end());
  sparse_ = false;
  sequences_ = {};
  bytes_.reset();
  capacity_ = 0;
  offsets_.shrink_to_fit();
}

std::span<const std::byte> Chunk::unwritten_bytes() const {
  const size_t from = written() ? size_ : offsets_[written_count_];
  return {bytes_.get() + from, size_ - from};
}

}  // namespace nsq::nsqd
