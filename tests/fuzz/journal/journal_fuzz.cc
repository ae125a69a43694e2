// Any bytes as a journal: first as a file with its frames and their checksums, then, since no
// fuzzer finds those, as the entries of one frame.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/check.h"
#include "nsqd/storage/journal_format.h"
#include "nsqd/storage/journal_replay.h"

namespace nsq::nsqd {
namespace {

// States that are longer would only cost time.
constexpr uint64_t kMaxUnfinished = 1000;

void Apply(std::span<const std::byte> payload, JournalReplay* replay) {
  (void)replay->Apply(payload).ok();
}

// What a state is written as says that state.
void CheckRoundTrip(const JournalReplay& replay) {
  if (replay.unfinished() > kMaxUnfinished) return;
  const TopicState state = replay.State();
  const std::vector<std::byte> bytes = EncodeSnapshot(state);
  uint16_t version = 0;
  NSQ_CHECK(DecodeJournalHeader(bytes, &version).ok());
  JournalFrames frames(std::span<const std::byte>{bytes}.subspan(kJournalHeaderBytes));
  JournalReplay again(Sequence{0});
  while (const auto frame = frames.Next()) NSQ_CHECK(again.Apply(frame->payload).ok());
  NSQ_CHECK(frames.damaged() == 0 && frames.good_bytes() + kJournalHeaderBytes == bytes.size());
  TopicState same = again.State();
  if (!state.clean) same.next = state.next;  // kept for a clean stop only
  NSQ_CHECK(same == state);
}

void ReadAsFile(std::span<const std::byte> bytes) {
  uint16_t version = 0;
  (void)DecodeJournalHeader(bytes, &version).ok();
  if (bytes.size() < kJournalHeaderBytes) return;
  JournalFrames frames(bytes.subspan(kJournalHeaderBytes));
  JournalReplay replay(Sequence{1000});
  while (const auto frame = frames.Next()) Apply(frame->payload, &replay);
  NSQ_CHECK(frames.good_bytes() + kJournalHeaderBytes <= bytes.size());
  CheckRoundTrip(replay);
}

void ReadAsEntries(std::span<const std::byte> bytes) {
  JournalReplay replay(Sequence{1000});
  Apply(bytes, &replay);
  CheckRoundTrip(replay);
}

}  // namespace
}  // namespace nsq::nsqd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  nsq::nsqd::ReadAsFile(bytes);
  nsq::nsqd::ReadAsEntries(bytes);
  return 0;
}
