#include "nsqd/storage/journal_format.h"

#include <algorithm>
#include <cstring>

#include "common/check.h"
#include "common/strings.h"
#include "nsqd/storage/bytes.h"

namespace nsq::nsqd {
namespace {

// "NSQJ" in a hex dump.
constexpr uint32_t kMagic = 0x4A51534E;
constexpr size_t kChecksumOffset = kJournalHeaderBytes - 4;

// No entry is longer than this, so that a frame can be ended before it is too long: Finished is
// cut into pieces, names are short.
constexpr size_t kMaxEntryBytes = 16 * 1024;

uint64_t ZigZag(int64_t n) {
  return (static_cast<uint64_t>(n) << 1) ^ static_cast<uint64_t>(n >> 63);
}
int64_t UnZigZag(uint64_t n) { return static_cast<int64_t>(n >> 1) ^ -static_cast<int64_t>(n & 1); }

void PutEntryType(JournalEncoder* to, ChannelNumber number, EntryType type) {
  to->Begin(type);
  to->PutNumber(number);
}

void PutUnfinished(JournalEncoder* to, ChannelNumber number,
                   const std::vector<Unfinished>& unfinished) {
  for (size_t i = 0; i < unfinished.size();) {
    const Unfinished& first = unfinished[i];
    size_t n = 1;
    while (i + n < unfinished.size() && n < kMaxUnfinishedRun) {
      const Unfinished& next = unfinished[i + n];
      if (next.sequence != first.sequence + n || next.attempts != first.attempts ||
          next.due != first.due) {
        break;
      }
      ++n;
    }
    PutEntryType(to, number, EntryType::kUnfinished);
    to->PutSequence(first.sequence);
    to->PutNumber(n);
    to->PutNumber(first.attempts);
    to->PutTime(first.due);
    i += n;
  }
}

}  // namespace

void EncodeJournalHeader(std::byte* to) {
  std::memset(to, 0, kJournalHeaderBytes);
  StoreLittle(to, kMagic);
  StoreLittle(to + 4, kJournalVersion);
  StoreLittle(to + 6, static_cast<uint16_t>(kJournalHeaderBytes));
  StoreLittle(to + kChecksumOffset, Checksum(to, kChecksumOffset, kJournalHeaderBytes));
}

Status DecodeJournalHeader(std::span<const std::byte> bytes, uint16_t* version) {
  if (bytes.size() < kJournalHeaderBytes || LoadLittle<uint32_t>(bytes.data()) != kMagic ||
      LoadLittle<uint32_t>(bytes.data() + kChecksumOffset) !=
          Checksum(bytes.data(), kChecksumOffset, kJournalHeaderBytes)) {
    return Status(Code::kCorrupt, "journal header: damaged");
  }
  *version = LoadLittle<uint16_t>(bytes.data() + 4);
  if (*version < 1 || *version > kJournalVersion) {
    return Status(Code::kInvalid, StrCat("journal header: unknown version ", *version));
  }
  return Status();
}

// --- JournalEncoder

void JournalEncoder::Begin(EntryType type) {
  if (frame_at_ != kNoFrame &&
      bytes_.size() - frame_at_ + kMaxEntryBytes > kMaxFrameBytes + kFrameHeaderBytes) {
    EndFrame();
  }
  if (frame_at_ == kNoFrame) {
    frame_at_ = bytes_.size();
    bytes_.resize(bytes_.size() + kFrameHeaderBytes);
    last_sequence_ = 0;
    last_time_ = 0;
  }
  bytes_.push_back(static_cast<std::byte>(type));
}

void JournalEncoder::PutNumber(uint64_t number) {
  while (number >= 0x80) {
    bytes_.push_back(static_cast<std::byte>(number | 0x80));
    number >>= 7;
  }
  bytes_.push_back(static_cast<std::byte>(number));
}

void JournalEncoder::PutSequence(Sequence sequence) {
  PutNumber(ZigZag(static_cast<int64_t>(sequence.value - last_sequence_)));
  last_sequence_ = sequence.value;
}

void JournalEncoder::PutTime(WallTime time) {
  // The epoch, "none", costs one byte and does not disturb the differences.
  const int64_t nanos = UnixNanos(time);
  if (nanos == 0) return PutNumber(0);
  PutNumber(ZigZag(static_cast<int64_t>(static_cast<uint64_t>(nanos) -
                                        static_cast<uint64_t>(last_time_))) +
            1);
  last_time_ = nanos;
}

void JournalEncoder::PutText(std::string_view text) {
  PutNumber(text.size());
  const auto* const from = reinterpret_cast<const std::byte*>(text.data());
  bytes_.insert(bytes_.end(), from, from + text.size());
}

void JournalEncoder::EndFrame() {
  if (frame_at_ == kNoFrame) return;
  std::byte* const frame = bytes_.data() + frame_at_;
  const size_t payload = bytes_.size() - frame_at_ - kFrameHeaderBytes;
  NSQ_CHECK(payload <= kMaxFrameBytes);
  const uint32_t head =
      static_cast<uint32_t>(payload) | (uint32_t{static_cast<uint8_t>(kind_)} << 24);
  StoreLittle(frame, head);
  StoreLittle(frame + 4, Checksum(frame + kFrameHeaderBytes, payload, head));
  frame_at_ = kNoFrame;
  ++frames_;
}

void JournalEncoder::Clear() { TruncateTo(0); }

void JournalEncoder::TruncateTo(size_t size_bytes) {
  bytes_.resize(size_bytes);
  frame_at_ = kNoFrame;
}

// --- JournalDecoder

uint8_t JournalDecoder::TakeType() {
  if (rest_.empty()) {
    ok_ = false;
    return 0;
  }
  const auto type = static_cast<uint8_t>(rest_.front());
  rest_ = rest_.subspan(1);
  return type;
}

uint64_t JournalDecoder::TakeNumber() {
  uint64_t number = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) break;
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_ = rest_.subspan(1);
    number |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return number;
  }
  ok_ = false;
  rest_ = {};
  return 0;
}

Sequence JournalDecoder::TakeSequence() {
  last_sequence_ += static_cast<uint64_t>(UnZigZag(TakeNumber()));
  if (last_sequence_ > kSequenceMask) {
    ok_ = false;
    last_sequence_ = 0;
  }
  return {last_sequence_};
}

WallTime JournalDecoder::TakeTime() {
  const uint64_t number = TakeNumber();
  if (number == 0) return WallTime();
  last_time_ = static_cast<int64_t>(static_cast<uint64_t>(last_time_) +
                                    static_cast<uint64_t>(UnZigZag(number - 1)));
  return WallFromUnixNanos(last_time_);
}

std::string_view JournalDecoder::TakeText() {
  const uint64_t size = TakeNumber();
  if (!ok_ || size > rest_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view text(reinterpret_cast<const char*>(rest_.data()),
                              static_cast<size_t>(size));
  rest_ = rest_.subspan(static_cast<size_t>(size));
  return text;
}

// --- JournalFrames

std::optional<JournalFrame> JournalFrames::FrameAt(size_t at) const {
  if (bytes_.size() - at < kFrameHeaderBytes) return std::nullopt;
  const std::byte* const frame = bytes_.data() + at;
  const auto head = LoadLittle<uint32_t>(frame);
  const auto kind = static_cast<FrameKind>(head >> 24);
  const size_t payload = head & 0xFFFFFF;
  if ((kind != FrameKind::kEntries && kind != FrameKind::kSnapshot) || payload > kMaxFrameBytes ||
      payload > bytes_.size() - at - kFrameHeaderBytes ||
      LoadLittle<uint32_t>(frame + 4) != Checksum(frame + kFrameHeaderBytes, payload, head)) {
    return std::nullopt;
  }
  return JournalFrame{kind, {frame + kFrameHeaderBytes, payload}};
}

std::optional<JournalFrame> JournalFrames::Next() {
  for (size_t at = good_; at < bytes_.size(); ++at) {
    const std::optional<JournalFrame> frame = FrameAt(at);
    if (!frame) continue;
    if (at != good_) ++damaged_;
    good_ = at + kFrameHeaderBytes + frame->payload.size();
    return frame;
  }
  return std::nullopt;
}

bool JournalFrames::end_is_damaged() const {
  const std::span<const std::byte> rest = bytes_.subspan(good_);
  if (rest.size() < kFrameHeaderBytes) return false;
  if (std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; })) {
    return false;
  }
  const auto head = LoadLittle<uint32_t>(rest.data());
  const auto kind = static_cast<FrameKind>(head >> 24);
  const size_t there = rest.size() - kFrameHeaderBytes;
  if ((kind != FrameKind::kEntries && kind != FrameKind::kSnapshot) ||
      (head & 0xFFFFFF) > kMaxFrameBytes || (head & 0xFFFFFF) <= there) {
    return true;
  }
  // Perhaps a flipped bit makes its size more than there is.
  const uint32_t fitting = (head & 0xFF000000) | static_cast<uint32_t>(there);
  return LoadLittle<uint32_t>(rest.data() + 4) ==
         Checksum(rest.data() + kFrameHeaderBytes, there, fitting);
}

// --- snapshots

namespace {

// Everything below is finished.
Sequence LowWaterOf(const ChannelState& channel) {
  if (channel.unfinished.empty()) return channel.cursor;
  return std::min(channel.cursor, channel.unfinished.front().sequence);
}

}  // namespace

std::vector<std::byte> EncodeSnapshot(const TopicState& state) {
  JournalEncoder to(FrameKind::kSnapshot);
  to.Begin(EntryType::kTopicBegan);
  to.PutSequence(state.first);
  to.Begin(EntryType::kTopicPaused);
  to.PutNumber(state.paused ? 1 : 0);
  if (state.durability) {
    to.Begin(EntryType::kDurability);
    to.PutNumber(static_cast<uint64_t>(*state.durability) + 1);
  }
  for (const SequenceRange& gap : state.gaps) {
    to.Begin(EntryType::kGap);
    to.PutSequence(gap.begin);
    to.PutNumber(gap.end - gap.begin);
  }
  for (const ChannelState& channel : state.channels) {
    PutEntryType(&to, channel.number, EntryType::kChannelCreated);
    to.PutSequence(channel.cursor);
    to.PutText(channel.name);
    if (channel.paused) {
      PutEntryType(&to, channel.number, EntryType::kChannelPaused);
      to.PutNumber(1);
    }
    PutUnfinished(&to, channel.number, channel.unfinished);
  }
  // Before the deferred ones, which are held if the topic is stopped.
  to.Begin(EntryType::kStopped);
  to.PutSequence(state.fanout);
  if (state.flowing) to.Begin(EntryType::kFlowing);
  for (const Unfinished& held : state.held) {
    to.Begin(EntryType::kDeferred);
    to.PutSequence(held.sequence);
    to.PutTime(held.due);
  }
  if (state.synced.offset > 0) {
    to.Begin(EntryType::kSynced);
    to.PutSequence(state.synced.segment);
    to.PutSequence(state.synced.sequence);
    to.PutNumber(state.synced.offset);
  }
  if (state.clean) {
    to.Begin(EntryType::kCleanStop);
    to.PutSequence(state.next);
  }
  to.EndFrame();
  to.Begin(EntryType::kSnapshotEnd);
  to.PutNumber(to.frames() + 1);
  to.EndFrame();

  // Damage to one frame must not take a channel.
  JournalEncoder again(FrameKind::kEntries);
  for (const ChannelState& channel : state.channels) {
    PutEntryType(&again, channel.number, EntryType::kChannelAgain);
    again.PutSequence(LowWaterOf(channel));
    again.PutText(channel.name);
  }
  again.EndFrame();

  std::vector<std::byte> bytes(kJournalHeaderBytes);
  EncodeJournalHeader(bytes.data());
  for (const JournalEncoder* part : {&to, &again}) {
    bytes.insert(bytes.end(), part->bytes().begin(), part->bytes().end());
  }
  return bytes;
}

}  // namespace nsq::nsqd
