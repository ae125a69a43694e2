#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nsqd/storage/record.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// A run of records in memory as they are in a file: with consecutive sequences, or, from a segment
// out of which only what was still wanted was copied, with holes.
//
// Home: the topic's loop; one that was read from the disk is made on a helper thread and never
// changed after it was handed over.
// Invariant: the bytes never move, so that a Record that points into them stays good while the
// chunk lives and nobody calls Restart; appending does not disturb it.
class Chunk {
 public:
  Chunk(Sequence first, size_t capacity_bytes);

  // Takes bytes that have been checked. `offsets`: where each record begins.
  Chunk(Sequence first, std::unique_ptr<std::byte[]> bytes, size_t capacity_bytes,
        size_t size_bytes, std::vector<uint32_t> offsets);

  // With holes: all there is of [covers.begin, covers.end), `sequences` in order.
  Chunk(SequenceRange covers, std::unique_ptr<std::byte[]> bytes, size_t capacity_bytes,
        size_t size_bytes, std::vector<uint32_t> offsets, std::vector<Sequence> sequences);

  Sequence first() const { return first_; }
  Sequence end() const { return sparse_ ? sparse_end_ : first_ + offsets_.size(); }
  size_t count() const { return offsets_.size(); }
  size_t capacity_bytes() const { return capacity_; }
  size_t size_bytes() const { return size_; }
  bool Contains(Sequence s) const {
    return sparse_ ? IndexOf(s) < count() : s.value - first_.value < offsets_.size();
  }
  // Whether it would be here if it were anywhere.
  bool Covers(Sequence s) const { return first_ <= s && s < end(); }
  // Of a chunk with holes: nothing is below what it covers from `first` on.
  void CoverFrom(Sequence first) { first_ = first; }

  // Of its records in their order: the sequence; index < count().
  Sequence At(size_t index) const { return sparse_ ? sequences_[index] : first_ + index; }

  // Contains(s).
  Record View(Sequence s) const {
    return ViewRecord(bytes_.get() + offsets_[sparse_ ? IndexOf(s) : s - first_]);
  }
  std::span<const std::byte> Bytes(Sequence s) const;  // of its record; Contains(s)

  bool HasRoom(size_t size_bytes) const { return capacity_ - size_ >= size_bytes; }

  // Room for the next record, which the caller encodes. HasRoom(size_bytes).
  std::byte* Extend(size_t size_bytes);

  // Drops the records from `end` on.
  void TruncateTo(Sequence end);

  // Empties it for records from `first` on. Nobody else holds it.
  void Restart(Sequence first);

  // Empties it and gives its memory back; a reader that still holds it finds nothing in it. Nobody
  // holds a Record of it.
  void Free();

  // How many of its first records a file has; kept here for the log.
  size_t written_count() const { return written_count_; }
  void set_written_count(size_t count) { written_count_ = count; }
  bool written() const { return written_count_ == offsets_.size(); }
  std::span<const std::byte> unwritten_bytes() const;

 private:
  size_t IndexOf(Sequence s) const;  // count(): it is not here

  Sequence first_;
  std::unique_ptr<std::byte[]> bytes_;
  size_t capacity_;
  size_t size_ = 0;
  size_t written_count_ = 0;
  std::vector<uint32_t> offsets_;
  bool sparse_ = false;
  Sequence sparse_end_;
  std::vector<Sequence> sequences_;  // with holes only
};

}  // namespace nsq::nsqd
