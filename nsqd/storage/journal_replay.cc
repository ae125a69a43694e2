#include "nsqd/storage/journal_replay.h"

#include <algorithm>
#include <utility>

namespace nsq::nsqd {

JournalReplay::JournalReplay(Sequence first) : first_(first), fanout_(first) {}

Status JournalReplay::Apply(std::span<const std::byte> payload) {
  JournalDecoder from(payload);
  while (!from.AtEnd()) {
    const auto type = static_cast<EntryType>(from.TakeType());
    if (type != EntryType::kSnapshotEnd && type != EntryType::kChannelAgain) clean_ = false;
    if (!ApplyEntry(type, &from)) return Status(Code::kCorrupt, "journal: senseless entry");
  }
  return Status();
}

bool JournalReplay::ApplyEntry(EntryType type, JournalDecoder* from) {
  switch (type) {
    case EntryType::kTopicBegan: {
      const Sequence first = from->TakeSequence();
      if (!from->ok()) return false;
      first_ = first;
      return true;
    }
    case EntryType::kTopicPaused: {
      const uint64_t paused = from->TakeNumber();
      if (!from->ok()) return false;
      paused_ = paused != 0;
      return true;
    }
    case EntryType::kFlowing:
      Flow();
      return true;
    case EntryType::kStopped: {
      const Sequence fanout = from->TakeSequence();
      if (!from->ok()) return false;
      flowing_ = false;
      fanout_ = fanout;
      return true;
    }
    case EntryType::kDeferred: {
      const Sequence sequence = from->TakeSequence();
      const WallTime due = from->TakeTime();
      if (!from->ok()) return false;
      if (!flowing_) held_[sequence] = due;
      if (flowing_) {
        for (auto& [number, channel] : channels_) Set(&channel, sequence, 0, due);
      }
      return true;
    }
    case EntryType::kGap: {
      const Sequence begin = from->TakeSequence();
      const uint64_t size = from->TakeNumber();
      if (!from->ok() || size > kSequenceMask) return false;
      AddGap({begin, begin + size});
      return true;
    }
    case EntryType::kDurability: {
      const uint64_t number = from->TakeNumber();
      if (!from->ok() || number > static_cast<uint64_t>(Durability::kFsync) + 1) return false;
      durability_.reset();
      if (number > 0) durability_ = static_cast<Durability>(number - 1);
      return true;
    }
    case EntryType::kSynced: {
      LogPlace place;
      place.segment = from->TakeSequence();
      place.sequence = from->TakeSequence();
      place.offset = from->TakeNumber();
      if (!from->ok()) return false;
      synced_ = place;
      return true;
    }
    case EntryType::kCleanStop: {
      const Sequence next = from->TakeSequence();
      if (!from->ok()) return false;
      next_ = next;
      clean_ = true;
      return true;
    }
    case EntryType::kSnapshotEnd: {
      const uint64_t frames = from->TakeNumber();
      if (!from->ok()) return false;
      snapshot_frames_ = frames;
      return true;
    }
    default:
      return ApplyChannelEntry(type, from);
  }
}

// Entries of a channel that is gone, or whose creation was lost to damage, are read and passed by.
bool JournalReplay::ApplyChannelEntry(EntryType type, JournalDecoder* from) {
  const uint64_t raw_number = from->TakeNumber();
  if (!from->ok() || raw_number > UINT32_MAX) return false;
  const auto number = static_cast<ChannelNumber>(raw_number);
  const auto found = channels_.find(number);
  Channel* const channel = found == channels_.end() ? nullptr : &found->second;
  switch (type) {
    case EntryType::kChannelCreated: {
      const Sequence cursor = from->TakeSequence();
      const std::string_view name = from->TakeText();
      if (!from->ok()) return false;
      Channel fresh;
      fresh.name = std::string(name);
      fresh.cursor = cursor;
      channels_.insert_or_assign(number, std::move(fresh));
      return true;
    }
    case EntryType::kChannelAgain: {
      const Sequence cursor = from->TakeSequence();
      const std::string_view name = from->TakeText();
      if (!from->ok()) return false;
      if (channel && channel->name == name) {
        // What its frames in a damaged snapshot said is not known.
        if (doubts_) channel->unfinished.Add({std::min(cursor, channel->cursor), channel->cursor});
        return true;
      }
      Channel fresh;
      fresh.name = std::string(name);
      fresh.cursor = cursor;
      channels_.insert_or_assign(number, std::move(fresh));
      return true;
    }
    case EntryType::kChannelDeleted:
      channels_.erase(number);
      return true;
    case EntryType::kChannelPaused: {
      const uint64_t paused = from->TakeNumber();
      if (!from->ok()) return false;
      if (channel) channel->paused = paused != 0;
      return true;
    }
    case EntryType::kDelivered: {
      const Sequence cursor = from->TakeSequence();
      if (!from->ok()) return false;
      if (channel) Deliver(channel, cursor);
      return true;
    }
    case EntryType::kRedelivered: {
      const Sequence sequence = from->TakeSequence();
      const uint64_t attempts = from->TakeNumber();
      if (!from->ok()) return false;
      if (channel) Set(channel, sequence, static_cast<uint16_t>(attempts), WallTime());
      return true;
    }
    case EntryType::kRequeued: {
      const Sequence sequence = from->TakeSequence();
      const uint64_t attempts = from->TakeNumber();
      const WallTime due = from->TakeTime();
      if (!from->ok()) return false;
      if (channel) Set(channel, sequence, static_cast<uint16_t>(attempts), due);
      return true;
    }
    case EntryType::kFinished: {
      const uint64_t count = from->TakeNumber();
      for (uint64_t i = 0; i < count && from->ok(); ++i) {
        const Sequence begin = from->TakeSequence();
        const uint64_t more = from->TakeNumber();
        if (!from->ok() || more > kSequenceMask) return false;
        if (channel) Finish(channel, {begin, begin + more + 1});
      }
      return from->ok();
    }
    case EntryType::kEmptied: {
      const Sequence end = from->TakeSequence();
      if (!from->ok()) return false;
      if (channel) {
        channel->unfinished.Remove({{0}, end});
        channel->details.erase(channel->details.begin(), channel->details.lower_bound(end));
        channel->finished_ahead.Remove({{0}, end});
        channel->cursor = std::max(channel->cursor, end);
      }
      return true;
    }
    case EntryType::kUnfinished: {
      const Sequence begin = from->TakeSequence();
      const uint64_t size = from->TakeNumber();
      const uint64_t attempts = from->TakeNumber();
      const WallTime due = from->TakeTime();
      if (!from->ok() || size > kMaxUnfinishedRun) return false;
      if (!channel) return true;
      if (attempts == 1 && due == WallTime()) {
        channel->unfinished.Add({begin, begin + size});
      } else {
        for (uint64_t i = 0; i < size; ++i) {
          Set(channel, begin + i, static_cast<uint16_t>(attempts), due);
        }
      }
      return true;
    }
    default:
      return false;
  }
}

void JournalReplay::Flow() {
  flowing_ = true;
  for (const auto& [sequence, due] : held_) {
    for (auto& [number, channel] : channels_) Set(&channel, sequence, 0, due);
  }
  held_.clear();
}

void JournalReplay::Deliver(Channel* channel, Sequence cursor) {
  if (cursor <= channel->cursor) return;
  // The entry that said so was lost to damage.
  if (doubts_ && !flowing_ && cursor > fanout_) Flow();
  const SequenceRange passed{channel->cursor, cursor};
  channel->cursor = cursor;
  channel->unfinished.Add(passed);
  if (!channel->finished_ahead.empty()) {
    for (const SequenceRange& done : channel->finished_ahead.ranges()) {
      channel->unfinished.Remove(
          {std::max(done.begin, passed.begin), std::min(done.end, passed.end)});
    }
    channel->finished_ahead.Remove({{0}, cursor});
  }
}

void JournalReplay::Finish(Channel* channel, SequenceRange range) {
  channel->unfinished.Remove(range);
  if (!channel->details.empty()) {
    channel->details.erase(channel->details.lower_bound(range.begin),
                           channel->details.lower_bound(range.end));
  }
  if (range.end > channel->cursor) {
    channel->finished_ahead.Add({std::max(range.begin, channel->cursor), range.end});
  }
}

void JournalReplay::Set(Channel* channel, Sequence sequence, uint16_t attempts, WallTime due) {
  channel->unfinished.Add({sequence, sequence + 1});
  if (attempts == 1 && due == WallTime()) {
    channel->details.erase(sequence);
  } else {
    channel->details.insert_or_assign(sequence, Detail{attempts, due});
  }
}

void JournalReplay::AddGap(SequenceRange gap) {
  gaps_.Add(gap);
  held_.erase(held_.lower_bound(gap.begin), held_.lower_bound(gap.end));
  for (auto& [number, channel] : channels_) {
    channel.unfinished.Remove(gap);
    channel.details.erase(channel.details.lower_bound(gap.begin),
                          channel.details.lower_bound(gap.end));
  }
}

uint64_t JournalReplay::unfinished() const {
  uint64_t count = 0;
  for (const auto& [number, channel] : channels_) {
    count += channel.unfinished.CountIn({{0}, {UINT64_MAX}});
  }
  return count;
}

TopicState JournalReplay::State() const {
  TopicState state;
  state.first = first_;
  state.paused = paused_;
  state.flowing = flowing_;
  state.fanout = fanout_;
  state.next = next_;
  state.clean = clean_;
  state.durability = durability_;
  state.synced = synced_;
  state.gaps = gaps_.ranges();
  for (const auto& [sequence, due] : held_) state.held.push_back({sequence, 0, due});
  for (const auto& [number, channel] : channels_) {
    ChannelState& to = state.channels.emplace_back();
    to.number = number;
    to.name = channel.name;
    to.paused = channel.paused;
    to.cursor = channel.cursor;
    SequenceSet unfinished = channel.unfinished;
    for (const SequenceRange& gap : state.gaps) unfinished.Remove(gap);
    auto detail = channel.details.begin();
    for (const SequenceRange& run : unfinished.ranges()) {
      for (Sequence s = run.begin; s < run.end; ++s) {
        while (detail != channel.details.end() && detail->first < s) ++detail;
        if (detail != channel.details.end() && detail->first == s) {
          to.unfinished.push_back({s, detail->second.attempts, detail->second.due});
        } else {
          to.unfinished.push_back({s, 1, WallTime()});
        }
      }
    }
  }
  return state;
}

}  // namespace nsq::nsqd
