// What each command does: spec, nsqd-tcp 2 and 3. The order of the checks is the original's.

#include <algorithm>
#include <optional>

#include "common/log.h"
#include "common/status.h"
#include "common/wire/frame.h"
#include "common/wire/names.h"
#include "nsqd/options.h"
#include "nsqd/protocol/broker.h"
#include "nsqd/protocol/client_memory.h"
#include "nsqd/protocol/identify.h"
#include "nsqd/protocol/session.h"
#include "nsqd/queue/channel.h"
#include "nsqd/queue/topic.h"

namespace nsq::nsqd {
namespace {

// What the list of an MPUB's messages may keep for the next one.
constexpr size_t kKeepBodies = 1024;

// As the original's: the product wraps around.
Duration WrappingMs(uint64_t ms) { return Duration(static_cast<int64_t>(ms * 1'000'000)); }

// An MPUB is held in memory until it is whole. The size it announces does not bound it, since only
// the sizes inside count; this does. One message of the largest size fits at least.
int64_t MaxMpubBytes(const Options& options) {
  return std::max(options.max_body_size, options.max_msg_size + 8);
}

}  // namespace

size_t Session::ReadMagic(std::string_view data) {
  if (data.size() < kMagicV2.size()) return 0;
  const std::string_view magic = data.substr(0, kMagicV2.size());
  if (magic != kMagicV2) {
    NSQ_LOG(kError, "client(", info_.remote_address, ") bad protocol magic ", DescribeMagic(magic));
    Refuse(refusal::BadProtocol());
    return 0;
  }
  NSQ_LOG(kInfo, "CLIENT(", info_.remote_address, "): desired protocol magic '", magic, "'");
  awaited_ = Awaited::kLine;
  last_command_ = loop_.Now();
  next_heartbeat_ = last_command_ + info_.first_terms.heartbeat_interval;
  ArmTimer();
  return magic.size();
}

size_t Session::ReadCommand(std::string_view data) {
  std::string_view line;
  switch (parser_.FindLine(data, &line)) {
    case CommandParser::Found::kYes:
      break;
    case CommandParser::Found::kNotYet:
      awaited_ = Awaited::kLine;
      return 0;
    case CommandParser::Found::kTooLong:
      NSQ_LOG(kError, "client(", info_.remote_address,
              ") - failed to read command - line too long");
      End(Phase::kAnswering);
      return 0;
  }
  if (!Execute(ParseLine(line), data)) return 0;
  return parser_.Finish();
}

bool Session::Execute(const CommandLine& line, std::string_view data) {
  if (options_.tls_required != TlsRequired::kNo && !info_.tls &&
      line.command != Command::kIdentify) {
    return Refuse(refusal::TlsFirst(line.name));
  }
  switch (line.command) {
    case Command::kFin:
      return Fin(line);
    case Command::kPub:
      return Pub(line, data);
    case Command::kMpub:
      return Mpub(line, data);
    case Command::kDpub:
      return Dpub(line, data);
    case Command::kRdy:
      return Rdy(line);
    case Command::kReq:
      return Req(line);
    case Command::kTouch:
      return Touch(line);
    case Command::kNop:
      return true;
    case Command::kSub:
      return Sub(line);
    case Command::kCls:
      return Cls();
    case Command::kIdentify:
      return Identify(data);
    case Command::kAuth:
      return Auth(line, data);
    case Command::kUnknown:
      break;
  }
  return Refuse(refusal::UnknownCommand(line.name));
}

// --- bodies

bool Session::Await(Command command, Awaited what, uint32_t index) {
  awaiting_ = command;
  awaited_ = what;
  awaited_index_ = index;
  return false;
}

// What the client is told if nothing follows what it has sent of a body.
Refusal Session::Unreadable() const {
  switch (awaited_) {
    case Awaited::kMagic:
    case Awaited::kLine:
      break;  // it is told nothing
    case Awaited::kSize:
      return refusal::NoSize(awaiting_);
    case Awaited::kBody:
      return refusal::NoBody(awaiting_);
    case Awaited::kMessageCount:
      return refusal::NoMessageCount();
    case Awaited::kMessageSize:
      return refusal::NoMessageSize(awaited_index_);
    case Awaited::kMessageBody:
      return refusal::NoMessageBody();
  }
  return refusal::NoSize(awaiting_);
}

bool Session::ReadBody(Command command, int64_t max_size, std::string_view data,
                       std::string_view* body) {
  int32_t size = 0;
  if (!parser_.FindSize(data, &size)) return Await(command, Awaited::kSize);
  if (size <= 0) return Refuse(refusal::BadSize(command, size));
  if (size > max_size) return Refuse(refusal::TooBig(command, size, max_size));
  if (!parser_.FindBody(data, static_cast<size_t>(size), body)) {
    return Await(command, Awaited::kBody);
  }
  return true;
}

bool Session::ReadMessages(std::string_view data) {
  using What = CommandParser::Messages::What;
  const int64_t max_body = options_.max_body_size;
  int32_t size = 0;
  if (!parser_.FindSize(data, &size)) return Await(Command::kMpub, Awaited::kSize);
  if (size <= 0) return Refuse(refusal::BadSize(Command::kMpub, size));
  if (size > max_body) return Refuse(refusal::TooBig(Command::kMpub, size, max_body));
  const CommandParser::Messages messages = parser_.CheckMessages(
      data, {MaxMpubMessages(options_), options_.max_msg_size, MaxMpubBytes(options_)});
  switch (messages.what) {
    case What::kWhole:
      return true;
    case What::kNoCount:
      return Await(Command::kMpub, Awaited::kMessageCount);
    case What::kNoSize:
      return Await(Command::kMpub, Awaited::kMessageSize, messages.index);
    case What::kNoBody:
      return Await(Command::kMpub, Awaited::kMessageBody, messages.index);
    case What::kBadCount:
      return Refuse(refusal::BadMessageCount(messages.number));
    case What::kBadSize:
      return Refuse(refusal::BadMessageSize(messages.index, messages.number));
    case What::kTooBig:
      return Refuse(refusal::MessageTooBig(messages.number, options_.max_msg_size));
    case What::kTooLarge:
      break;
  }
  return Refuse(refusal::TooBig(Command::kMpub, messages.number, MaxMpubBytes(options_)));
}

// --- IDENTIFY; session_upgrade.cc has what follows it

bool Session::Identify(std::string_view data) {
  if (info_.state != ClientState::kInit) return Refuse(refusal::WrongState(Command::kIdentify));
  std::string_view body;
  if (!ReadBody(Command::kIdentify, options_.max_body_size, data, &body)) return false;
  const std::optional<IdentifyRequest> request = DecodeIdentify(body);
  if (!request) return Refuse(refusal::BadJson());
  NSQ_LOG(kInfo, "[", info_.remote_address, "] IDENTIFY: ", ToString(*request));
  const bool first = !info_.identified;
  if (const auto refused = ApplyIdentify(*request, options_, &info_)) return Refuse(*refused);
  last_command_ = loop_.Now();
  if (first) next_heartbeat_ = last_command_ + info_.first_terms.heartbeat_interval;
  ArmTimer();
  const Layers layers = GrantLayers(*request, options_, broker_.tls() != nullptr);
  if (layers.snappy && layers.deflate) return Refuse(refusal::TwoCompressions());
  // TLS is the outermost layer, and there is one of each kind.
  const bool compresses = layers.snappy || layers.deflate;
  if ((layers.tls && connection_.filtered()) || (compresses && (info_.snappy || info_.deflate))) {
    return Refuse(refusal::IdentifyFailed("connection already upgraded"));
  }
  Respond(request->feature_negotiation ? IdentifyResponse(info_, layers, options_)
                                       : std::string(kOkAnswer));
  if (layers.any()) {
    upgrade_ = layers;
    if (answers_.empty()) Upgrade();
  }
  return true;
}

// --- consuming

bool Session::Sub(const CommandLine& line) {
  if (info_.state != ClientState::kInit) return Refuse(refusal::WrongState(Command::kSub));
  if (info_.terms.heartbeat_interval == Duration::zero()) {
    return Refuse(refusal::NeedsHeartbeats());
  }
  if (line.params < 2) return Refuse(refusal::TooFewParams(Command::kSub));
  const auto [topic, channel] = line.param;
  if (!IsValidTopicName(topic)) return Refuse(refusal::BadTopic(Command::kSub, topic));
  if (!IsValidChannelName(channel)) return Refuse(refusal::BadChannel(Command::kSub, channel));
  if (!Authorize(Command::kSub, topic, channel)) return false;
  held_sub_ = HeldSub{std::string(topic), std::string(channel), std::nullopt};
  sub_retried_ = false;
  // A session moves only when it owes nothing, and never from inside its connection's call.
  if (!answers_.empty() || !StartSubscribe()) SettleSoon();
  return true;
}

bool Session::Rdy(const CommandLine& line) {
  if (info_.state == ClientState::kClosing) return true;  // as nsqd: not even looked at
  if (info_.state != ClientState::kSubscribed) return Refuse(refusal::WrongState(Command::kRdy));
  int64_t count = 1;
  if (line.params > 0) {
    const std::optional<uint64_t> number = ParseUnsigned(line.param[0]);
    if (!number) return Refuse(refusal::BadCount(line.param[0]));
    count = static_cast<int64_t>(*number);
  }
  if (count < 0 || count > options_.max_rdy_count) {
    return Refuse(refusal::CountOutOfRange(count, options_.max_rdy_count));
  }
  channel_->SetReady(subscription_, count);
  topic_->Wake();
  return true;
}

bool Session::CheckAboutMessage(const CommandLine& line, size_t params) {
  if (info_.state == ClientState::kInit) return Refuse(refusal::WrongState(line.command));
  if (line.params < params) return Refuse(refusal::TooFewParams(line.command));
  if (line.param[0].size() != kMessageIdBytes) return Refuse(refusal::BadMessageId());
  return true;
}

bool Session::FinishAboutMessage(const CommandLine& line, const Status& status) {
  if (!status.ok()) {
    return Refuse(refusal::NotDone(line.command, line.param[0], status.detail()));
  }
  topic_->Wake();
  return true;
}

bool Session::Fin(const CommandLine& line) {
  if (!CheckAboutMessage(line, 1)) return false;
  const std::optional<Sequence> sequence = ParseMessageId(options_.node_id, line.param[0]);
  return FinishAboutMessage(line,
                            sequence ? channel_->Finish(subscription_, *sequence, loop_.WallClock())
                                     : Status(Code::kNotFound, "ID not in flight"));
}

bool Session::Req(const CommandLine& line) {
  if (!CheckAboutMessage(line, 2)) return false;
  const std::optional<uint64_t> ms = ParseUnsigned(line.param[1]);
  if (!ms) return Refuse(refusal::BadTimeout(Command::kReq, line.param[1]));
  const Duration delay = std::clamp(WrappingMs(*ms), Duration::zero(), options_.max_req_timeout);
  const std::optional<Sequence> sequence = ParseMessageId(options_.node_id, line.param[0]);
  return FinishAboutMessage(
      line, sequence ? channel_->Requeue(subscription_, *sequence, delay, loop_.ExactWallClock())
                     : Status(Code::kNotFound, "ID not in flight"));
}

bool Session::Touch(const CommandLine& line) {
  if (!CheckAboutMessage(line, 1)) return false;
  const std::optional<Sequence> sequence = ParseMessageId(options_.node_id, line.param[0]);
  return FinishAboutMessage(line, sequence ? channel_->Touch(subscription_, *sequence, loop_.Now())
                                           : Status(Code::kNotFound, "ID not in flight"));
}

bool Session::Cls() {
  if (info_.state != ClientState::kSubscribed) return Refuse(refusal::WrongState(Command::kCls));
  channel_->StartClosing(subscription_);
  topic_->Wake();
  info_.state = ClientState::kClosing;
  Respond(kCloseWait);
  return true;
}

// --- publishing

bool Session::MayPublishTo(std::string_view topic) const {
  // Producers repeat themselves; what was published to last is known to be valid.
  return (last_published_ != nullptr && last_published_->first == topic) || IsValidTopicName(topic);
}

bool Session::Pub(const CommandLine& line, std::string_view data) {
  if (line.params < 1) return Refuse(refusal::TooFewParams(Command::kPub));
  const std::string_view topic = line.param[0];
  if (!MayPublishTo(topic)) return Refuse(refusal::BadTopic(Command::kPub, topic));
  std::string_view body;
  if (!ReadBody(Command::kPub, options_.max_msg_size, data, &body)) return false;
  if (!Authorize(Command::kPub, topic, {})) return false;
  Publish(Command::kPub, topic, {&body, 1}, Duration::zero());
  return true;
}

bool Session::Mpub(const CommandLine& line, std::string_view data) {
  if (line.params < 1) return Refuse(refusal::TooFewParams(Command::kMpub));
  const std::string_view topic = line.param[0];
  if (!MayPublishTo(topic)) return Refuse(refusal::BadTopic(Command::kMpub, topic));
  if (!Authorize(Command::kMpub, topic, {})) return false;
  if (!ReadMessages(data)) {
    // As nsqd: the topic is there before the body is looked at, and stays whatever is in it.
    if (!topic_ensured_) broker_.EnsureTopic(topic);
    topic_ensured_ = true;
    return false;
  }
  topic_ensured_ = false;
  parser_.CollectMessages(data, &bodies_);
  Publish(Command::kMpub, topic, bodies_, Duration::zero());
  bodies_.clear();
  if (bodies_.capacity() > kKeepBodies) bodies_ = std::vector<std::string_view>();
  return true;
}

bool Session::Dpub(const CommandLine& line, std::string_view data) {
  if (line.params < 2) return Refuse(refusal::TooFewParams(Command::kDpub));
  const auto [topic, timeout] = line.param;
  if (!MayPublishTo(topic)) return Refuse(refusal::BadTopic(Command::kDpub, topic));
  const std::optional<uint64_t> ms = ParseUnsigned(timeout);
  if (!ms) return Refuse(refusal::BadTimeout(Command::kDpub, timeout));
  const Duration defer = WrappingMs(*ms);
  if (defer < Duration::zero() || defer > options_.max_defer_timeout) {
    const auto max = std::chrono::duration_cast<milliseconds>(options_.max_defer_timeout);
    return Refuse(refusal::TimeoutOutOfRange(Command::kDpub, *ms, max.count()));
  }
  std::string_view body;
  if (!ReadBody(Command::kDpub, options_.max_msg_size, data, &body)) return false;
  if (!Authorize(Command::kDpub, topic, {})) return false;
  Publish(Command::kDpub, topic, {&body, 1}, defer);
  return true;
}

void Session::Publish(Command command, std::string_view topic,
                      std::span<const std::string_view> bodies, Duration defer) {
  if (last_published_ == nullptr || last_published_->first != topic) {
    auto it = info_.published.find(topic);
    if (it == info_.published.end()) it = info_.published.emplace(std::string(topic), 0).first;
    last_published_ = &*it;
  }
  last_published_->second += bodies.size();
  // They lie one behind the other in what was received.
  const size_t size_bytes =
      static_cast<size_t>(bodies.back().data() + bodies.back().size() - bodies.front().data());
  memory_.promised_bytes += size_bytes;
  broker_.Publish(topic, bodies, defer, this, answers_.Promise(command, size_bytes));
}

}  // namespace nsq::nsqd
