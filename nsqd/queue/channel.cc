#include "nsqd/queue/channel.h"

#include <algorithm>
#include <utility>

#include "common/wire/names.h"

namespace nsq::nsqd {
namespace {

Status NotInFlight() { return Status(Code::kNotFound, "ID not in flight"); }

}  // namespace

Channel::Channel(const Home& home, std::string name, ChannelNumber number,
                 const ChannelOptions& options, SegmentedLog& log, Journal* journal,
                 Sequence cursor)
    : home_(home),
      name_(std::move(name)),
      number_(number),
      ephemeral_(IsEphemeral(name_)),
      options_(options),
      log_(log),
      journal_(journal),
      cursor_(cursor),
      end_(cursor),
      journaled_cursor_(cursor) {}

Channel::Channel(const Home& home, const ChannelOptions& options, SegmentedLog& log,
                 Journal* journal, const ChannelState& state, Sequence end, WallTime now)
    : Channel(home, state.name, state.number, options, log, journal, state.cursor) {
  home_.Assert();
  paused_ = state.paused;
  end_ = std::max(end, cursor_);
  loaded_end_ = end_;
  for (const Unfinished& message : state.unfinished) {
    if (message.sequence >= cursor_) {
      ++passed_over_;
      loaded_ahead_.push_back(message.sequence);
    }
    if (message.due > now) {
      deferred_.Add(message.sequence, message.attempts, message.due);
    } else {
      waiting_.push_back({message.sequence, Sequence{}, message.attempts});
    }
  }
}

Channel::~Channel() = default;

void Channel::AddDeferred(Sequence sequence, WallTime due) {
  home_.Assert();
  deferred_.Add(sequence, 0, due);
  new_deferred_.push_back(sequence);
}

void Channel::Extend(Sequence end, uint64_t messages) {
  home_.Assert();
  message_count_ += messages;
  uint64_t lost = 0;
  if (options_.drop_beyond > 0) {
    const uint64_t waiting = depth();
    const uint64_t room = options_.drop_beyond - std::min(options_.drop_beyond, waiting);
    if (messages > room) {
      const SequenceRange range{Sequence{end.value - (messages - room)}, end};
      lost = (range.end - range.begin) -
             static_cast<uint64_t>(std::count_if(new_deferred_.begin(), new_deferred_.end(),
                                                 [&](Sequence s) { return s >= range.begin; }));
      dropped_.push_back(range);
    }
  }
  passed_over_ += new_deferred_.size() + lost;
  new_deferred_.clear();
  end_ = end;
}

Result<Subscription*> Channel::Subscribe(Consumer* consumer, Duration msg_timeout,
                                         int32_t sample_rate) {
  home_.Assert();
  if (options_.max_consumers > 0 &&
      subscriptions_.size() >= static_cast<size_t>(options_.max_consumers)) {
    return Status(Code::kExhausted, "too many consumers");
  }
  auto subscription = std::make_unique<Subscription>();
  subscription->consumer = consumer;
  subscription->msg_timeout = msg_timeout;
  subscription->sample_rate = sample_rate;
  subscriptions_.push_back(std::move(subscription));
  return subscriptions_.back().get();
}

void Channel::Unsubscribe(Subscription* subscription) {
  home_.Assert();
  subscription->closing = true;
  UpdateReady(subscription);
  std::erase(dirty_, subscription);
  in_flight_.Disown(subscription);
  std::erase_if(subscriptions_, [&](const auto& s) { return s.get() == subscription; });
}

void Channel::SetReady(Subscription* subscription, int64_t count) {
  home_.Assert();
  subscription->ready_count = count;
  UpdateReady(subscription);
}

void Channel::SetWritable(Subscription* subscription, bool writable) {
  home_.Assert();
  subscription->writable = writable;
  UpdateReady(subscription);
}

void Channel::StartClosing(Subscription* subscription) {
  home_.Assert();
  subscription->closing = true;
  subscription->ready_count = 0;
  UpdateReady(subscription);
}

Result<InFlight::Entry*> Channel::FindOwned(Subscription* subscription, Sequence sequence) {
  InFlight::Entry* const entry = in_flight_.Find(sequence);
  if (entry == nullptr) return NotInFlight();
  if (entry->owner != subscription) {
    return Status(Code::kInvalid, "client does not own message");
  }
  return entry;
}

Status Channel::Finish(Subscription* subscription, Sequence sequence) {
  home_.Assert();
  const Result<InFlight::Entry*> entry = FindOwned(subscription, sequence);
  if (!entry.ok()) return entry.status();
  in_flight_.Remove(*entry);
  finished_.push_back(sequence);
  ++finished_count_;
  if (sequence >= cursor_) finished_ahead_.insert(sequence);
  --subscription->in_flight;
  ++subscription->finish_count;
  UpdateReady(subscription);
  return Status();
}

Status Channel::Requeue(Subscription* subscription, Sequence sequence, Duration delay,
                        WallTime now) {
  home_.Assert();
  const Result<InFlight::Entry*> entry = FindOwned(subscription, sequence);
  if (!entry.ok()) return entry.status();
  const uint16_t attempts = (*entry)->attempts;
  in_flight_.Remove(*entry);
  --subscription->in_flight;
  ++subscription->requeue_count;
  ++requeue_count_;
  UpdateReady(subscription);
  delay = std::clamp(delay, Duration::zero(), options_.max_req_timeout);
  if (delay == Duration::zero()) {
    Wait(sequence, attempts);
  } else {
    deferred_.Add(sequence, attempts, now + delay);
    if (journal_ != nullptr) journal_->Requeued(number_, sequence, attempts, now + delay);
  }
  return Status();
}

Status Channel::Touch(Subscription* subscription, Sequence sequence, SteadyTime now) {
  home_.Assert();
  const Result<InFlight::Entry*> entry = FindOwned(subscription, sequence);
  if (!entry.ok()) return entry.status();
  in_flight_.Touch(*entry, now, subscription->msg_timeout,
                   (*entry)->delivered_at + options_.max_msg_timeout);
  return Status();
}

Channel::Outcome Channel::Dispatch(SteadyTime now, size_t budget) {
  home_.Assert();
  Outcome outcome = Outcome::kIdle;
  for (size_t handed = 0; !paused_ && !ready_.empty(); ++handed) {
    if (handed == budget) {
      outcome = Outcome::kMore;
      break;
    }
    Taken taken;
    const SegmentedLog::Outcome read = TakeNext(&taken);
    if (read != SegmentedLog::Outcome::kReady) {
      if (read == SegmentedLog::Outcome::kPending) outcome = Outcome::kPending;
      break;
    }
    Subscription* const subscription = PickReady();
    if (subscription->sample_rate > 0 &&
        static_cast<int32_t>(random_() % 100) > subscription->sample_rate) {
      // Discarded for the whole channel, not kept for another consumer (spec, nsqd-tcp 4.5).
      finished_.push_back(taken.record.sequence);
      ++finished_count_;
      continue;
    }
    Hand(subscription, taken, now);
  }
  for (Subscription* subscription : dirty_) {
    subscription->dirty = false;
    subscription->consumer->Flush();
  }
  dirty_.clear();
  return outcome;
}

// kGone: there is nothing to deliver.
SegmentedLog::Outcome Channel::TakeNext(Taken* taken) {
  while (true) {
    if (!waiting_.empty() && waiting_.front().after <= cursor_) {
      const SegmentedLog::Outcome outcome = TakeWaiting(taken);
      if (outcome != SegmentedLog::Outcome::kGone) return outcome;
      continue;
    }
    if (cursor_ >= end_) {
      passed_over_ = 0;  // not exact after damage among deferred records
      return SegmentedLog::Outcome::kGone;
    }
    if (JumpOverHole()) continue;
    switch (log_.Read(cursor_, &reader_, &taken->record)) {
      case SegmentedLog::Outcome::kPending:
        return SegmentedLog::Outcome::kPending;
      case SegmentedLog::Outcome::kGone:
        // Damage: the log has made a gap of it, or will; one step is always right.
        if (!JumpOverHole()) ++cursor_;
        continue;
      case SegmentedLog::Outcome::kReady:
        break;
    }
    ++cursor_;
    if (taken->record.deferred()) {
      PassDeferred(taken->record.sequence);
      continue;
    }
    taken->attempts = 1;
    taken->again = false;
    return SegmentedLog::Outcome::kReady;
  }
}

// The cursor meets a deferred publish, which waits in deferred_ or has been delivered from there.
void Channel::PassDeferred(Sequence sequence) {
  bool finished = finished_ahead_.erase(sequence) > 0;
  if (sequence < loaded_end_ &&
      !std::binary_search(loaded_ahead_.begin(), loaded_ahead_.end(), sequence)) {
    finished = true;  // before the start: depth did not count it among what is passed over
    ++passed_over_;
  }
  if (passed_over_ > 0) --passed_over_;
  if (finished) finished_.push_back(sequence);
}

SegmentedLog::Outcome Channel::TakeWaiting(Taken* taken) {
  const Waiting waiting = waiting_.front();
  const SegmentedLog::Outcome outcome = log_.Read(waiting.sequence, &again_reader_, &taken->record);
  if (outcome == SegmentedLog::Outcome::kPending) return outcome;
  waiting_.pop_front();
  if (outcome == SegmentedLog::Outcome::kGone) {
    finished_.push_back(waiting.sequence);
    ++finished_count_;
    return outcome;
  }
  taken->attempts = static_cast<uint16_t>(waiting.attempts + 1);  // wraps, as the original's
  taken->again = true;
  return outcome;
}

// Moves the cursor over a dropped range or a gap in the log that it stands in.
bool Channel::JumpOverHole() {
  while (!dropped_.empty() && dropped_.front().end <= cursor_) dropped_.pop_front();
  if (!dropped_.empty() && dropped_.front().begin <= cursor_) {
    // Entered only at its beginning: all its messages, deferred ones too, were to be passed over.
    passed_over_ -= dropped_.front().end - cursor_;
    cursor_ = dropped_.front().end;
    dropped_.pop_front();
    return true;
  }
  for (const SequenceRange& gap : log_.gaps()) {
    if (gap.begin <= cursor_ && cursor_ < gap.end) {
      cursor_ = std::min(gap.end, end_);
      return true;
    }
  }
  return false;
}

Subscription* Channel::PickReady() {
  if (next_ready_ >= ready_.size()) next_ready_ = 0;
  return ready_[next_ready_++];
}

void Channel::Hand(Subscription* subscription, const Taken& taken, SteadyTime now) {
  const Sequence sequence = taken.record.sequence;
  in_flight_.Add(sequence, subscription, taken.attempts, now, subscription->msg_timeout);
  if (taken.again && journal_ != nullptr) {
    journal_->Redelivered(number_, sequence, taken.attempts);
  }
  ++subscription->in_flight;
  ++subscription->message_count;
  ++delivered_count_;
  if (!subscription->dirty) {
    subscription->dirty = true;
    dirty_.push_back(subscription);
  }
  subscription->consumer->Deliver(
      {sequence, taken.record.timestamp, taken.attempts, taken.record.body});
  if (subscription->in_flight >= subscription->ready_count) UpdateReady(subscription);
}

void Channel::Wait(Sequence sequence, uint16_t attempts) {
  waiting_.push_back({sequence, end_, attempts});
}

void Channel::UpdateReady(Subscription* subscription) {
  const bool ready = !subscription->closing && subscription->writable &&
                     subscription->in_flight < subscription->ready_count;
  if (ready == subscription->is_ready) return;
  subscription->is_ready = ready;
  if (ready) {
    subscription->ready_index = ready_.size();
    ready_.push_back(subscription);
  } else {
    ready_.back()->ready_index = subscription->ready_index;
    ready_[subscription->ready_index] = ready_.back();
    ready_.pop_back();
  }
}

bool Channel::Expire(SteadyTime now, WallTime wall_now) {
  home_.Assert();
  bool any = false;
  while (InFlight::Entry* const entry = in_flight_.FirstExpired(now)) {
    if (entry->owner != nullptr) {
      --entry->owner->in_flight;
      UpdateReady(entry->owner);
    }
    ++timeout_count_;
    Wait(entry->sequence, entry->attempts);
    in_flight_.Remove(entry);
    any = true;
  }
  while (const std::optional<Unfinished> due = deferred_.TakeDue(wall_now)) {
    Wait(due->sequence, due->attempts);
    any = true;
  }
  return any;
}

std::optional<SteadyTime> Channel::NextTimeout() const {
  home_.Assert();
  return in_flight_.NextDeadline();
}

std::optional<WallTime> Channel::NextDue() const {
  home_.Assert();
  return deferred_.NextDue();
}

bool Channel::HasWork() const {
  home_.Assert();
  return !paused_ && !ready_.empty() && (cursor_ < end_ || !waiting_.empty());
}

void Channel::WriteJournal() {
  home_.Assert();
  if (journal_ != nullptr) {
    if (cursor_ != journaled_cursor_) journal_->Delivered(number_, cursor_);
    if (!finished_.empty()) journal_->Finished(number_, finished_);
  }
  journaled_cursor_ = cursor_;
  finished_.clear();
}

ChannelState Channel::Snapshot() const {
  home_.Assert();
  ChannelState state{number_, name_, paused_, cursor_, {}};
  in_flight_.ForEach([&](const InFlight::Entry& entry) {
    state.unfinished.push_back({entry.sequence, entry.attempts, WallTime()});
  });
  for (const Waiting& waiting : waiting_) {
    state.unfinished.push_back({waiting.sequence, waiting.attempts, WallTime()});
  }
  state.unfinished.insert(state.unfinished.end(), deferred_.items().begin(),
                          deferred_.items().end());
  std::sort(state.unfinished.begin(), state.unfinished.end(),
            [](const Unfinished& a, const Unfinished& b) { return a.sequence < b.sequence; });
  return state;
}

Sequence Channel::LowWater() const {
  home_.Assert();
  Sequence low = cursor_;
  if (const auto lowest = in_flight_.Lowest()) low = std::min(low, *lowest);
  if (const auto lowest = deferred_.Lowest()) low = std::min(low, *lowest);
  for (const Waiting& waiting : waiting_) low = std::min(low, waiting.sequence);
  return low;
}

uint64_t Channel::unfinished() const {
  home_.Assert();
  return in_flight_.size() + waiting_.size() + deferred_.size();
}

void Channel::Pause() {
  home_.Assert();
  paused_ = true;
  if (journal_ != nullptr) journal_->ChannelPaused(number_, true);
}

void Channel::Unpause() {
  home_.Assert();
  paused_ = false;
  if (journal_ != nullptr) journal_->ChannelPaused(number_, false);
}

void Channel::Empty() {
  home_.Assert();
  WriteJournal();
  in_flight_.Clear();
  waiting_.clear();
  deferred_.Clear();
  dropped_.clear();
  finished_ahead_.clear();
  passed_over_ = 0;
  cursor_ = journaled_cursor_ = end_;
  reader_.Reset();
  again_reader_.Reset();
  ++finished_count_;
  for (const auto& subscription : subscriptions_) {
    subscription->in_flight = 0;
    UpdateReady(subscription.get());
  }
  if (journal_ != nullptr) journal_->Emptied(number_, end_);
}

void Channel::Close() {
  home_.Assert();
  ready_.clear();
  dirty_.clear();
  const std::vector<std::unique_ptr<Subscription>> ended = std::move(subscriptions_);
  subscriptions_.clear();
  for (const auto& subscription : ended) subscription->consumer->OnChannelClosed();
}

uint64_t Channel::depth() const {
  home_.Assert();
  const uint64_t ahead = log_.CountBetween(cursor_, end_);
  return ahead - std::min(ahead, passed_over_) + waiting_.size();
}

ChannelStats Channel::Stats(bool include_clients) const {
  home_.Assert();
  ChannelStats stats;
  stats.name = name_;
  stats.depth = depth();
  stats.backend_depth = std::min(stats.depth, log_.CountOnDisk(cursor_));
  stats.in_flight_count = in_flight_.size();
  stats.deferred_count = deferred_.size();
  stats.message_count = message_count_;
  stats.delivered_count = delivered_count_;
  stats.requeue_count = requeue_count_;
  stats.timeout_count = timeout_count_;
  stats.client_count = subscriptions_.size();
  stats.paused = paused_;
  if (include_clients) {
    stats.clients.emplace();
    for (const auto& subscription : subscriptions_) {
      ClientStats client = subscription->consumer->Describe();
      client.ready_count = subscription->ready_count;
      client.in_flight_count = subscription->in_flight;
      client.message_count = subscription->message_count;
      client.finish_count = subscription->finish_count;
      client.requeue_count = subscription->requeue_count;
      stats.clients->push_back(std::move(client));
    }
  }
  return stats;
}

}  // namespace nsq::nsqd
