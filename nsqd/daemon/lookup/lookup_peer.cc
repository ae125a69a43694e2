#include "nsqd/daemon/lookup/lookup_peer.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/event/buffer.h"
#include "common/event/helper_pool.h"
#include "common/log.h"
#include "common/strings.h"
#include "common/wire/frame.h"

namespace nsq::nsqd {
namespace {

constexpr size_t kSizeBytes = 4;
constexpr int kHighestPort = 65535;
constexpr size_t kLongestHost = 253;  // DNS

// What of a peer's words goes into a log line.
std::string_view Shown(std::string_view text) { return text.substr(0, 256); }

// A connection that may be on the stack dies at the end of the turn.
struct DyingConnection : Deferrable {
  explicit DyingConnection(std::unique_ptr<Connection> c) : connection(std::move(c)) {}
  const std::unique_ptr<Connection> connection;
};

// An absent member and null leave the default, as for Go.
bool ReadMember(const nlohmann::json& object, const char* name, int* to) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return true;
  if (!it->is_number_integer()) return false;
  *to = it->get<int>();
  return true;
}

bool ReadMember(const nlohmann::json& object, const char* name, std::string* to) {
  const auto it = object.find(name);
  if (it == object.end() || it->is_null()) return true;
  if (!it->is_string()) return false;
  *to = it->get<std::string>();
  return true;
}

}  // namespace

struct LookupPeer::ResolveJob : Job {
  ResolveJob(Address a, std::shared_ptr<Ticket> t) : address(std::move(a)), ticket(std::move(t)) {}

  void Run() noexcept override { resolved = ResolveHost(address); }
  void Open() noexcept override {
    if (ticket->peer != nullptr) ticket->peer->OnResolved(std::move(resolved));
  }

  const Address address;
  const std::shared_ptr<Ticket> ticket;
  Result<std::vector<Address>> resolved = std::vector<Address>();
};

LookupPeer::LookupPeer(EventLoop& loop, HelperPool& pool, std::string address,
                       const std::string& identify, const LookupRegistry& registry,
                       const LookupLimits& limits)
    : loop_(loop),
      home_(loop.home()),
      pool_(pool),
      address_(std::move(address)),
      identify_(identify),
      registry_(registry),
      limits_(limits),
      ticket_(std::make_shared<Ticket>(Ticket{this})),
      retry_(loop, [this] { Attempt(); }),
      deadline_(loop, [this] { OnDeadline(); }),
      ping_(loop, [this] { OnPingTime(); }),
      retry_delay_(limits.first_retry) {
  Attempt();
}

LookupPeer::~LookupPeer() {
  home_.Assert();
  ticket_->peer = nullptr;
  Disconnect();
}

void LookupPeer::Changed(std::string_view topic, std::string_view channel) {
  home_.Assert();
  if (state_ != State::kIdentified) return;
  Name name(topic, channel);
  const bool walk_will_see_it = walking_ && (!walked_.has_value() || name > *walked_);
  if (walk_will_see_it) return;
  if (!waiting_.insert(name).second) return;
  changes_.push_back(std::move(name));
  if (changes_.size() > kMaxChanges) {
    Fail(Status(Code::kExhausted, "too many changes wait for their answers"));
  } else {
    SendMore();
  }
}

void LookupPeer::IdentifyAgain() {
  home_.Assert();
  // One that is about to connect will say the new body anyway.
  if (connection_ == nullptr) return;
  Disconnect();
  Attempt();
}

bool LookupPeer::identified() const {
  home_.Assert();
  return state_ == State::kIdentified;
}

const std::optional<LookupHttpAddress>& LookupPeer::http() const {
  home_.Assert();
  return http_;
}

void LookupPeer::Attempt() {
  home_.Assert();
  NSQ_LOG(kInfo, "LOOKUP connecting to ", address_);
  Result<Address> address = ParseAddress(address_);
  if (!address.ok()) {
    Fail(address.status());
  } else if (NeedsResolving(*address)) {
    state_ = State::kResolving;
    pool_.Submit(std::make_unique<ResolveJob>(std::move(*address), ticket_), &loop_);
  } else {
    OnResolved(std::vector<Address>{std::move(*address)});
  }
}

void LookupPeer::OnResolved(Result<std::vector<Address>> resolved) {
  home_.Assert();
  if (!resolved.ok()) {
    Fail(resolved.status());
    return;
  }
  numeric_ = std::move(*resolved);
  next_numeric_ = 0;
  DialNext();
}

void LookupPeer::DialNext() {
  state_ = State::kDialing;
  Result<UniqueFd> fd = StartConnect(numeric_[next_numeric_++]);
  if (!fd.ok()) {
    Fail(fd.status());
    return;
  }
  SetTcpOptions(fd->get());
  // What is said while the socket still connects leaves when it has.
  Connection::Handler* const handler = this;
  connection_ = std::make_unique<Connection>(loop_, std::move(*fd), handler);
  connection_->out().Append(kMagicV1);
  Send("IDENTIFY", identify_);
  deadline_.ArmAfter(limits_.dial_timeout + limits_.answer_timeout);
}

size_t LookupPeer::OnData(std::string_view data) {
  home_.Assert();
  size_t used = 0;
  while (used < data.size()) {
    if (unanswered_.empty()) {
      Fail(Status(Code::kCorrupt, "an answer to nothing"));
      return used;
    }
    const std::string_view rest = data.substr(used);
    if (rest.size() < kSizeBytes) break;
    // Read as unsigned, a negative size is longer than any limit.
    const size_t size = LoadBig32(rest.data());
    if (size > limits_.max_reply_bytes || size > INT32_MAX) {
      Fail(Status(Code::kCorrupt, StrCat("answer of ", static_cast<int32_t>(size), " bytes")));
      return used;
    }
    if (rest.size() - kSizeBytes < size) break;
    if (!OnAnswer(rest.substr(kSizeBytes, size))) return used;
    used += kSizeBytes + size;
  }
  if (used == 0) return used;
  SendMore();
  // Only a peer that takes all of it is trusted with quick attempts again.
  if (unanswered_.empty()) retry_delay_ = limits_.first_retry;
  return used;
}

void LookupPeer::OnEof(std::string_view /*rest*/) {
  home_.Assert();
  Fail(Status(Code::kUnavailable, "EOF"));
}

void LookupPeer::OnClosed(const Status& why) {
  home_.Assert();
  if (!Unreachable()) {
    Fail(why);
    return;
  }
  const Address& to = numeric_[next_numeric_ - 1];
  // "read: Connection refused" or "write: ...": neither has happened yet.
  std::string reason = why.detail().substr(why.detail().find(' ') + 1);
  reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));  // as Go
  Fail(Status(why.code(), to.is_unix() ? StrCat("dial unix ", to.unix_path, ": ", reason)
                                       : StrCat("dial tcp ", JoinHostPort(to.host, to.port),
                                                ": connect: ", reason)));
}

bool LookupPeer::OnAnswer(std::string_view payload) {
  if (state_ == State::kDialing) {
    if (const Status status = TakeIdentity(payload); !status.ok()) {
      Fail(status);
      return false;
    }
    state_ = State::kIdentified;
    walking_ = true;
    ping_.ArmAfter(limits_.ping_interval);
  } else if (payload.starts_with("E_")) {
    // Nothing to do about it: nsqlookupd hangs up after an error, and the next connection
    // registers everything.
    NSQ_LOG(kError, "LOOKUPD(", address_, "): ", unanswered_.front(), " - ", Shown(payload));
  }
  unanswered_.pop_front();
  if (unanswered_.empty()) {
    deadline_.Cancel();
  } else {
    deadline_.ArmAfter(limits_.answer_timeout);
  }
  return true;
}

Status LookupPeer::TakeIdentity(std::string_view payload) {
  const nlohmann::json reply = nlohmann::json::parse(payload, nullptr, false);
  LookupHttpAddress http;
  int tcp_port = 0;
  std::string version;
  if (!reply.is_object() || !ReadMember(reply, "tcp_port", &tcp_port) ||
      !ReadMember(reply, "http_port", &http.port) || !ReadMember(reply, "version", &version) ||
      !ReadMember(reply, "broadcast_address", &http.host)) {
    return Status(Code::kInvalid, StrCat("not an answer to IDENTIFY: ", GoQuoted(Shown(payload))));
  }
  const std::string info = StrCat("{TCPPort:", tcp_port, " HTTPPort:", http.port,
                                  " Version:", version, " BroadcastAddress:", http.host, "}");
  NSQ_LOG(kInfo, "LOOKUPD(", address_, "): peer info ", Shown(info));
  const bool names_host = !http.host.empty() && http.host.size() <= kLongestHost;
  if (names_host && http.port > 0 && http.port <= kHighestPort) http_ = std::move(http);
  return Status();
}

void LookupPeer::SendMore() {
  while (unanswered_.size() < limits_.max_unanswered && SendNext()) {
  }
}

// False: there is nothing to say.
bool LookupPeer::SendNext() {
  // First of all the ping: a long walk must not make this nsqd look dead.
  if (ping_due_) {
    ping_due_ = false;
    NSQ_LOG(kDebug, "LOOKUPD(", address_, "): sending heartbeat");
    Send("PING");
    return true;
  }
  if (!changes_.empty()) {
    const Name name = std::move(changes_.front());
    changes_.pop_front();
    waiting_.erase(name);
    SendName(name);
    return true;
  }
  if (!walking_) return false;
  walked_ = NextOfWalk();
  walking_ = walked_.has_value();
  if (walking_) SendName(*walked_);
  return walking_;
}

// A topic without channels stands for itself, otherwise its channels imply it.
std::optional<LookupPeer::Name> LookupPeer::NextOfWalk() {
  auto topic = registry_.begin();
  if (walked_.has_value()) {
    topic = registry_.lower_bound(walked_->first);
    if (topic != registry_.end() && topic->first == walked_->first) {
      const auto channel = topic->second.upper_bound(walked_->second);
      if (channel != topic->second.end()) return Name(topic->first, *channel);
      ++topic;
    }
  }
  if (topic == registry_.end()) return std::nullopt;
  return Name(topic->first, topic->second.empty() ? std::string() : *topic->second.begin());
}

void LookupPeer::SendName(const Name& name) {
  const auto& [topic, channel] = name;
  const auto found = registry_.find(topic);
  const bool exists =
      found != registry_.end() && (channel.empty() || found->second.contains(channel));
  std::string command = StrCat(exists ? "REGISTER " : "UNREGISTER ", topic);
  if (!channel.empty()) command.append(" ").append(channel);
  NSQ_LOG(kInfo, "LOOKUPD(", address_, "): ", channel.empty() ? "topic " : "channel ", command);
  Send(std::move(command));
}

void LookupPeer::Send(std::string command, std::string_view body) {
  Buffer& out = connection_->out();
  out.Append(command);
  out.Append("\n");
  if (!body.empty()) {
    StoreBig32(out.Reserve(kSizeBytes), static_cast<uint32_t>(body.size()));
    out.Commit(kSizeBytes);
    out.Append(body);
  }
  connection_->FlushAtTurnEnd();
  if (unanswered_.empty()) deadline_.ArmAfter(limits_.answer_timeout);
  unanswered_.push_back(std::move(command));
}

void LookupPeer::OnDeadline() {
  home_.Assert();
  Fail(Status(Code::kTimeout, "i/o timeout"));
}

void LookupPeer::OnPingTime() {
  home_.Assert();
  ping_.ArmAfter(limits_.ping_interval);
  ping_due_ = true;
  SendMore();
}

// Whether the host's next number is worth a try.
bool LookupPeer::Unreachable() const {
  return state_ == State::kDialing && (connection_ == nullptr || connection_->sent_bytes() == 0);
}

void LookupPeer::Fail(const Status& why) {
  const bool unreachable = Unreachable();
  std::string_view doing = "IDENTIFY";
  if (state_ == State::kIdentified) {
    doing = unanswered_.empty() ? std::string_view("idle") : std::string_view(unanswered_.front());
  }
  NSQ_LOG(kError, "LOOKUPD(", address_, "): ", doing, " - ", why.detail());
  Disconnect();
  if (unreachable && next_numeric_ < numeric_.size()) {
    DialNext();
    return;
  }
  retry_.ArmAfter(retry_delay_);
  retry_delay_ = std::min(2 * retry_delay_, limits_.last_retry);
}

void LookupPeer::Disconnect() {
  state_ = State::kWaiting;
  if (connection_ != nullptr) {
    connection_->Close();
    loop_.DeferDelete(std::make_unique<DyingConnection>(std::move(connection_)));
  }
  deadline_.Cancel();
  ping_.Cancel();
  unanswered_.clear();
  http_.reset();
  ping_due_ = false;
  walking_ = false;
  walked_.reset();
  changes_.clear();
  waiting_.clear();
}

}  // namespace nsq::nsqd
