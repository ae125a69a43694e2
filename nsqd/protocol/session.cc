#include "nsqd/protocol/session.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/event/address.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/wire/frame.h"
#include "common/wire/names.h"
#include "nsqd/options.h"
#include "nsqd/protocol/auth.h"
#include "nsqd/protocol/broker.h"
#include "nsqd/protocol/client_memory.h"
#include "nsqd/queue/channel.h"
#include "nsqd/queue/topic.h"

namespace nsq::nsqd {
namespace {

// An ephemeral channel that its last consumer is leaving is gone after this.
constexpr Duration kSubRetryDelay = milliseconds(100);

// The host of "host:port"; nothing for a Unix socket.
std::string HostOf(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return "";
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

// As what its messages are counted: empty names are equal too. Preferred is who is near by a name
// that this nsqd has (spec, nsqd-tcp 4.6).
ConsumerTerms TermsOf(const ClientInfo& info, const Options& options) {
  ConsumerTerms terms;
  terms.msg_timeout = info.first_terms.msg_timeout;
  terms.touch_timeout = info.terms.msg_timeout;
  terms.sample_rate = info.first_terms.sample_rate;
  if (!options.topology_aware) return terms;
  const bool in_zone = info.topology_zone == options.topology_zone;
  const bool in_region = info.topology_region == options.topology_region;
  if (in_zone) {
    terms.counted = Locality::kZone;
  } else if (in_region) {
    terms.counted = Locality::kRegion;
  }
  if (in_zone && !options.topology_zone.empty()) {
    terms.preferred = Locality::kZone;
  } else if (in_region && !options.topology_region.empty()) {
    terms.preferred = Locality::kRegion;
  }
  return terms;
}

}  // namespace

Session::Session(Broker& broker, ConnectionId id, UniqueFd fd, ConnectionPlace place)
    : broker_(broker),
      loop_(broker.loop()),
      home_(loop_.home()),
      options_(broker.options()),
      memory_(broker.client_memory()),
      id_(id),
      place_(std::move(place)),
      connection_(loop_, std::move(fd), this),
      timer_(loop_, [this] { OnTimer(); }) {
  home_.Assert();
  info_.remote_address = PeerAddress(connection_.fd());
  info_.connected_at = loop_.WallClock();
  info_.remote_ip = HostOf(info_.remote_address);
  info_.client_id = info_.hostname = info_.remote_ip;
  info_.terms.msg_timeout = options_.msg_timeout;
  info_.terms.output_buffer_timeout = options_.output_buffer_timeout;
  info_.first_terms = info_.terms;
  last_command_ = loop_.Now();
  NSQ_LOG(kInfo, "TCP: new client(", info_.remote_address, ")");
  ArmTimer();
}

Session::Session(Broker& broker, MovingSession moving)
    : broker_(broker),
      loop_(broker.loop()),
      home_(loop_.home()),
      options_(broker.options()),
      memory_(broker.client_memory()),
      id_(moving.id),
      place_(std::move(moving.place)),
      info_(std::move(moving.info)),
      connection_(loop_, std::move(moving.connection), this),
      awaited_(Awaited::kLine),
      held_sub_(HeldSub{std::move(moving.topic), std::move(moving.channel), std::nullopt}),
      sub_retried_(moving.sub_retried),
      timer_(loop_, [this] { OnTimer(); }),
      last_command_(moving.last_command),
      next_heartbeat_(moving.next_heartbeat) {
  home_.Assert();
  PauseOrResume();
  ArmTimer();
}

Session::~Session() {
  home_.Assert();
  NSQ_DCHECK(answers_.promised() == 0);
  if (asking_ != nullptr) asking_->session = nullptr;
  memory_.unsent_bytes -= counted_unsent_;
  LeaveChannel();
}

MovingSession Session::Detach() {
  home_.Assert();
  NSQ_DCHECK(phase_ == Phase::kRunning && answers_.empty() && held_sub_);
  timer_.Cancel();
  phase_ = Phase::kClosed;
  gone_ = true;
  return MovingSession{.id = id_,
                       .connection = connection_.Detach(),
                       .info = std::move(info_),
                       .last_command = last_command_,
                       .next_heartbeat = next_heartbeat_,
                       .topic = std::move(held_sub_->topic),
                       .channel = std::move(held_sub_->channel),
                       .sub_retried = sub_retried_,
                       .place = std::move(place_)};
}

void Session::Stop() {
  home_.Assert();
  stopping_ = true;
  End(Phase::kAnswering);
}

bool Session::has_published() const {
  home_.Assert();
  return !info_.published.empty();
}

// --- reading

size_t Session::OnData(std::string_view data) {
  home_.Assert();
  size_t used = 0;
  new_layer_ = false;
  while (phase_ == Phase::kRunning && !held_sub_ && asking_ == nullptr && !upgrade_ &&
         !new_layer_ && !Overloaded()) {
    const std::string_view rest = data.substr(used);
    const size_t length = awaited_ == Awaited::kMagic ? ReadMagic(rest) : ReadCommand(rest);
    if (length == 0) break;
    used += length;
    awaited_ = Awaited::kLine;
  }
  if (used > 0) last_command_ = loop_.Now();
  if (phase_ != Phase::kRunning) {
    LeaveChannel();
    return data.size();
  }
  if (connection_.unsent_bytes() >= look_at_unsent_) WatchUnsent();
  PauseOrResume();
  return used;
}

void Session::OnEof(std::string_view /*rest*/) {
  home_.Assert();
  if (phase_ != Phase::kRunning) return;
  if (const Status& status = connection_.input_status(); !status.ok()) {
    NSQ_LOG(kError, "client(", info_.remote_address, ") - failed to read command - ",
            status.detail());
  }
  if (shaking_hands_ != nullptr) {
    HandshakeFailed("EOF");
  } else if (awaited_ == Awaited::kMagic || awaited_ == Awaited::kLine) {
    End(Phase::kAnswering);
  } else {
    Refuse(Unreadable());
  }
  LeaveChannel();
}

void Session::OnClosed(const Status& why) {
  home_.Assert();
  if (!why.ok()) {
    NSQ_LOG(kError, "client(", info_.remote_address, ") - ", why.detail());
  }
  phase_ = Phase::kClosed;
  LeaveChannel();
  SettleSoon();
}

void Session::OnDrained() {
  home_.Assert();
  SettleSoon();
}

// Whether the client is so far behind in reading what it is told that it may say no more.
bool Session::Overloaded() const {
  // Once it has stopped, half of it must be gone before it goes on.
  const size_t share = paused_ ? 2 : 1;
  const size_t unsent = connection_.unsent_bytes();
  const size_t messages = subscription_ == nullptr ? 0 : MaxUnsentMessages();
  const size_t answers = memory_.unsent_over() ? kLeastUnsent : kMaxUnsentAnswers;
  const size_t promised = memory_.promised_over() ? kLeastPromised : kMaxPromised;
  return answers_.size() >= kMaxAnswers / share || answers_.promised_bytes() >= promised / share ||
         unsent >= messages + answers / share;
}

size_t Session::MaxUnsentMessages() const {
  return memory_.unsent_over() ? kLeastUnsent : kMaxUnsentMessages;
}

void Session::CountUnsent() {
  home_.Assert();
  const size_t unsent = connection_.unsent_bytes();
  const size_t counted = unsent < kLeastUnsent ? 0 : unsent;
  memory_.unsent_bytes += counted - counted_unsent_;
  counted_unsent_ = counted;
  look_at_unsent_ = counted + kLeastUnsent;
}

void Session::WatchUnsent() {
  CountUnsent();
  // In this order: the connection sends first.
  connection_.FlushAtTurnEnd();
  loop_.AtTurnEnd(TurnPhase::kSocket, &count_task_);
}

void Session::PauseOrResume() {
  const bool upgrade_waits = upgrade_ && shaking_hands_ == nullptr;
  const bool pause = held_sub_ || asking_ != nullptr || upgrade_waits || Overloaded();
  if (pause == paused_) return;
  paused_ = pause;
  if (pause) {
    connection_.PauseReading();
    SettleSoon();
  } else {
    connection_.ResumeReading();
  }
}

// --- answering

void Session::Respond(std::string_view text) {
  if (answers_.empty()) {
    AppendFrame(FrameType::kResponse, text, &connection_.out());
  } else {
    answers_.Add(FrameType::kResponse, text);
  }
  connection_.FlushAtTurnEnd();
}

bool Session::Refuse(const Refusal& refusal) {
  NSQ_LOG(kError, "[", info_.remote_address, "] - ", refusal.text);
  answers_.Add(refusal);
  if (refusal.fatal) End(Phase::kAnswering);
  SayAnswers();
  return !refusal.fatal;
}

void Session::SayAnswers() {
  if (connection_.closed()) return;
  const bool more = answers_.Say(&connection_.out());
  connection_.FlushAtTurnEnd();
  if (!more) End(Phase::kAnswering);
}

void Session::OnPublished(uint64_t ticket, const Status& status) {
  home_.Assert();
  const size_t promised_before = answers_.promised_bytes();
  if (status.ok()) {
    answers_.Give(ticket);
  } else {
    const Refusal refusal = refusal::PublishFailed(answers_.promised_to(ticket), status.detail());
    NSQ_LOG(kError, "[", info_.remote_address, "] - ", refusal.text);
    answers_.Give(ticket, refusal);
  }
  memory_.promised_bytes -= promised_before - answers_.promised_bytes();
  SayAnswers();
  if (connection_.unsent_bytes() >= look_at_unsent_) WatchUnsent();
  if (paused_ || phase_ != Phase::kRunning) SettleSoon();
}

void Session::Deliver(const Delivery& delivery) {
  home_.Assert();
  if (phase_ != Phase::kRunning) return;  // its time-out brings it back
  Buffer& out = connection_.bulk_out();
  char id[kMessageIdBytes];
  FormatMessageId(options_.node_id, delivery.sequence, id);
  AppendMessageFrame(UnixNanos(delivery.timestamp), delivery.attempts, id, delivery.body, &out);
  if (connection_.unsent_bytes() < look_at_unsent_) return;
  WatchUnsent();
  if (connection_.unsent_bytes() < MaxUnsentMessages()) return;
  connection_.FlushNow();
  CountUnsent();
  if (connection_.unsent_bytes() < MaxUnsentMessages()) return;
  writable_ = false;
  channel_->SetWritable(subscription_, false);
}

void Session::Flush() {
  home_.Assert();
  connection_.FlushAtTurnEnd();
}

// --- the channel

bool Session::StartSubscribe() {
  const Result<Topic*> topic = broker_.LocalTopic(held_sub_->topic);
  if (topic.ok() && *topic == nullptr) return false;
  CompleteSubscribe(topic, held_sub_->channel);
  return true;
}

void Session::CompleteSubscribe(const Result<Topic*>& topic, std::string_view channel) {
  home_.Assert();
  NSQ_DCHECK(held_sub_ && subscription_ == nullptr);
  if (!topic.ok()) {
    RetryOrRefuseSub(topic.status());
    return;
  }
  const Result<Channel*> found = (*topic)->GetOrCreateChannel(channel);
  if (!found.ok()) {
    RetryOrRefuseSub(found.status());
    return;
  }
  const Result<Subscription*> subscription = (*found)->Subscribe(this, TermsOf(info_, options_));
  if (!subscription.ok()) {
    Refuse(refusal::TooManyConsumers((*topic)->name(), channel, options_.max_channel_consumers));
    return;
  }
  topic_ = *topic;
  channel_ = *found;
  subscription_ = *subscription;
  writable_ = true;
  info_.state = ClientState::kSubscribed;
  held_sub_.reset();
  Respond(kOkAnswer);
  PauseOrResume();
}

void Session::RetryOrRefuseSub(const Status& why) {
  const bool passing = IsEphemeral(held_sub_->topic) || IsEphemeral(held_sub_->channel);
  if (passing && !sub_retried_ && why.code() == Code::kUnavailable) {
    sub_retried_ = true;
    held_sub_->retry_at = loop_.Now() + kSubRetryDelay;
    ArmTimer();
    return;
  }
  Refuse(sub_retried_ ? refusal::SubVanished() : refusal::SubFailed(why.detail()));
}

void Session::LeaveChannel() {
  if (subscription_ == nullptr) return;
  Topic* const topic = std::exchange(topic_, nullptr);
  topic->Unsubscribe(std::exchange(channel_, nullptr), std::exchange(subscription_, nullptr));
}

void Session::OnChannelClosed() {
  home_.Assert();
  topic_ = nullptr;
  channel_ = nullptr;
  subscription_ = nullptr;
  End(Phase::kDropping);
}

// --- the end

void Session::End(Phase phase) {
  if (phase_ >= phase) {
    SettleSoon();
    return;
  }
  if (phase_ == Phase::kRunning) {
    drop_at_ = loop_.Now() + std::max(info_.terms.heartbeat_interval, kDefaultHeartbeatInterval);
    held_sub_.reset();
    connection_.PauseReading();
  }
  phase_ = phase;
  ArmTimer();
  SettleSoon();
}

void Session::Settle() {
  home_.Assert();
  if (gone_) return;
  if (phase_ != Phase::kRunning) LeaveChannel();
  if (phase_ == Phase::kAnswering && answers_.empty()) {
    phase_ = Phase::kClosing;
    connection_.CloseAfterFlush();
  }
  if (phase_ == Phase::kDropping || (phase_ == Phase::kClosing && stopping_)) {
    if (phase_ == Phase::kClosing) connection_.FlushNow();
    connection_.Close();
    phase_ = Phase::kClosed;
  }
  if (phase_ == Phase::kClosed && answers_.promised() == 0) {
    gone_ = true;
    timer_.Cancel();
    NSQ_LOG(kInfo, "PROTOCOL(V2): [", info_.remote_address, "] exiting ioloop");
    broker_.OnSessionEnded(this);
    return;
  }
  if (phase_ != Phase::kRunning) return;

  if (held_sub_ && !held_sub_->retry_at && answers_.empty() && !StartSubscribe()) {
    broker_.Move(this, held_sub_->topic, held_sub_->channel);
    return;
  }
  if (upgrade_ && shaking_hands_ == nullptr && answers_.empty()) Upgrade();
  // Less than that is no reason to wait, over the budget or not.
  if (paused_ && connection_.unsent_bytes() >= kLeastUnsent / 2) connection_.FlushNow();
  if (counted_unsent_ > 0) CountUnsent();
  if (!writable_ && connection_.unsent_bytes() < MaxUnsentMessages() / 2) {
    writable_ = true;
    channel_->SetWritable(subscription_, true);
    topic_->Wake();
  }
  if (phase_ == Phase::kRunning) PauseOrResume();
}

// --- time

std::optional<SteadyTime> Session::ReadDeadline() const {
  // The original waits for the magic for ever, also while it shuts down.
  if (awaited_ == Awaited::kMagic) return last_command_ + options_.magic_timeout;
  const Duration interval = info_.terms.heartbeat_interval;
  if (interval == Duration::zero()) return std::nullopt;
  return last_command_ + 2 * interval;
}

void Session::ArmTimer() {
  std::optional<SteadyTime> next;
  const auto consider = [&next](SteadyTime when) {
    if (!next || when < *next) next = when;
  };
  if (phase_ != Phase::kRunning) {
    consider(drop_at_);
  } else if (shaking_hands_ != nullptr) {
    consider(handshake_deadline_);
  } else {
    if (const auto deadline = ReadDeadline()) consider(*deadline);
    if (held_sub_ && held_sub_->retry_at) consider(*held_sub_->retry_at);
    if (awaited_ != Awaited::kMagic && info_.first_terms.heartbeat_interval > Duration::zero()) {
      consider(next_heartbeat_);
    }
  }
  if (next) {
    timer_.ArmAt(*next);
  } else {
    timer_.Cancel();
  }
}

void Session::OnTimer() {
  home_.Assert();
  const SteadyTime now = loop_.Now();
  if (phase_ != Phase::kRunning) {
    if (now < drop_at_) {
      ArmTimer();
    } else if (phase_ != Phase::kClosed) {
      End(Phase::kDropping);
    }
    return;
  }
  if (shaking_hands_ != nullptr) {
    if (now >= handshake_deadline_) {
      HandshakeFailed(StrCat("read tcp ", LocalAddress(connection_.fd()), "->",
                             info_.remote_address, ": i/o timeout"));
    } else {
      ArmTimer();
    }
    return;
  }
  if (held_sub_ && held_sub_->retry_at && now >= *held_sub_->retry_at) {
    held_sub_->retry_at.reset();
    SettleSoon();
  }
  // Time counts while we wait for a command, not while the client waits for us.
  if (!answers_.empty() || paused_) last_command_ = now;
  if (const auto deadline = ReadDeadline(); deadline && now >= *deadline) {
    Expire();
    return;
  }
  if (awaited_ != Awaited::kMagic && info_.first_terms.heartbeat_interval > Duration::zero() &&
      now >= next_heartbeat_) {
    Beat(now);
  }
  ArmTimer();
}

void Session::Expire() {
  if (awaited_ == Awaited::kMagic || awaited_ == Awaited::kLine) {
    NSQ_LOG(kError, "client(", info_.remote_address, ") - failed to read command - i/o timeout");
    End(Phase::kAnswering);
  } else {
    Refuse(Unreadable());
  }
  LeaveChannel();
}

void Session::Beat(SteadyTime now) {
  const bool unsent = connection_.unsent_bytes() > 0;
  if (unsent && unsent_at_beat_ && sent_at_beat_ == connection_.sent_bytes()) {
    NSQ_LOG(kError, "client(", info_.remote_address, ") - failed to write - i/o timeout");
    End(Phase::kDropping);
    LeaveChannel();
    return;
  }
  unsent_at_beat_ = unsent;
  sent_at_beat_ = connection_.sent_bytes();
  connection_.TrimFilters();
  AppendFrame(FrameType::kResponse, kHeartbeat, &connection_.out());
  connection_.FlushAtTurnEnd();
  const Duration interval = info_.first_terms.heartbeat_interval;
  next_heartbeat_ = std::max(next_heartbeat_ + interval, now);
  answers_.Shrink();
  if (bodies_.capacity() > 0) bodies_ = std::vector<std::string_view>();
}

ClientStats Session::Describe() const {
  home_.Assert();
  ClientStats stats;
  stats.client_id = info_.client_id;
  stats.hostname = info_.hostname;
  stats.remote_address = info_.remote_address;
  stats.user_agent = info_.user_agent;
  stats.state = static_cast<int>(info_.state);
  stats.connected_at = info_.connected_at;
  stats.sample_rate = info_.terms.sample_rate;
  stats.deflate = info_.deflate;
  stats.snappy = info_.snappy;
  stats.tls = info_.tls;
  stats.tls_cipher_suite = info_.tls_cipher_suite;
  stats.tls_version = info_.tls_version;
  if (info_.auth != nullptr) {
    stats.authed = !info_.auth->empty();
    stats.auth_identity = info_.auth->identity();
    stats.auth_identity_url = info_.auth->identity_url();
  }
  stats.topology_zone = info_.topology_zone;
  stats.topology_region = info_.topology_region;
  stats.pub_counts.assign(info_.published.begin(), info_.published.end());
  return stats;
}

}  // namespace nsq::nsqd
