#include "clients/nsq/internal/link.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "clients/nsq/internal/dial.h"
#include "clients/nsq/internal/runtime_core.h"
#include "common/check.h"
#include "common/filters/deflate_filter.h"
#include "common/filters/snappy_filter.h"
#include "common/filters/tls_context.h"
#include "common/filters/tls_filter.h"
#include "common/strings.h"

namespace nsq::client {
namespace {

// What an HTTP server's "HTTP/1.1 400 ..." looks like when read as a frame's size.
constexpr uint32_t kHttpAsSize = 0x48545450;

}  // namespace

// Keeps a connection until the turn's end: it may be the one that is calling.
struct Link::Grave : Deferrable {
  explicit Grave(std::unique_ptr<Connection> c) : connection(std::move(c)) {}
  const std::unique_ptr<Connection> connection;
};

Link::Link(EventLoop& loop, RuntimeCore& runtime, std::string address, const ClientOptions& options,
           std::shared_ptr<const TlsContext> tls, Owner* owner)
    : loop_(loop),
      address_(std::move(address)),
      options_(options),
      owner_(owner),
      tls_(std::move(tls)),
      resolver_(loop, runtime,
                [this](Result<std::vector<Address>> found) { OnResolved(std::move(found)); }),
      dial_timer_(loop, [this] { ConnectFailed(ErrorCode::kConnectFailed, "i/o timeout"); }),
      handshake_timer_(
          loop, [this] { Lose(ErrorCode::kConnectFailed, "failed to IDENTIFY - i/o timeout"); }),
      read_timer_(loop, [this] { CheckReads(); }),
      write_timer_(loop, [this] { CheckWrites(); }) {}

Link::~Link() = default;

void Link::Start() {
  loop_.home().Assert();
  resolver_.Start(ParseNsqdAddress(address_));
}

void Link::OnResolved(Result<std::vector<Address>> addresses) {
  loop_.home().Assert();
  if (stage_ != Stage::kResolving) return;
  if (!addresses.ok()) {
    Lose(ErrorCode::kConnectFailed, addresses.status().detail());
    return;
  }
  addresses_ = std::move(*addresses);
  TryNextAddress();
}

void Link::TryNextAddress() {
  const Address address = addresses_.front();
  addresses_.erase(addresses_.begin());
  dialled_ = address.is_unix() ? "unix " + address.unix_path
                               : "tcp " + JoinHostPort(address.host, address.port);
  stage_ = Stage::kIdentify;
  Result<UniqueFd> fd = Dial(address, options_.local_addr);
  if (!fd.ok()) {
    ConnectFailed(ErrorCode::kConnectFailed, "connect: " + ReasonOf(fd.status()));
    return;
  }
  Connection::Handler* const handler = this;
  connection_ = std::make_unique<Connection>(loop_, std::move(*fd), handler);
  const std::string who = IdentifyBody(options_);
  char size[4];
  StoreBig32(size, static_cast<uint32_t>(who.size()));
  connection_->out().Append(StrCat(kMagicV2, "IDENTIFY\n", std::string_view(size, sizeof size)));
  connection_->out().Append(who);
  connection_->FlushAtTurnEnd();
  dial_timer_.ArmAfter(options_.dial_timeout);
  handshake_timer_.ArmAfter(options_.dial_timeout + options_.handshake_timeout);
}

// `detail` is why nobody took the connection.
void Link::ConnectFailed(ErrorCode code, const std::string& detail) {
  // Bytes the kernel took mean that somebody has answered; what follows has its own limit.
  if (connection_ != nullptr && connection_->sent_bytes() > 0 && !connection_->closed()) return;
  BuryConnection();
  if (!addresses_.empty()) {
    TryNextAddress();
    return;
  }
  Lose(code, StrCat("dial ", dialled_, ": ", detail));
}

void Link::BuryConnection() {
  if (connection_ == nullptr) return;
  connection_->Close();
  loop_.DeferDelete(std::make_unique<Grave>(std::move(connection_)));
}

void Link::Lose(ErrorCode code, std::string detail) {
  if (stage_ == Stage::kClosed) return;
  Close();
  owner_->OnLost(*this, Error{code, std::move(detail), address_});
}

void Link::Close() {
  loop_.home().Assert();
  stage_ = Stage::kClosed;
  addresses_.clear();
  dial_timer_.Cancel();
  handshake_timer_.Cancel();
  read_timer_.Cancel();
  write_timer_.Cancel();
  BuryConnection();
}

void Link::CloseAfterFlush() {
  loop_.home().Assert();
  NSQ_DCHECK(stage_ == Stage::kReady);
  stage_ = Stage::kClosed;
  read_timer_.Cancel();
  write_timer_.Cancel();
  connection_->CloseAfterFlush();
}

UniqueFd Link::SocketForWriting() const {
  if (connection_->filtered()) return UniqueFd();
  return UniqueFd(::fcntl(connection_->fd(), F_DUPFD_CLOEXEC, 0));
}

void Link::Flush() {
  connection_->FlushAtTurnEnd();
  if (!write_timer_.armed()) {
    sent_before_ = connection_->sent_bytes();
    write_timer_.ArmAfter(options_.write_timeout);
  }
}

void Link::CheckWrites() {
  if (connection_ == nullptr || connection_->unsent_bytes() == 0) return;
  if (connection_->sent_bytes() == sent_before_) {
    Lose(ErrorCode::kOutcomeUnknown, StrCat("write ", dialled_, ": i/o timeout"));
    return;
  }
  sent_before_ = connection_->sent_bytes();
  write_timer_.ArmAfter(options_.write_timeout);
}

void Link::CheckReads() {
  const SteadyTime limit = last_read_ + options_.read_timeout;
  if (loop_.Now() < limit) {
    read_timer_.ArmAt(limit);
    return;
  }
  Lose(ErrorCode::kOutcomeUnknown, StrCat("read ", dialled_, ": i/o timeout"));
}

size_t Link::OnData(std::string_view data) {
  last_read_ = loop_.Now();
  if (!std::exchange(read_anything_, true)) dial_timer_.Cancel();
  size_t used = 0;
  messages_.clear();
  while (data.size() - used >= kFrameHeaderBytes && stage_ != Stage::kClosed) {
    const char* const frame = data.data() + used;
    const uint32_t size = LoadBig32(frame);
    if (size == kHttpAsSize) {
      Lose(ErrorCode::kNotNsqd, "unexpected HTTP response, a nsqd TCP endpoint is required");
      return 0;
    }
    if (size < 4 || size > static_cast<uint64_t>(options_.max_msg_size) + kMessageHeaderBytes + 4) {
      Lose(ErrorCode::kOutcomeUnknown, StrCat("frame of ", static_cast<int32_t>(size), " bytes"));
      return 0;
    }
    if (data.size() - used < 4 + size_t{size}) break;
    used += 4 + size_t{size};
    const std::string_view payload(frame + kFrameHeaderBytes, size - 4);
    const auto type = static_cast<FrameType>(LoadBig32(frame + 4));
    if (type == FrameType::kMessage && stage_ == Stage::kReady) {
      if (payload.size() < kMessageHeaderBytes) {
        Lose(ErrorCode::kOutcomeUnknown, "not enough data to decode valid message");
        return 0;
      }
      messages_.push_back(payload);
      continue;
    }
    FlushMessages();
    if (stage_ == Stage::kClosed) break;
    const bool handshake = stage_ != Stage::kReady;
    OnFrame(type, payload);
    // What follows may be in a new layer's form.
    if (handshake) break;
  }
  FlushMessages();
  if (stage_ == Stage::kReady) owner_->OnReadDone(*this);
  return used;
}

void Link::FlushMessages() {
  if (messages_.empty() || stage_ == Stage::kClosed) return;
  owner_->OnMessages(*this, messages_);
  messages_.clear();
}

void Link::OnFrame(FrameType type, std::string_view payload) {
  if (type == FrameType::kResponse && payload == kHeartbeat) {
    connection_->out().Append("NOP\n");
    connection_->FlushAtTurnEnd();
    return;
  }
  if (stage_ != Stage::kReady) {
    OnHandshakeFrame(type, payload);
    return;
  }
  switch (type) {
    case FrameType::kResponse:
      owner_->OnResponse(*this, payload);
      return;
    case FrameType::kError:
      owner_->OnServerError(*this, payload);
      return;
    case FrameType::kMessage:
      return;  // collected by OnData
  }
  Lose(ErrorCode::kOutcomeUnknown, StrCat("unknown frame type ", static_cast<uint32_t>(type)));
}

void Link::OnHandshakeFrame(FrameType type, std::string_view payload) {
  if (type == FrameType::kError) {
    const bool auth = stage_ == Stage::kAuth;
    Lose(auth ? ErrorCode::kAuthFailed : ErrorCode::kServerError, std::string(payload));
    return;
  }
  if (type != FrameType::kResponse) {
    Lose(ErrorCode::kNotNsqd, "failed to IDENTIFY - a message came instead of an answer");
    return;
  }
  switch (stage_) {
    case Stage::kIdentify:
      AfterIdentify(payload);
      return;
    case Stage::kTls:
    case Stage::kCompressed:
      if (payload != kOkAnswer) {
        Lose(ErrorCode::kConnectFailed,
             StrCat("failed to IDENTIFY - invalid response ", GoQuoted(payload)));
      } else if (stage_ == Stage::kTls) {
        PushCompression();
      } else {
        AskAuth();
      }
      return;
    case Stage::kAuth:
      BecomeReady();
      return;
    case Stage::kResolving:
    case Stage::kReady:
    case Stage::kClosed:
      return;
  }
}

void Link::AfterIdentify(std::string_view answer) {
  if (!ParseIdentifyAnswer(answer, &traits_)) {
    Lose(ErrorCode::kNotNsqd, "failed to IDENTIFY - the answer is not JSON");
    return;
  }
  if (options_.tls_v1 && !traits_.tls_v1) {
    Lose(ErrorCode::kTlsUnavailable, "TLS was asked for and is not granted");
    return;
  }
  if ((options_.deflate && !traits_.deflate) || (options_.snappy && !traits_.snappy)) {
    const std::string text =
        StrCat(options_.deflate ? "deflate" : "snappy", " was asked for and is not granted");
    if (options_.require_compression) {
      Lose(ErrorCode::kCompressionUnavailable, text);
      return;
    }
    owner_->OnWarning(*this, text);
    if (stage_ == Stage::kClosed) return;
  }
  if (options_.tls_v1) {
    PushTls();
  } else {
    PushCompression();
  }
}

void Link::PushTls() {
  stage_ = Stage::kTls;
  // The name it was called by, not what that was resolved to.
  const Result<Address> named = ParseAddress(address_);
  connection_->PushFilter(std::make_unique<TlsFilter>(*tls_, named.ok() ? named->host : ""));
}

void Link::OnFilterReady(const Status& status) {
  if (stage_ != Stage::kTls || status.ok()) return;
  Lose(ErrorCode::kTlsFailed, StrCat("failed to IDENTIFY - ", status.detail()));
}

// Inside TLS, if there is any.
void Link::PushCompression() {
  if (options_.deflate && traits_.deflate) {
    stage_ = Stage::kCompressed;
    connection_->PushFilter(
        std::make_unique<DeflateFilter>(std::clamp(traits_.deflate_level, 1, 9)));
  } else if (options_.snappy && traits_.snappy) {
    stage_ = Stage::kCompressed;
    connection_->PushFilter(std::make_unique<SnappyFilter>());
  } else {
    AskAuth();
  }
}

void Link::AskAuth() {
  if (!traits_.auth_required) {
    BecomeReady();
    return;
  }
  if (options_.auth_secret.empty()) {
    Lose(ErrorCode::kAuthRequired, "Auth Required");
    return;
  }
  stage_ = Stage::kAuth;
  char size[4];
  StoreBig32(size, static_cast<uint32_t>(options_.auth_secret.size()));
  connection_->out().Append(StrCat("AUTH\n", std::string_view(size, sizeof size)));
  connection_->out().Append(options_.auth_secret);
  connection_->FlushAtTurnEnd();
}

void Link::BecomeReady() {
  stage_ = Stage::kReady;
  dial_timer_.Cancel();
  handshake_timer_.Cancel();
  // Without heartbeats silence means nothing; what is published has its own deadline.
  if (options_.heartbeat_interval >= Duration::zero()) read_timer_.ArmAfter(options_.read_timeout);
  owner_->OnReady(*this);
}

void Link::OnEof(std::string_view /*rest*/) {
  const Status& why = connection_->input_status();
  OnClosed(why.ok() || why.code() == Code::kUnavailable ? Status(Code::kUnavailable, "EOF") : why);
}

void Link::OnClosed(const Status& why) {
  if (stage_ == Stage::kClosed) {
    BuryConnection();
    owner_->OnEnded(*this);
    return;
  }
  const bool eof = why.detail() == "EOF";
  if (stage_ == Stage::kReady) {
    Lose(ErrorCode::kOutcomeUnknown, eof ? "EOF" : StrCat("IO error - ", ReasonOf(why)));
  } else if (read_anything_) {
    Lose(ErrorCode::kConnectFailed,
         StrCat(stage_ == Stage::kAuth ? "failed to auth - " : "failed to IDENTIFY - ",
                eof ? "EOF" : ReasonOf(why)));
  } else if (connection_->sent_bytes() > 0) {
    Lose(ErrorCode::kConnectFailed,
         StrCat("failed to IDENTIFY - ", eof ? "unexpected EOF" : ReasonOf(why)));
  } else {
    ConnectFailed(ErrorCode::kConnectFailed, "connect: " + ReasonOf(why));
  }
}

}  // namespace nsq::client
