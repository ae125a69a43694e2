#include "nsqd/storage/verify.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "common/strings.h"
#include "nsqd/storage/chunk.h"
#include "nsqd/storage/journal.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/segment_scanner.h"

namespace nsq::nsqd {
namespace {

constexpr Sequence kNoEnd{kSequenceMask};

class Verifier {
 public:
  Verifier(Files& files, std::string dir, const Salvage& salvage)
      : files_(files), dir_(std::move(dir)), salvage_(salvage) {}

  Result<TopicReport> Run() {
    const Result<std::vector<std::string>> names = files_.List(dir_);
    if (!names.ok()) return names.status();
    std::vector<Sequence> segments;
    for (const std::string& name : *names) {
      if (const auto first = ParseSegmentName(name)) segments.push_back(*first);
      if (IsCopyName(name) || name == "journal.tmp") report_.notes.push_back(name + ": not whole");
      if (name.ends_with(".damaged")) {
        report_.notes.push_back(StrCat(name, ": ", SizeOf(name), " bytes set aside earlier"));
      }
    }
    ReadTheJournal(segments.empty() ? Sequence{} : segments.front());
    for (size_t i = 0; i < segments.size(); ++i) {
      const bool newest = i + 1 == segments.size();
      if (Status status = ReadSegment(segments[i], newest ? kNoEnd : segments[i + 1], newest);
          !status.ok()) {
        return status;
      }
    }
    for (size_t i = 0; i < state_.channels.size(); ++i) {
      TopicReport::Channel& channel = report_.channels[i];
      channel.not_found = channel.unfinished - std::min(channel.unfinished, found_[i]);
      // Finished ones may be named by a journal that a crash left behind.
    }
    return std::move(report_);
  }

 private:
  uint64_t SizeOf(const std::string& name) {
    const auto file = files_.OpenRead(dir_ + "/" + name);
    const Result<uint64_t> size = file.ok() ? (*file)->Size() : Result<uint64_t>(file.status());
    return size.ok() ? *size : 0;
  }

  void ReadTheJournal(Sequence first) {
    const Result<JournalContents> journal = ReadJournal(files_, dir_ + "/journal", first);
    if (!journal.ok()) {
      report_.damage.push_back("journal: " + journal.status().detail() +
                               ": nobody knows what was finished");
      known_ = false;
      return;
    }
    state_ = journal->state;
    report_.journal_bytes = journal->size_bytes;
    if (!journal->whole) {
      known_ = journal->from_old;
      report_.damage.push_back(journal->from_old
                                   ? "journal: its front is damaged, read with the one before it"
                                   : "journal: its front is damaged and there is none before it");
    }
    if (journal->damaged > 0) {
      report_.damage.push_back(
          StrCat("journal: ", journal->damaged, " entries or stretches make no sense"));
    }
    if (journal->good_bytes < journal->size_bytes) {
      report_.notes.push_back(StrCat("journal: its last ",
                                     journal->size_bytes - journal->good_bytes,
                                     " bytes are no entries"));
    }
    found_.resize(state_.channels.size());
    for (const ChannelState& channel : state_.channels) {
      report_.channels.push_back({channel.name, channel.paused, channel.unfinished.size(), 0, 0});
    }
  }

  Status ReadSegment(Sequence first, Sequence end, bool newest) {
    const std::string name = SegmentName(first);
    if (first < copied_to_) {
      report_.notes.push_back(name + ": what is wanted of it is in the copy before it");
      return Status();
    }
    const Result<std::unique_ptr<ReadFile>> file = files_.OpenRead(dir_ + "/" + name);
    if (!file.ok()) {
      report_.damage.push_back(name + ": " + file.status().detail());
      return Status();
    }
    const Result<uint64_t> size = (*file)->Size();
    if (!size.ok()) return size.status();
    ++report_.segments;
    report_.size_bytes += *size;
    if (*size <= kSegmentHeaderBytes) {
      report_.notes.push_back(name + ": nothing in it");
      return Status();
    }
    std::array<std::byte, kSegmentHeaderBytes> head;
    SegmentHeader header;
    const Result<size_t> read = (*file)->ReadAt(0, head);
    const Status decoded = read.ok() ? DecodeSegmentHeader(head, &header) : read.status();
    if (!decoded.ok()) report_.damage.push_back(name + ": " + decoded.detail());
    if (decoded.code() == Code::kInvalid) return Status();
    const bool sparse = decoded.ok() && header.sparse;
    if (sparse) end = copied_to_ = header.end;

    SegmentScanner scanner(**file, kSegmentHeaderBytes, first, {*size, end, sparse});
    ScannedBlock block;
    while (scanner.Next(&block)) {
      if (block.damage) NoteDamage(name, **file, *block.damage, newest, sparse);
      if (!block.chunk) continue;
      for (size_t i = 0; i < block.chunk->count(); ++i) {
        if (Status status = See(block.chunk->View(block.chunk->At(i))); !status.ok()) return status;
      }
    }
    return Status();
  }

  void NoteDamage(const std::string& name, const ReadFile& file, const DamagedStretch& damage,
                  bool newest, bool sparse) {
    const std::string place =
        StrCat(name, ": ", damage.size_bytes, " bytes at offset ", damage.offset);
    if (damage.to_file_end && newest && IsTornWrite(file, damage)) {
      report_.notes.push_back(place + ", its end, are a write that a crash cut short");
    } else if (damage.to_file_end || sparse) {
      report_.damage.push_back(place + " are no record");
    } else {
      report_.damage.push_back(
          StrCat(place, " are no record, ", damage.lost.end - damage.lost.begin, " messages lost"));
    }
  }

  Status See(const Record& record) {
    ++report_.messages;
    bool wanted = !known_ || (!state_.flowing && record.sequence >= state_.fanout);
    WallTime due = record.deliver_at;
    for (size_t i = 0; i < state_.channels.size(); ++i) {
      const ChannelState& channel = state_.channels[i];
      const auto at =
          std::lower_bound(channel.unfinished.begin(), channel.unfinished.end(), record.sequence,
                           [](const Unfinished& u, Sequence s) { return u.sequence < s; });
      if (at != channel.unfinished.end() && at->sequence == record.sequence) {
        ++found_[i];
        due = at->due;
        wanted = true;
      } else if (record.sequence >= channel.cursor && !record.deferred()) {
        ++report_.channels[i].not_delivered;
        wanted = true;
      }
    }
    if (!wanted) return Status();
    ++report_.wanted;
    return salvage_ ? salvage_(record, due) : Status();
  }

  Files& files_;
  const std::string dir_;
  const Salvage& salvage_;
  TopicReport report_;
  TopicState state_;
  bool known_ = true;   // what was finished
  Sequence copied_to_;  // segments before it are what a copy was made of
  std::vector<uint64_t> found_;
};

}  // namespace

Result<TopicReport> VerifyTopic(Files& files, const std::string& dir, const Salvage& salvage) {
  return Verifier(files, dir, salvage).Run();
}

}  // namespace nsq::nsqd
