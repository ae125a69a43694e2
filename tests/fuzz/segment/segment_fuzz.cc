// Any bytes as a segment file: header, records, and the way from a damaged record to the next good
// one. Its first eight bytes, where the header is, are the first sequence as well.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "common/check.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/segment_scanner.h"

namespace nsq::nsqd {
namespace {

class BytesFile : public ReadFile {
 public:
  explicit BytesFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Result<size_t> ReadAt(uint64_t offset, std::span<std::byte> to) const override {
    if (offset >= bytes_.size()) return size_t{0};
    const size_t n = std::min<size_t>(to.size(), bytes_.size() - offset);
    std::memcpy(to.data(), bytes_.data() + offset, n);
    return n;
  }
  Result<uint64_t> Size() const override { return uint64_t{bytes_.size()}; }

 private:
  const std::span<const std::byte> bytes_;
};

void Scan(std::span<const std::byte> bytes, bool sparse) {
  SegmentHeader header;
  const bool good_header = DecodeSegmentHeader(bytes, &header).ok();
  const Sequence first = good_header ? header.first : Sequence{1000};
  const BytesFile file(bytes);
  SegmentScanner scanner(file, kSegmentHeaderBytes, first, {bytes.size(), {kSequenceMask}, sparse});
  ScannedBlock block;
  uint64_t offset = kSegmentHeaderBytes;
  Sequence next = first;
  // What comes is in order, within the file, and whole.
  while (scanner.Next(&block)) {
    if (block.damage) {
      NSQ_CHECK(block.damage->offset == offset && block.damage->size_bytes > 0);
      offset += block.damage->size_bytes;
      NSQ_CHECK(block.damage->to_file_end == (block.chunk == nullptr));
    }
    if (block.chunk) {
      NSQ_CHECK(block.chunk_offset == offset && block.chunk->count() > 0);
      NSQ_CHECK(next <= block.chunk->first());
      for (size_t i = 0; i < block.chunk->count(); ++i) {
        const Sequence s = block.chunk->At(i);
        NSQ_CHECK(block.chunk->Contains(s) && block.chunk->Covers(s));
        const Record record = block.chunk->View(s);
        NSQ_CHECK(record.sequence == s && !record.body.empty());
      }
      offset += block.chunk->size_bytes();
      next = block.chunk->end();
    }
    NSQ_CHECK(offset == scanner.offset() && offset <= bytes.size());
  }
}

}  // namespace
}  // namespace nsq::nsqd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const bool sparse : {false, true}) {
    nsq::nsqd::Scan({reinterpret_cast<const std::byte*>(data), size}, sparse);
  }
  return 0;
}
