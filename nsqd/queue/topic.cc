#include "nsqd/queue/topic.h"

#include <algorithm>
#include <utility>

#include "common/log.h"
#include "common/wire/names.h"
#include "nsqd/storage/log_jobs.h"

namespace nsq::nsqd {
namespace {

// What one channel hands out in one turn; then the sockets are served.
constexpr Channel::Budget kDispatchBudget{2048, size_t{8} << 20};

// What of one channel times out or becomes due in one turn.
constexpr size_t kExpireBudget = 8192;

// So much of the newest segment is at most read again at a start, but for what is not synced.
constexpr uint64_t kLeastPlaceBytes = uint64_t{4} << 20;

// So many unfinished messages are sorted and written in less than a turn.
constexpr uint64_t kCompactOnLoop = 20'000;

// How often a disk that failed is tried, if nobody else does.
constexpr Duration kProbeAfter = seconds(1);

// Timers of one topic fire at most this often: a million deferred messages due one after another
// must not be a million turns. Still never early.
constexpr Duration kTimerGrain = milliseconds(1);

Status Exiting() { return Status(Code::kUnavailable, "exiting"); }

LogOptions MakeLogOptions(const Options& options, DiskRoom* room, std::string dir,
                          QueueMetrics* metrics) {
  LogOptions log;
  log.room = room;
  log.dir = std::move(dir);
  log.durability = options.durability;
  log.segment_bytes = static_cast<uint64_t>(options.max_bytes_per_file);
  log.memory_messages = static_cast<uint64_t>(options.mem_queue_size);
  log.sync_every = static_cast<uint64_t>(options.sync_every);
  log.sync_timeout = options.sync_timeout;
  log.copy_after = 2 * options.sync_timeout;
  if (metrics != nullptr) log.sync_duration = &metrics->sync;
  return log;
}

}  // namespace

Topic::Topic(const World& world, std::string name)
    : name_(std::move(name)),
      ephemeral_(IsEphemeral(name_)),
      world_(world),
      loop_(world.loop),
      home_(world.loop.home()),
      handle_(std::make_shared<Handle>(Handle{this})),
      timer_(world.loop, [this] { OnTimer(); }),
      probe_timer_(world.loop, [this] { ProbeDisk(); }) {}

Result<std::unique_ptr<Topic>> Topic::Open(const World& world, std::string name) {
  std::unique_ptr<Topic> topic(new Topic(world, std::move(name)));
  std::string dir = topic->ephemeral_ ? "" : TopicDir(world.options.data_path, topic->name_);
  Result<OpenedTopic> opened =
      OpenTopic(world.loop, world.pool, world.files, &world.budget,
                MakeLogOptions(world.options, world.room, dir, world.metrics),
                world.loop.WallClock(), topic.get());
  if (!opened.ok()) return opened.status();
  topic->home_.Assert();
  topic->dir_ = std::move(dir);
  topic->Adopt(std::move(*opened));
  return topic;
}

void Topic::Adopt(OpenedTopic opened) {
  home_.Assert();
  log_ = std::move(opened.log);
  journal_ = std::move(opened.journal);
  const TopicState& state = opened.state;
  first_ = state.first;
  paused_ = state.paused;
  durability_ = state.durability;
  synced_in_journal_ = state.synced;
  flowing_ = state.flowing;
  fanout_ = state.flowing ? log_->appended() : state.fanout;
  for (const Unfinished& held : state.held) held_.push_back({held.sequence, held.due});
  ChannelOptions options = MakeChannelOptions(false);
  if (journal_ != nullptr && journal_->incomplete()) {
    options.doubtful_until = log_->appended();
  }
  for (const ChannelState& channel : state.channels) {
    channels_.emplace(channel.name, std::make_unique<Channel>(home_, options, *log_, journal_.get(),
                                                              channel, fanout_, loop_.WallClock()));
    next_channel_ = std::max(next_channel_, channel.number + 1);
  }
  ArmTimer();
}

Topic::~Topic() {
  home_.Assert();
  handle_->topic = nullptr;
  for (const Waiter& waiter : waiters_) waiter.publisher->OnPublished(waiter.ticket, Exiting());
  for (const Waiter& waiter : syncing_) waiter.publisher->OnPublished(waiter.ticket, Exiting());
}

void Topic::Start(const std::vector<std::string>& channels) {
  home_.Assert();
  for (const std::string& channel : channels) {
    if (deleted_before_start_.contains(channel)) continue;
    if (const Result<Channel*> made = GetOrCreateChannel(channel); !made.ok()) break;
  }
  deleted_before_start_.clear();
  started_ = true;
  UpdateFlow();
}

void Topic::Publish(std::span<const std::string_view> bodies, Duration defer, Publisher* publisher,
                    uint64_t ticket) {
  home_.Assert();
  const WallTime now = loop_.WallClock();
  const WallTime due = defer > Duration::zero() ? loop_.ExactWallClock() + defer : WallTime();
  if (waiters_.empty()) timeline_.Mark(log_->appended(), now);
  for (const std::string_view body : bodies) {
    batch_bytes_ += body.size();
    // Nobody is there to read it: an ephemeral topic keeps what fits (spec, nsqd-tcp 5.5).
    if (ephemeral_ && !flowing_ &&
        log_->CountBetween(fanout_, log_->appended()) >=
            static_cast<uint64_t>(std::max<int64_t>(world_.options.mem_queue_size, 1))) {
      continue;
    }
    if (leaving_) continue;
    const Sequence sequence = log_->Append(now, due, body);
    if (due != WallTime()) batch_deferred_.push_back({sequence, due});
  }
  batch_messages_ += bodies.size();
  waiters_.push_back({publisher, ticket, log_->appended(), due != WallTime(), loop_.Now()});
  loop_.AtTurnEnd(TurnPhase::kLog, &flush_task_);
}

// Writes what this turn published, gives it to the channels and tells the publishers.
void Topic::Flush() {
  home_.Assert();
  if (leaving_) {
    Answer(Exiting(), Exiting());
    return;
  }
  const Status status = log_->Write();
  NoteDisk(status, &log_failing_);
  const Status deferred = status.ok() ? KeepDeferred() : status;
  if (status.ok()) {
    message_count_ += batch_messages_;
    message_bytes_ += batch_bytes_;
    if (flowing_) {
      FanOut(batch_deferred_);
    } else {
      held_.insert(held_.end(), batch_deferred_.begin(), batch_deferred_.end());
    }
  }
  batch_deferred_.clear();
  batch_messages_ = batch_bytes_ = 0;
  if (status.ok() && durability() == Durability::kFsync && !ephemeral_) {
    const auto refused = std::stable_partition(
        waiters_.begin(), waiters_.end(),
        [&](const Waiter& waiter) { return !waiter.deferred || deferred.ok(); });
    syncing_.insert(syncing_.end(), waiters_.begin(), refused);
    waiters_.erase(waiters_.begin(), refused);
    log_->StartSync();
  }
  Answer(status, deferred);
}

// Without its entry in the journal a deferred publish is passed over after a crash: it is kept only
// with it. A refused one leaves a gap, now and, once the journal can be written again, there.
Status Topic::KeepDeferred() {
  if (batch_deferred_.empty() || journal_ == nullptr) return Status();
  for (const Held& held : batch_deferred_) journal_->Deferred(held.sequence, held.due);
  Status status = journal_->Write();
  NoteDisk(status, &journal_failing_);
  if (status.ok()) return status;
  for (const Held& held : batch_deferred_) {
    const SequenceRange gap{held.sequence, held.sequence + 1};
    log_->AddGap(gap);
    journal_->Gap(gap);
  }
  batch_deferred_.clear();
  return status;
}

void Topic::Answer(const Status& status, const Status& deferred) {
  // A publisher may publish again from inside its answer.
  std::vector<Waiter> waiters;
  waiters.swap(waiters_);
  // All of them came in this turn.
  if (world_.metrics != nullptr && status.ok() && !waiters.empty()) {
    world_.metrics->publish.Add(std::chrono::steady_clock::now() - waiters.front().since,
                                waiters.size());
  }
  for (const Waiter& waiter : waiters) {
    waiter.publisher->OnPublished(waiter.ticket, waiter.deferred ? deferred : status);
  }
  if (waiters_.empty()) {
    waiters.clear();
    waiters_ = std::move(waiters);  // keeps its capacity
  }
}

void Topic::OnLogSynced(const Status& status, Sequence upto) {
  home_.Assert();
  NoteDisk(status, &sync_failing_);
  const LogPlace& place = log_->synced_place();
  if (journal_ != nullptr && status.ok() && !leaving_ &&
      place.offset >
          kLeastPlaceBytes +
              (place.segment == synced_in_journal_.segment ? synced_in_journal_.offset : 0)) {
    synced_in_journal_ = place;
    journal_->Synced(place);
    JournalSoon();
  }
  while (!syncing_.empty() && syncing_.front().end <= upto) {
    const Waiter waiter = syncing_.front();
    syncing_.pop_front();
    if (world_.metrics != nullptr && status.ok()) {
      world_.metrics->publish.Add(loop_.Now() - waiter.since);
    }
    waiter.publisher->OnPublished(waiter.ticket, status);
  }
}

void Topic::OnLogReadable() { Wake(); }

void Topic::FanOut(std::span<const Held> deferred) {
  const Sequence end = log_->appended();
  const uint64_t messages = log_->CountBetween(fanout_, end);
  for (const auto& [name, channel] : channels_) {
    for (const Held& held : deferred) channel->AddDeferred(held.sequence, held.due);
    channel->Extend(end, messages);
  }
  fanout_ = end;
  if (messages > 0) Wake();
}

// Messages flow while there is a channel, nobody has paused the topic and it has been started.
void Topic::UpdateFlow() {
  const bool flow = started_ && !paused_ && !channels_.empty();
  if (flow == flowing_) return;
  // What is fanned out must have been written.
  if (flow && !waiters_.empty()) Flush();
  flowing_ = flow;
  if (flow) {
    if (journal_ != nullptr) journal_->Flowing();
    FanOut(held_);
    held_.clear();
  } else if (journal_ != nullptr) {
    journal_->Stopped(fanout_);
  }
  JournalSoon();
}

void Topic::Dispatch() {
  home_.Assert();
  for (const auto& [name, channel] : channels_) {
    if (!channel->HasWork()) continue;
    const Channel::Outcome outcome =
        channel->Dispatch(loop_.Now(), loop_.WallClock(), kDispatchBudget);
    if (outcome == Channel::Outcome::kMore) Wake();
  }
  ArmTimer();
  JournalSoon();
}

void Topic::WriteJournal() {
  home_.Assert();
  if (leaving_) return;
  for (const auto& [name, channel] : channels_) channel->WriteJournal();
  if (journal_ != nullptr) {
    if (journal_->has_batch()) NoteDisk(journal_->Write(), &journal_failing_);
    if (journal_->WantsCompaction()) CompactJournal();
  }
  ReleaseLog();
}

// A journal with a lot unfinished is sorted and written on the pool: that takes some tenths of a
// second for a million.
struct Topic::CompactJob : Job {
  void Run() noexcept override { rewrite->Make(); }
  void Open() noexcept override {
    if (handle->topic != nullptr) {
      handle->topic->OnCompacted(std::move(rewrite));
    } else if (rewrite->status.ok()) {
      // Gone with its directory, or the next start removes it.
      const Status removed = rewrite->files->Remove(rewrite->path);
      if (!removed.ok() && removed.code() != Code::kNotFound) NSQ_LOG(kWarn, removed.detail());
    }
  }
  std::shared_ptr<Handle> handle;
  std::unique_ptr<JournalRewrite> rewrite;
};

void Topic::CompactJournal() {
  uint64_t unfinished = 0;
  for (const auto& [name, channel] : channels_) unfinished += channel->unfinished();
  if (unfinished < kCompactOnLoop || !journal_->CanCompactLater()) {
    NoteDisk(journal_->Compact(Snapshot()), &journal_failing_);
    return;
  }
  if (loop_.Now() < no_compaction_before_) return;
  auto job = std::make_unique<CompactJob>();
  job->handle = handle_;
  job->rewrite = journal_->BeginCompaction(Snapshot(false));
  world_.pool.Submit(std::move(job), &loop_, Lane::kBackground);
}

void Topic::OnCompacted(std::unique_ptr<JournalRewrite> done) {
  home_.Assert();
  if (leaving_) {
    (void)world_.files.Remove(done->path);
    return;
  }
  const Status status = journal_->EndCompaction(std::move(done));
  NoteDisk(status, &journal_failing_);
  if (!status.ok()) no_compaction_before_ = loop_.Now() + kProbeAfter;
}

void Topic::ReleaseLog() {
  Sequence low = fanout_;
  for (const auto& [name, channel] : channels_) low = std::min(low, channel->LowWater());
  if (ephemeral_ && world_.budget.over()) {
    // One message that is long in flight must not keep all that came since in memory.
    const uint64_t reach = Channel::kDropReach * MakeChannelOptions(true).drop_beyond;
    low = std::max(low, Sequence{fanout_.value - std::min(fanout_ - first_, reach)});
  }
  log_->Release(low);
  log_->Tidy();
  timeline_.Release(low);
}

Sequence Topic::WantedFrom() const {
  home_.Assert();
  Sequence from = fanout_;
  for (const auto& [name, channel] : channels_) from = std::min(from, channel->cursor());
  return from;
}

// Of several channels one message may count more than once: never too few.
uint64_t Topic::CountWanted(SequenceRange range) const {
  home_.Assert();
  uint64_t count = 0;
  for (const auto& [name, channel] : channels_) count += channel->live().CountIn(range);
  return count;
}

void Topic::ListWanted(SequenceRange range, std::vector<Sequence>* to) const {
  home_.Assert();
  const auto old_size = static_cast<std::ptrdiff_t>(to->size());
  for (const auto& [name, channel] : channels_) channel->live().ListIn(range, to);
  if (channels_.size() < 2) return;
  std::sort(to->begin() + old_size, to->end());
  to->erase(std::unique(to->begin() + old_size, to->end()), to->end());
}

void Topic::ArmTimer() {
  std::optional<SteadyTime> next;
  const auto consider = [&next](SteadyTime when) {
    if (!next || when < *next) next = when;
  };
  for (const auto& [name, channel] : channels_) {
    if (const auto timeout = channel->NextTimeout()) consider(*timeout);
    if (const auto due = channel->NextDue()) {
      consider(loop_.Now() + std::max(*due - loop_.WallClock(), Duration::zero()));
    }
  }
  if (!next) return;
  // What is finished leaves its deadline behind: the timer then fires once for nothing, instead of
  // being moved for each message.
  if (timer_.armed() && timer_.when() <= *next + kTimerGrain) return;
  timer_.ArmAt(*next + kTimerGrain);
}

void Topic::OnTimer() {
  home_.Assert();
  bool any = false;
  for (const auto& [name, channel] : channels_) {
    if (channel->Expire(loop_.Now(), loop_.WallClock(), kExpireBudget)) any = true;
  }
  if (any) Wake();
  ArmTimer();
}

Channel* Topic::FindChannel(std::string_view name) {
  home_.Assert();
  const auto it = channels_.find(name);
  return it == channels_.end() ? nullptr : it->second.get();
}

ChannelOptions Topic::MakeChannelOptions(bool drops) const {
  ChannelOptions options;
  options.max_msg_timeout = world_.options.max_msg_timeout;
  options.max_req_timeout = world_.options.max_req_timeout;
  options.max_consumers = world_.options.max_channel_consumers;
  if (!world_.options.e2e_processing_latency_percentiles.empty()) {
    options.latency_window = world_.options.e2e_processing_latency_window_time;
  }
  if (world_.metrics != nullptr) options.delivery_latency = &world_.metrics->delivery;
  if (drops) {
    options.drop_beyond =
        static_cast<uint64_t>(std::max<int64_t>(world_.options.mem_queue_size, 1));
  }
  return options;
}

Result<Channel*> Topic::GetOrCreateChannel(std::string_view name) {
  home_.Assert();
  if (leaving_) return Exiting();
  if (Channel* const channel = FindChannel(name)) return channel;
  const bool channel_ephemeral = IsEphemeral(name);
  // What is gone with its consumers leaves no trace in the journal.
  Journal* const journal = channel_ephemeral ? nullptr : journal_.get();
  auto made = std::make_unique<Channel>(home_, std::string(name), next_channel_++,
                                        MakeChannelOptions(ephemeral_ || channel_ephemeral), *log_,
                                        journal, fanout_);
  Channel* const channel = made.get();
  channels_.emplace(std::string(name), std::move(made));
  if (journal != nullptr) journal->ChannelCreated(channel->number(), name, fanout_);
  NSQ_LOG(kInfo, "TOPIC(", name_, "): new channel(", name, ")");
  JournalSoon();
  UpdateFlow();
  world_.observer.OnChannelCreated(*this, channel->name());
  return channel;
}

Status Topic::DeleteChannel(std::string_view name) {
  home_.Assert();
  const auto it = channels_.find(name);
  if (it == channels_.end()) return Status(Code::kNotFound, "channel does not exist");
  NSQ_LOG(kInfo, "TOPIC(", name_, "): deleting channel ", name);
  RemoveChannel(it);
  return Status();
}

void Topic::RemoveChannel(Channels::iterator it) {
  const std::unique_ptr<Channel> channel = std::move(it->second);
  channels_.erase(it);
  channel->Close();
  if (journal_ != nullptr && !channel->ephemeral()) {
    channel->WriteJournal();
    journal_->ChannelDeleted(channel->number());
  }
  if (!started_) deleted_before_start_.insert(channel->name());
  JournalSoon();
  UpdateFlow();
  world_.observer.OnChannelDeleted(*this, channel->name());
  if (ephemeral_ && channels_.empty() && !leaving_) world_.observer.OnTopicForsaken(*this);
}

void Topic::Unsubscribe(Channel* channel, Subscription* subscription) {
  home_.Assert();
  channel->Unsubscribe(subscription);
  Wake();  // what it could not take goes to others
  if (channel->ephemeral() && channel->consumers() == 0) {
    RemoveChannel(channels_.find(channel->name()));
  }
}

void Topic::Pause() {
  home_.Assert();
  paused_ = true;
  if (journal_ != nullptr) journal_->TopicPaused(true);
  UpdateFlow();
  JournalSoon();
}

void Topic::Unpause() {
  home_.Assert();
  paused_ = false;
  if (journal_ != nullptr) journal_->TopicPaused(false);
  UpdateFlow();
  JournalSoon();
}

void Topic::SetDurability(std::optional<Durability> durability) {
  home_.Assert();
  if (!waiters_.empty()) Flush();  // what was published before is as safe as was said
  durability_ = durability;
  log_->SetDurability(this->durability());
  if (journal_ != nullptr) journal_->TopicDurability(durability);
  loop_.AtTurnEnd(TurnPhase::kLog, &flush_task_);  // what was in memory only
  JournalSoon();
}

void Topic::Empty() {
  home_.Assert();
  if (!waiters_.empty()) Flush();  // what is not written cannot be dropped
  const SequenceRange waiting{fanout_, log_->appended()};
  if (waiting.begin == waiting.end) return;
  held_.clear();
  fanout_ = waiting.end;
  log_->AddGap(waiting);
  if (journal_ != nullptr) {
    journal_->Gap(waiting);
    journal_->Stopped(fanout_);
  }
  JournalSoon();
}

Status Topic::EmptyChannel(std::string_view name) {
  home_.Assert();
  Channel* const channel = FindChannel(name);
  if (channel == nullptr) return Status(Code::kNotFound, "channel does not exist");
  channel->Empty();
  JournalSoon();
  return Status();
}

Status Topic::PauseChannel(std::string_view name, bool paused) {
  home_.Assert();
  Channel* const channel = FindChannel(name);
  if (channel == nullptr) return Status(Code::kNotFound, "channel does not exist");
  if (paused) {
    channel->Pause();
  } else {
    channel->Unpause();
    Wake();
  }
  JournalSoon();
  return Status();
}

// A file of gigabytes takes the kernel long to unlink.
struct Topic::ClearJob : Job {
  void Run() noexcept override {
    if (const Status status = ClearRemoved(*files, removed); !status.ok()) {
      NSQ_LOG(kWarn, "TOPIC: the next start removes what is left - ", status.detail());
    }
  }
  void Open() noexcept override {}
  Files* files;
  std::string removed;
};

Status Topic::RemoveFiles() {
  home_.Assert();
  if (dir_.empty()) return Status();
  Result<std::string> removed = RemoveTopic(world_.files, dir_);
  if (!removed.ok()) return removed.status();
  if (removed->empty()) return Status();
  auto job = std::make_unique<ClearJob>();
  job->files = &world_.files;
  job->removed = std::move(*removed);
  world_.pool.Submit(std::move(job), &loop_, Lane::kBackground);
  return Status();
}

void Topic::Delete() {
  home_.Assert();
  NSQ_LOG(kInfo, "TOPIC(", name_, "): deleting");
  leaving_ = true;
  timer_.Cancel();
  probe_timer_.Cancel();
  while (!channels_.empty()) RemoveChannel(channels_.begin());
  Answer(Exiting(), Exiting());
}

Result<std::unique_ptr<TopicBackup>> Topic::Backup(const std::string& in) {
  home_.Assert();
  if (dir_.empty() || leaving_) return std::unique_ptr<TopicBackup>();
  if (!waiters_.empty()) Flush();
  auto backup = std::make_unique<TopicBackup>();
  backup->files = &world_.files;
  backup->dir = TopicDir(in, name_);
  if (Status status = world_.files.MakeDir(backup->dir); !status.ok()) return status;
  if (Status status = log_->LinkTo(backup->dir, &backup->segments); !status.ok()) return status;
  backup->size_bytes = log_->disk_bytes();
  backup->state = Snapshot(false);
  return backup;
}

void Topic::PrepareClose() {
  home_.Assert();
  NSQ_LOG(kInfo, "TOPIC(", name_, "): closing");
  if (!waiters_.empty()) Flush();
  leaving_ = true;
  timer_.Cancel();
  probe_timer_.Cancel();
  for (const auto& [name, channel] : channels_) {
    channel->WriteJournal();
    channel->Close();
  }
  last_write_ = log_->WriteAll();
  if (journal_ != nullptr) {
    // What was finished is known even if the stop is not a clean one in the end.
    const Status written = journal_->Write();
    if (last_write_.ok()) {
      TopicState state = Snapshot();
      state.clean = true;
      state.next = log_->appended();
      state.synced = log_->written_place();
      last_write_ = journal_->Compact(state);
    } else if (!written.ok()) {
      NSQ_LOG(kError, "TOPIC(", name_, ") ERROR: failed to write journal - ", written.detail());
    }
  }
  last_sync_ = log_->LastSync();
}

void Topic::SyncForClose() { last_sync_->Run(); }

void Topic::FinishClose() {
  home_.Assert();
  const Sequence end = log_->appended();
  Status status = log_->FinishClose(std::move(last_sync_));
  if (!last_write_.ok()) status = last_write_;
  OnLogSynced(status, end);
  if (!status.ok()) {
    NSQ_LOG(kError, "TOPIC(", name_, ") ERROR: failed to write messages to backend - ",
            status.detail());
  }
}

void Topic::Close() {
  PrepareClose();
  SyncForClose();
  FinishClose();
}

TopicState Topic::Snapshot(bool sorted) const {
  TopicState state;
  state.first = first_;
  state.paused = paused_;
  state.flowing = flowing_;
  state.fanout = fanout_;
  state.durability = durability_;
  state.synced = log_->synced_place();
  state.gaps = log_->gaps();
  for (const Held& held : held_) state.held.push_back({held.sequence, 0, held.due});
  for (const auto& [name, channel] : channels_) {
    if (!channel->ephemeral()) state.channels.push_back(channel->Snapshot(sorted));
  }
  std::sort(state.channels.begin(), state.channels.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return state;
}

void Topic::NoteDisk(const Status& status, bool* failing) {
  if (status.ok() != *failing) return;
  const bool failed_before = disk_failing();
  *failing = !status.ok();
  if (!status.ok() && !leaving_ && !probe_timer_.armed()) probe_timer_.ArmAfter(kProbeAfter);
  const bool fails = disk_failing();
  if (fails == failed_before || leaving_) return;  // nobody takes back what a deleted topic said
  if (fails) {
    NSQ_LOG(kError, "TOPIC(", name_, ") ERROR: failed to write message to backend - ",
            status.detail());
  } else {
    NSQ_LOG(kInfo, "TOPIC(", name_, "): writing to backend again");
  }
  world_.observer.OnDiskStatus(*this, status);
}

// Nobody may publish as long as /ping says that the disk is full: so it is tried without them.
void Topic::ProbeDisk() {
  home_.Assert();
  if (leaving_) return;
  if (log_failing_ || sync_failing_) log_->StartProbe();
  if (journal_failing_) {
    if (journal_->has_batch() || journal_->WantsCompaction()) {
      JournalSoon();
    } else {
      NoteDisk(Status(), &journal_failing_);
    }
  }
  if (disk_failing()) probe_timer_.ArmAfter(kProbeAfter);
}

void Topic::OnLogProbed(const Status& status) {
  home_.Assert();
  if (leaving_ || !status.ok()) return;
  NoteDisk(status, &log_failing_);
  NoteDisk(status, &sync_failing_);
}

std::vector<std::string> Topic::ChannelNames() const {
  home_.Assert();
  std::vector<std::string> names;
  for (const auto& [name, channel] : channels_) names.push_back(name);
  return names;
}

uint64_t Topic::depth() const {
  home_.Assert();
  return log_->CountBetween(fanout_, log_->appended());
}

uint64_t Topic::held_objects() const {
  home_.Assert();
  return 1 + channels_.size() + log_->memory_messages();
}

WallTime Topic::PublishedAt(Sequence sequence) const {
  return std::max(log_->NotBefore(sequence), timeline_.NotBefore(sequence));
}

LatencyStats Topic::Latencies(std::span<const LatencySketch* const> sketches) const {
  const std::vector<double>& quantiles = world_.options.e2e_processing_latency_percentiles;
  const std::vector<uint64_t> values = Quantiles(sketches, quantiles);
  LatencyStats stats;
  stats.percentiles.reserve(quantiles.size());
  for (const LatencySketch* const sketch : sketches) stats.count += sketch->count();
  for (size_t i = 0; i < quantiles.size(); ++i) {
    stats.percentiles.push_back({quantiles[i], values[i]});
  }
  return stats;
}

TopicStats Topic::Stats(const StatsFilter& filter) const {
  home_.Assert();
  TopicStats stats;
  stats.name = name_;
  stats.depth = depth();
  stats.backend_depth = std::min(stats.depth, log_->CountOnDisk(fanout_));
  stats.message_count = message_count_;
  stats.message_bytes = message_bytes_;
  stats.disk_bytes = log_->disk_bytes();
  stats.damaged_records = log_->damage().records;
  stats.durability = ephemeral_ ? "memory" : DurabilityName(durability());
  stats.own_durability = durability_.has_value();
  stats.memory_messages = log_->memory_messages();
  stats.paused = paused_;
  if (stats.depth > 0) stats.oldest = PublishedAt(fanout_);
  const WallTime now = loop_.WallClock();
  std::vector<const LatencySketch*> of_all;
  std::vector<const LatencySketch*> of_one;
  for (const auto& [name, channel] : channels_) {
    of_one.clear();
    if (const LatencyWindow* const latencies = channel->latencies()) {
      latencies->Collect(now, &of_one);
      of_all.insert(of_all.end(), of_one.begin(), of_one.end());
    }
    if (!filter.channel.empty() && filter.channel != name) continue;
    ChannelStats one = channel->Stats(filter.include_clients);
    if (const auto oldest = channel->OldestWaiting()) one.oldest = PublishedAt(*oldest);
    if (channel->latencies() != nullptr) one.e2e = Latencies(of_one);
    stats.channels.push_back(std::move(one));
  }
  // Whatever channel was asked for: a topic's is of all of them (spec, nsqd-http 8.1).
  if (!channels_.empty()) stats.e2e = Latencies(of_all);
  return stats;
}

}  // namespace nsq::nsqd
