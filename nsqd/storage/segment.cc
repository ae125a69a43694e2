#include "nsqd/storage/segment.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "common/check.h"
#include "common/strings.h"
#include "nsqd/storage/bytes.h"

namespace nsq::nsqd {
namespace {

// "NSQL" in a hex dump.
constexpr uint32_t kMagic = 0x4C51534E;
constexpr size_t kChecksumOffset = kSegmentHeaderBytes - 4;
constexpr size_t kNameDigits = 20;
constexpr std::string_view kSuffix = ".log";

constexpr std::string_view kCopySuffix = ".copy";
constexpr uint32_t kFlagSparse = 1;

// Entries closer than this are not worth their 16 bytes: a read takes more in one go.
constexpr uint64_t kIndexBytes = uint64_t{64} * 1024;

std::string Digits(Sequence first) {
  const std::string digits = StrCat(first.value);
  return std::string(kNameDigits - digits.size(), '0') + digits;
}

}  // namespace

void EncodeSegmentHeader(const SegmentHeader& header, std::byte* to) {
  std::memset(to, 0, kSegmentHeaderBytes);
  StoreLittle(to, kMagic);
  StoreLittle(to + 4, kSegmentVersion);
  StoreLittle(to + 6, static_cast<uint16_t>(kSegmentHeaderBytes));
  StoreLittle(to + 8, header.first.value);
  StoreLittle(to + 16, header.epoch);
  StoreLittle(to + 24, UnixNanos(header.created));
  if (header.sparse) {
    StoreLittle(to + 32, kFlagSparse);
    StoreLittle(to + 40, header.end.value);
    StoreLittle(to + 48, header.messages);
  }
  StoreLittle(to + kChecksumOffset, Checksum(to, kChecksumOffset, kSegmentHeaderBytes));
}

Status DecodeSegmentHeader(std::span<const std::byte> bytes, SegmentHeader* header) {
  if (bytes.size() < kSegmentHeaderBytes || LoadLittle<uint32_t>(bytes.data()) != kMagic ||
      LoadLittle<uint32_t>(bytes.data() + kChecksumOffset) !=
          Checksum(bytes.data(), kChecksumOffset, kSegmentHeaderBytes)) {
    return Status(Code::kCorrupt, "segment header: damaged");
  }
  const uint16_t version = LoadLittle<uint16_t>(bytes.data() + 4);
  if (version != kSegmentVersion) {
    return Status(Code::kInvalid, StrCat("segment header: unknown version ", version));
  }
  header->first = {LoadLittle<uint64_t>(bytes.data() + 8)};
  header->epoch = LoadLittle<uint64_t>(bytes.data() + 16);
  header->created = WallFromUnixNanos(LoadLittle<int64_t>(bytes.data() + 24));
  header->sparse = (LoadLittle<uint32_t>(bytes.data() + 32) & kFlagSparse) != 0;
  header->end = {LoadLittle<uint64_t>(bytes.data() + 40)};
  header->messages = LoadLittle<uint64_t>(bytes.data() + 48);
  return Status();
}

std::string SegmentName(Sequence first) { return Digits(first) + std::string(kSuffix); }

std::optional<Sequence> ParseSegmentName(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  Sequence first;
  if (!ParseInt(name.substr(0, kNameDigits), &first.value)) return std::nullopt;
  return first;
}

std::string CopyName(Sequence first) { return Digits(first) + std::string(kCopySuffix); }

bool IsCopyName(std::string_view name) {
  return name.size() == kNameDigits + kCopySuffix.size() && name.ends_with(kCopySuffix);
}

std::string ProbeName() { return "probe.tmp"; }

std::string DamagedName(Sequence first) { return Digits(first) + ".damaged"; }

const Segment::IndexEntry& Segment::Floor(Sequence s) const {
  NSQ_DCHECK(!index.empty() && index.front().sequence <= s);
  const auto after =
      std::upper_bound(index.begin(), index.end(), s,
                       [](Sequence value, const IndexEntry& e) { return value < e.sequence; });
  return *std::prev(after);
}

void Segment::Remember(IndexEntry entry) {
  const auto after = std::upper_bound(
      index.begin(), index.end(), entry,
      [](const IndexEntry& a, const IndexEntry& b) { return a.sequence < b.sequence; });
  if (after != index.begin() && std::prev(after)->offset + kIndexBytes > entry.offset) return;
  if (after != index.end() && entry.offset + kIndexBytes > after->offset) return;
  index.insert(after, entry);
}

}  // namespace nsq::nsqd
