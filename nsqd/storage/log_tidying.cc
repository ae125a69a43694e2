#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/event/timer.h"
#include "common/log.h"
#include "nsqd/storage/chunk.h"
#include "nsqd/storage/log_jobs.h"
#include "nsqd/storage/segment.h"
#include "nsqd/storage/segmented_log.h"

// SegmentedLog: giving back the disk that a few unfinished messages would keep.

namespace nsq::nsqd {
namespace {

// Worth copying when at least half of it is dead, or so small that it goes along with others.
constexpr uint64_t kSmallCopyBytes = uint64_t{1} << 20;
// The newest segment of a topic that fell silent is sealed for that only if it is worth it.
constexpr uint64_t kLeastSealedBytes = uint64_t{4} << 20;
constexpr Duration kRetryCopy = seconds(30);
// The copy is what makes room: publishing waits for it.
constexpr Duration kRetryCopyWhenFull = seconds(2);

uint64_t MessagesIn(const Segment& segment) {
  return std::max<uint64_t>(segment.sparse ? segment.messages : segment.end - segment.first, 1);
}

}  // namespace

void SegmentedLog::Listener::ListWanted(SequenceRange range, std::vector<Sequence>* to) const {
  for (Sequence s = range.begin; s < range.end; ++s) to->push_back(s);
}

void SegmentedLog::Tidy() {
  home_.Assert();
  if (memory_only() || segments_.empty()) return;
  wanted_from_ = listener_->WantedFrom();
  if (wanted_from_ <= released_) return;  // Release does it all
  ArmTimer();
  if (wanted_from_ >= tidy_at_) TidyNow();
}

bool SegmentedLog::IsDead(const Segment& segment) const {
  return segment.end <= released_ ||
         listener_->CountWanted({std::max(segment.first, released_), segment.end}) == 0;
}

void SegmentedLog::TidyNow() {
  if (memory_only() || segments_.empty()) return;
  wanted_from_ = listener_->WantedFrom();

  auto remove = std::make_unique<RemoveSegments>();
  remove->files = &files_;
  const SteadyTime now = loop_.Now();
  tidy_at_ = Sequence{kSequenceMask};
  copy_later_ = false;
  std::erase_if(segments_, [&](const std::unique_ptr<Segment>& segment) {
    home_.Assert();
    if (!segment->sealed || segment->end > std::min(wanted_from_, written_)) {
      if (segment->sealed) tidy_at_ = std::min(tidy_at_, segment->end);
      return false;
    }
    if (!segment->passed_at) segment->passed_at = now;
    if (segment->copying || !IsDead(*segment)) return false;
    remove->paths.push_back(PathOf(segment->first));
    return true;
  });
  if (!remove->paths.empty()) pool_.Submit(std::move(remove), &loop_, Lane::kBackground);
  StartCopy();
}

// A topic that fell silent while its newest segment was large would keep it for one message.
void SegmentedLog::SealIfMostlyDead() {
  if (segments_.empty()) return;
  Segment& newest = *segments_.back();
  if (newest.sealed || newest.size_bytes < kLeastSealedBytes || newest.end != written_ ||
      listener_->WantedFrom() < newest.end) {
    return;
  }
  if (2 * listener_->CountWanted({newest.first, newest.end}) > MessagesIn(newest)) return;
  newest.sealed = true;
  if (newest.end <= synced_) newest.file.reset();
}

// Picks neighbours: mostly dead ones, and copies made earlier that are small beside them. So a
// message that stays is copied again only when what it is copied with has doubled.
void SegmentedLog::StartCopy() {
  const SteadyTime now = loop_.Now();
  if (copying_) return;
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (!segments_[i]->doubtful || !segments_[i]->sealed || segments_[i]->sparse) continue;
    copy_later_ = true;
    if (now >= no_copy_before_) SubmitCopy(i, i + 1, true);
    return;
  }

  size_t from = 0;
  size_t to = 0;
  uint64_t kept = 0;  // of the group, an estimate
  uint64_t gain = 0;
  const auto worthwhile = [&] { return to > from && gain > 0; };
  for (size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = *segments_[i];
    if (!segment.passed_at) break;
    const uint64_t messages = MessagesIn(segment);
    const uint64_t wanted = listener_->CountWanted({segment.first, segment.end});
    const uint64_t live = segment.size_bytes * std::min(wanted, messages) / messages;
    const bool mostly_dead = 2 * wanted <= messages;
    const bool goes_along =
        segment.sparse && (segment.size_bytes <= kSmallCopyBytes || segment.size_bytes <= kept);
    const bool settled = now - *segment.passed_at >= options_.copy_after;
    if (mostly_dead && !settled) copy_later_ = true;
    if ((!mostly_dead && !goes_along) || !settled || kept + live > options_.segment_bytes) {
      if (worthwhile()) break;
      from = to = i + 1;
      kept = gain = 0;
      continue;
    }
    if (to == from) from = i;
    to = i + 1;
    kept += live;
    // One small copy alone is as good as it gets; two are better as one.
    if (mostly_dead && segment.size_bytes > 4096) gain += segment.size_bytes - live;
    if (to - from > 1) ++gain;
  }
  if (!worthwhile()) return;
  copy_later_ = true;
  if (now >= no_copy_before_) SubmitCopy(from, to, false);
}

void SegmentedLog::SubmitCopy(size_t from, size_t to, bool everything) {
  auto job = std::make_unique<CopySegments>();
  job->handle = handle_;
  job->copy = std::make_unique<SegmentCopy>();
  SegmentCopy& copy = *job->copy;
  copy.files = &files_;
  copy.dir = options_.dir;
  copy.everything = everything;
  copy.created = segments_[from]->created;
  for (size_t i = from; i < to; ++i) {
    Segment& segment = *segments_[i];
    segment.copying = true;
    copy.sources.push_back({segment.first,
                            segment.end,
                            {segment.size_bytes, segment.end, segment.sparse},
                            segment.index});
    if (!everything) listener_->ListWanted({segment.first, segment.end}, &copy.wanted);
  }
  copying_ = true;
  pool_.Submit(std::move(job), &loop_, Lane::kBackground);
}

void SegmentedLog::OnCopied(std::unique_ptr<SegmentCopy> done) {
  home_.Assert();
  copied_ = std::move(done);
  FinishCopy();
}

// When nobody reads the files that the copy replaces: offsets would mean something else.
void SegmentedLog::FinishCopy() {
  const auto is_read = [&](const SegmentCopy::Source& source) {
    home_.Assert();
    return std::any_of(reading_.begin(), reading_.end(),
                       [&](const Reading& r) { return r.segment == source.first; });
  };
  if (copied_->status.ok() &&
      std::any_of(copied_->sources.begin(), copied_->sources.end(), is_read)) {
    return;
  }
  const std::unique_ptr<SegmentCopy> done = std::move(copied_);
  copying_ = false;
  Status status = done->status;
  if (status.ok()) {
    status = PutCopyInPlace(*done);
    if (!status.ok()) {
      auto remove = std::make_unique<RemoveSegments>();
      remove->files = &files_;
      remove->paths.push_back(options_.dir + "/" + CopyName(done->sources.front().first));
      pool_.Submit(std::move(remove), &loop_, Lane::kBackground);
    }
  }
  for (const auto& segment : segments_) {
    // What the kernel does not have whole any more stays as it is.
    if (segment->copying && status.code() == Code::kCorrupt) segment->doubtful = false;
    segment->copying = false;
  }
  if (!status.ok() && status.code() != Code::kNotFound) {
    NSQ_LOG(kWarn, "LOG(", options_.dir, "): not copied forward - ", status.detail());
    const bool full = status.code() == Code::kExhausted;
    no_copy_before_ = loop_.Now() + (full ? kRetryCopyWhenFull : kRetryCopy);
  }
  ArmTimer();
  if (reader_waits_) {
    reader_waits_ = false;
    listener_->OnLogReadable();
  }
  if (status.ok()) TidyNow();
}

// kNotFound: some of it has been removed meanwhile, so that the copy has too much.
Status SegmentedLog::PutCopyInPlace(const SegmentCopy& done) {
  const auto first = std::find_if(segments_.begin(), segments_.end(), [&](const auto& segment) {
    return segment->first == done.sources.front().first;
  });
  const auto count = static_cast<std::ptrdiff_t>(done.sources.size());
  if (segments_.end() - first < count) return Status(Code::kNotFound, "segments have gone");
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    if (first[i]->first != done.sources[static_cast<size_t>(i)].first) {
      return Status(Code::kNotFound, "segments have gone");
    }
  }
  const std::string path = PathOf(done.sources.front().first);
  if (Status status =
          files_.Rename(options_.dir + "/" + CopyName(done.sources.front().first), path);
      !status.ok()) {
    return status;
  }

  auto remove = std::make_unique<RemoveSegments>();
  remove->files = &files_;
  remove->sync_first = options_.dir;
  uint64_t before = 0;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    Segment& source = *first[i];
    before += source.size_bytes;
    for (const DamagedStretch& damage : done.damage[static_cast<size_t>(i)]) {
      CountDamage(source, damage);
    }
    if (i > 0) remove->paths.push_back(PathOf(source.first));
  }
  auto copy = std::make_unique<Segment>();
  copy->first = done.sources.front().first;
  copy->end = done.sources.back().end;
  copy->size_bytes = done.size_bytes;
  copy->sealed = true;
  copy->sparse = !done.everything;
  copy->messages = done.messages;
  copy->passed_at = (*first)->passed_at;
  copy->created = (*first)->created;
  copy->index.push_back({copy->first, kSegmentHeaderBytes});
  for (const Segment::IndexEntry& entry : done.index) copy->Remember(entry);
  NSQ_LOG(kDebug, "LOG(", path, "): ", done.messages, " messages copied forward, ", before,
          " bytes became ", done.size_bytes);
  *first = std::move(copy);
  segments_.erase(first + 1, first + count);
  pool_.Submit(std::move(remove), &loop_, Lane::kBackground);
  return Status();
}

}  // namespace nsq::nsqd
