#include "nsqd/queue/channel.h"

#include <algorithm>
#include <utility>

#include "common/metrics/histogram.h"
#include "common/wire/names.h"

namespace nsq::nsqd {
namespace {

// What OldestWaiting looks through of those that wait again: a million of them must not hold up a
// turn for the sake of a figure.
constexpr size_t kOldestAmong = 65536;

Status NotInFlight() { return Status(Code::kNotFound, "ID not in flight"); }

using Subscriptions = std::vector<std::unique_ptr<Subscription>>;

void Put(std::unique_ptr<Subscription> subscription, Subscriptions* list) {
  subscription->index = list->size();
  list->push_back(std::move(subscription));
}

std::unique_ptr<Subscription> TakeOut(Subscription* subscription, Subscriptions* list) {
  const size_t index = subscription->index;
  std::unique_ptr<Subscription> taken = std::move((*list)[index]);
  if (index + 1 < list->size()) {
    (*list)[index] = std::move(list->back());
    (*list)[index]->index = index;
  }
  list->pop_back();
  return taken;
}

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
      journaled_cursor_(cursor) {
  home_.Assert();
  // The window begins at the first FIN: an idle channel is not asked what time it is.
  if (options_.latency_window > Duration::zero()) {
    latencies_.emplace(options_.latency_window, WallTime());
  }
}

Channel::Channel(const Home& home, const ChannelOptions& options, SegmentedLog& log,
                 Journal* journal, const ChannelState& state, Sequence end, WallTime now)
    : Channel(home, state.name, state.number, options, log, journal, state.cursor) {
  home_.Assert();
  paused_ = state.paused;
  end_ = std::max(end, cursor_);
  for (const Unfinished& message : state.unfinished) {
    live_.Add(message.sequence);
    if (message.sequence >= cursor_) ahead_.push_back({message.sequence, false});
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
  live_.Add(sequence);
  ahead_.push_back({sequence, false});
}

void Channel::Extend(Sequence end, uint64_t messages) {
  home_.Assert();
  const Sequence old_end = std::exchange(end_, end);
  message_count_ += messages;
  if (options_.drop_beyond == 0) return;
  uint64_t plain = messages;
  for (auto at = ahead_.crbegin(); at != ahead_.crend() && at->sequence >= old_end; ++at) --plain;
  const uint64_t waiting = depth();
  if (waiting > options_.drop_beyond) DropTail(std::min(waiting - options_.drop_beyond, plain));
  const uint64_t reach = kDropReach * options_.drop_beyond;
  if (log_.CountBetween(cursor_, end_) > reach) MoveCursor({end_.value - reach});
}

// Drops the last `excess` messages, but not the deferred ones among them.
void Channel::DropTail(uint64_t excess) {
  Dropped dropped{{end_, end_}, 0};
  auto deferred = ahead_.crbegin();
  for (uint64_t left = excess; left > 0;) {
    --dropped.range.begin.value;
    if (deferred != ahead_.crend() && deferred->sequence == dropped.range.begin) {
      ++deferred;
    } else {
      --left;
    }
  }
  const auto kept = static_cast<uint64_t>(deferred - ahead_.crbegin());
  dropped.messages = log_.CountBetween(dropped.range.begin, dropped.range.end);
  dropped.messages -= std::min(dropped.messages, kept);
  dropped_messages_ += dropped.messages;
  if (!dropped_.empty() && dropped_.back().range.end == dropped.range.begin) {
    dropped_.back().range.end = dropped.range.end;
    dropped_.back().messages += dropped.messages;
  } else {
    dropped_.push_back(dropped);
  }
}

Result<Subscription*> Channel::Subscribe(Consumer* consumer, const ConsumerTerms& terms) {
  home_.Assert();
  if (options_.max_consumers > 0 &&
      subscriptions_.size() >= static_cast<size_t>(options_.max_consumers)) {
    return Status(Code::kExhausted, "too many consumers");
  }
  auto subscription = std::make_unique<Subscription>();
  subscription->consumer = consumer;
  subscription->terms = terms;
  Put(std::move(subscription), &subscriptions_);
  return subscriptions_.back().get();
}

void Channel::Unsubscribe(Subscription* subscription) {
  home_.Assert();
  subscription->closing = true;
  UpdateReady(subscription);
  if (subscription->dirty) std::erase(dirty_, subscription);
  std::unique_ptr<Subscription> leaving = TakeOut(subscription, &subscriptions_);
  leaving->consumer = nullptr;
  if (leaving->in_flight > 0) Put(std::move(leaving), &gone_);
}

// A message that was in flight to it is not any more.
void Channel::NoLongerHas(Subscription* subscription) {
  --subscription->in_flight;
  if (subscription->consumer != nullptr) {
    UpdateReady(subscription);
  } else if (subscription->in_flight == 0) {
    TakeOut(subscription, &gone_);
  }
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

Status Channel::Finish(Subscription* subscription, Sequence sequence, WallTime now) {
  home_.Assert();
  const Result<InFlight::Entry*> entry = FindOwned(subscription, sequence);
  if (!entry.ok()) return entry.status();
  if (latencies_) latencies_->Add(now - (*entry)->published_at, now);
  in_flight_.Remove(*entry);
  MarkFinished(sequence);
  ++finish_count_;
  ++subscription->finish_count;
  NoLongerHas(subscription);
  return Status();
}

void Channel::MarkFinished(Sequence sequence) {
  finished_.push_back(sequence);
  live_.Remove(sequence);
  if (sequence < cursor_) return;
  const auto at = std::lower_bound(ahead_.begin(), ahead_.end(), sequence,
                                   [](const Ahead& a, Sequence s) { return a.sequence < s; });
  if (at != ahead_.end() && at->sequence == sequence) at->finished = true;
}

Status Channel::Requeue(Subscription* subscription, Sequence sequence, Duration delay,
                        WallTime now) {
  home_.Assert();
  const Result<InFlight::Entry*> entry = FindOwned(subscription, sequence);
  if (!entry.ok()) return entry.status();
  const uint16_t attempts = (*entry)->attempts;
  in_flight_.Remove(*entry);
  ++subscription->requeue_count;
  ++requeue_count_;
  NoLongerHas(subscription);
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
  in_flight_.Touch(*entry, now, subscription->terms.touch_timeout,
                   (*entry)->delivered_at + options_.max_msg_timeout);
  return Status();
}

Channel::Outcome Channel::Dispatch(SteadyTime now, WallTime wall_now, Budget budget) {
  home_.Assert();
  Outcome outcome = Outcome::kIdle;
  size_t bytes = 0;
  while (!paused_ && ready_members_ > 0) {
    Taken taken;
    const Take take = bytes < budget.bytes ? TakeNext(&taken, &budget.messages) : Take::kSpent;
    if (take != Take::kReady) {
      if (take == Take::kSpent) outcome = Outcome::kMore;
      if (take == Take::kPending) outcome = Outcome::kPending;
      break;
    }
    if (taken.record.deferred() && taken.record.deliver_at > wall_now) {
      Defer(taken);
      continue;
    }
    Subscription* const subscription = PickReady();
    const int32_t sample_rate = subscription->terms.sample_rate;
    if (sample_rate > 0 && static_cast<int32_t>(random_() % 100) > sample_rate) {
      // Discarded for the whole channel, not kept for another consumer (spec, nsqd-tcp 4.5).
      MarkFinished(taken.record.sequence);
      continue;
    }
    bytes += taken.record.body.size();
    Hand(subscription, taken, now, wall_now);
  }
  for (Subscription* subscription : dirty_) {
    subscription->dirty = false;
    subscription->consumer->Flush();
  }
  dirty_.clear();
  return outcome;
}

Channel::Take Channel::TakeNext(Taken* taken, size_t* budget) {
  while (true) {
    const bool again = !waiting_.empty() && waiting_.front().after <= cursor_;
    if (!again && cursor_ >= end_) return Take::kNothing;
    if (*budget == 0) return Take::kSpent;
    --*budget;

    if (again) {
      const SegmentedLog::Outcome outcome = TakeWaiting(taken);
      if (outcome == SegmentedLog::Outcome::kReady) return Take::kReady;
      if (outcome == SegmentedLog::Outcome::kPending) return Take::kPending;
      continue;
    }
    if (!dropped_.empty() && dropped_.front().range.begin <= cursor_) {
      MoveCursor(dropped_.front().range.end);
      continue;
    }
    const Sequence sequence = cursor_;
    switch (log_.Read(sequence, &reader_, &taken->record)) {
      case SegmentedLog::Outcome::kPending:
        return Take::kPending;
      case SegmentedLog::Outcome::kGone:
        MoveCursor(EndOfGap());
        continue;
      case SegmentedLog::Outcome::kReady:
        break;
    }
    const bool ahead = !ahead_.empty() && ahead_.front().sequence == sequence;
    MoveCursor(sequence + 1);
    if (ahead) continue;
    if (taken->record.deferred() && sequence >= options_.doubtful_until) {
      // Finished before a restart, or its publish was refused. The journal takes for unfinished
      // what the cursor passes.
      MarkFinished(sequence);
      continue;
    }
    taken->attempts = 1;
    taken->again = false;
    return Take::kReady;
  }
}

SegmentedLog::Outcome Channel::TakeWaiting(Taken* taken) {
  const Waiting waiting = waiting_.front();
  const SegmentedLog::Outcome outcome = log_.Read(waiting.sequence, &again_reader_, &taken->record);
  if (outcome == SegmentedLog::Outcome::kPending) return outcome;
  waiting_.pop_front();
  if (outcome == SegmentedLog::Outcome::kGone) {
    MarkFinished(waiting.sequence);
    return outcome;
  }
  taken->attempts = static_cast<uint16_t>(waiting.attempts + 1);  // wraps, as the original's
  taken->again = true;
  return outcome;
}

// Forward only; into the middle of what was dropped means behind it.
void Channel::MoveCursor(Sequence to) {
  while (!dropped_.empty() && dropped_.front().range.begin < to) {
    to = std::max(to, dropped_.front().range.end);
    dropped_messages_ -= dropped_.front().messages;
    dropped_.pop_front();
  }
  cursor_ = to;
  while (!ahead_.empty() && ahead_.front().sequence < to) {
    // The journal takes for unfinished what the cursor passes: a compaction since it was finished
    // has forgotten that.
    if (ahead_.front().finished) finished_.push_back(ahead_.front().sequence);
    ahead_.pop_front();
  }
}

// Where the cursor goes from a place where there is no message.
Sequence Channel::EndOfGap() const {
  const std::vector<SequenceRange>& gaps = log_.gaps();
  const auto gap = std::upper_bound(gaps.begin(), gaps.end(), cursor_,
                                    [](Sequence s, const SequenceRange& g) { return s < g.end; });
  if (gap != gaps.end() && gap->begin <= cursor_) return std::min(gap->end, end_);
  if (cursor_ < log_.begin()) return std::min(log_.begin(), end_);
  return cursor_ + 1;  // damage of which the log will make a gap
}

Subscription* Channel::PickReady() {
  Ring* ring = ready_.data();
  while (ring->members.empty()) ++ring;  // the nearest
  if (ring->next >= ring->members.size()) ring->next = 0;
  return ring->members[ring->next++];
}

void Channel::Hand(Subscription* subscription, const Taken& taken, SteadyTime now,
                   WallTime wall_now) {
  const Sequence sequence = taken.record.sequence;
  in_flight_.Add(sequence, subscription, taken.attempts, now, subscription->terms.msg_timeout)
      ->published_at = taken.record.timestamp;
  if (taken.again) {
    if (journal_ != nullptr) journal_->Redelivered(number_, sequence, taken.attempts);
  } else {
    live_.Add(sequence);
    if (options_.delivery_latency != nullptr) {
      options_.delivery_latency->Add(wall_now - taken.record.timestamp);
    }
  }
  ++subscription->in_flight;
  ++subscription->message_count;
  ++delivered_counts_[static_cast<size_t>(subscription->terms.counted)];
  if (!subscription->dirty) {
    subscription->dirty = true;
    dirty_.push_back(subscription);
  }
  subscription->consumer->Deliver(
      {sequence, taken.record.timestamp, taken.attempts, taken.record.body});
  if (subscription->in_flight >= subscription->ready_count) UpdateReady(subscription);
}

// What the journal knew of it was damaged: its record says when it is due.
void Channel::Defer(const Taken& taken) {
  const Sequence sequence = taken.record.sequence;
  const auto attempts = static_cast<uint16_t>(taken.attempts - 1);
  if (!taken.again) live_.Add(sequence);
  deferred_.Add(sequence, attempts, taken.record.deliver_at);
  if (journal_ != nullptr) {
    journal_->Requeued(number_, sequence, attempts, taken.record.deliver_at);
  }
}

void Channel::Wait(Sequence sequence, uint16_t attempts) {
  waiting_.push_back({sequence, end_, attempts});
}

void Channel::UpdateReady(Subscription* subscription) {
  const bool ready = !subscription->closing && subscription->writable &&
                     subscription->in_flight < subscription->ready_count;
  if (ready == subscription->is_ready) return;
  subscription->is_ready = ready;
  auto& members = ready_[static_cast<size_t>(subscription->terms.preferred)].members;
  if (ready) {
    subscription->ready_index = members.size();
    members.push_back(subscription);
    ++ready_members_;
  } else {
    members.back()->ready_index = subscription->ready_index;
    members[subscription->ready_index] = members.back();
    members.pop_back();
    --ready_members_;
  }
}

bool Channel::Expire(SteadyTime now, WallTime wall_now, size_t most) {
  home_.Assert();
  bool any = false;
  while (InFlight::Entry* const entry = in_flight_.FirstExpired(now)) {
    if (most == 0) return any;
    --most;
    NoLongerHas(entry->owner);
    ++timeout_count_;
    Wait(entry->sequence, entry->attempts);
    in_flight_.Remove(entry);
    any = true;
  }
  for (; most > 0; --most) {
    const std::optional<Unfinished> due = deferred_.TakeDue(wall_now);
    if (!due) break;
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
  return !paused_ && ready_members_ > 0 && (cursor_ < end_ || !waiting_.empty());
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

ChannelState Channel::Snapshot(bool sorted) const {
  home_.Assert();
  ChannelState state{number_, name_, paused_, cursor_, {}};
  state.unfinished.reserve(unfinished());
  in_flight_.ForEach([&](const InFlight::Entry& entry) {
    state.unfinished.push_back({entry.sequence, entry.attempts, WallTime()});
  });
  for (const Waiting& waiting : waiting_) {
    state.unfinished.push_back({waiting.sequence, waiting.attempts, WallTime()});
  }
  state.unfinished.insert(state.unfinished.end(), deferred_.items().begin(),
                          deferred_.items().end());
  if (sorted) {
    std::sort(state.unfinished.begin(), state.unfinished.end(),
              [](const Unfinished& a, const Unfinished& b) { return a.sequence < b.sequence; });
  }
  return state;
}

Sequence Channel::LowWater() const {
  home_.Assert();
  return std::min(cursor_, live_.Lowest().value_or(cursor_));
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
  gone_.clear();
  waiting_.clear();
  deferred_.Clear();
  live_.Clear();
  ahead_.clear();
  dropped_.clear();
  dropped_messages_ = 0;
  cursor_ = journaled_cursor_ = end_;
  reader_.Reset();
  again_reader_.Reset();
  for (const auto& subscription : subscriptions_) {
    subscription->in_flight = 0;
    UpdateReady(subscription.get());
  }
  if (journal_ != nullptr) journal_->Emptied(number_, end_);
}

void Channel::Close() {
  home_.Assert();
  std::vector<Consumer*> consumers;
  for (const auto& subscription : subscriptions_) consumers.push_back(subscription->consumer);
  while (!subscriptions_.empty()) Unsubscribe(subscriptions_.back().get());
  for (Consumer* const consumer : consumers) consumer->OnChannelClosed();
}

uint64_t Channel::depth() const {
  home_.Assert();
  const uint64_t there = log_.CountBetween(cursor_, end_);
  // Damage may have taken some of those that will be passed over.
  return there - std::min(there, ahead_.size() + dropped_messages_) + waiting_.size();
}

std::optional<Sequence> Channel::OldestWaiting() const {
  home_.Assert();
  if (depth() == 0) return std::nullopt;
  Sequence oldest = cursor_;
  for (const Ahead& ahead : ahead_) {
    if (ahead.sequence != oldest) break;
    ++oldest.value;
  }
  const size_t among = std::min(waiting_.size(), kOldestAmong);
  for (size_t i = 0; i < among; ++i) oldest = std::min(oldest, waiting_[i].sequence);
  return oldest;
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
  stats.zone_local_count = delivered_counts_[static_cast<size_t>(Locality::kZone)];
  stats.region_local_count = delivered_counts_[static_cast<size_t>(Locality::kRegion)];
  stats.delivered_count = stats.zone_local_count + stats.region_local_count +
                          delivered_counts_[static_cast<size_t>(Locality::kGlobal)];
  stats.requeue_count = requeue_count_;
  stats.timeout_count = timeout_count_;
  stats.finish_count = finish_count_;
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
