#include "common/http/server_connection.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/config/duration.h"
#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/filters/tls_filter.h"
#include "common/http/router.h"
#include "common/http/unrouted.h"
#include "common/log.h"
#include "common/strings.h"

namespace nsq::http {
namespace {

// Room made for a body at once, on its client's word.
constexpr size_t kReservedBytes = size_t{256} << 10;
// Some old clients end a POST's body with a line end that is not in its length.
constexpr size_t kMaxNewlines = 4;

std::string_view Phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Request Entity Too Large";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

}  // namespace

ServerConnection::ServerConnection(EventLoop& loop, UniqueFd fd, ServerConnectionOwner* owner,
                                   const TlsContext* tls, Duration handshake_time,
                                   ConnectionPlace place)
    : loop_(loop),
      owner_(*owner),
      place_(std::move(place)),
      connection_(loop, std::move(fd), this),
      is_plain_(tls == nullptr) {
  if (is_plain_) return;
  connection_.PushFilter(std::make_unique<TlsFilter>(*tls));
  handshake_timer_ = std::make_unique<Timer>(loop_, [this] {
    connection_.AbandonFilter();
    HandshakeFailed("i/o timeout");
  });
  handshake_timer_->ArmAfter(handshake_time);
}

ServerConnection::~ServerConnection() {
  if (waiting_ != nullptr) waiting_->Abandon();
  if (reading_ != nullptr) reading_->Abandon();
}

void ServerConnection::Stop() {
  if (ending_ || waiting_ != nullptr) return;
  if (connection_.unsent_bytes() == 0) {
    connection_.Close();
    owner_.OnGone(this);
    return;
  }
  ending_ = true;
  connection_.CloseAfterFlush();
}

bool ServerConnection::IsTurnSpent() const {
  return answers_ >= kAnswersPerTurn || answer_bytes_ >= kAnswerBytesPerTurn;
}

size_t ServerConnection::OnData(std::string_view data) {
  size_t used = 0;
  answers_ = answer_bytes_ = 0;
  while (used < data.size() && waiting_ == nullptr) {
    if (ending_) return data.size();
    if (IsTurnSpent()) {
      connection_.PauseReading();
      loop_.AtTurnEnd(TurnPhase::kSocket, &resume_);
      return used;
    }
    if (connection_.unsent_bytes() > kMaxUnsentBytes) {
      connection_.FlushNow();
      if (connection_.closed()) return 0;
      if (connection_.unsent_bytes() > kMaxUnsentBytes) {
        connection_.PauseReading();
        return used;
      }
    }
    const std::string_view rest = data.substr(used);
    const size_t taken = reading_ != nullptr ? TakeBody(rest) : TakeHead(rest);
    if (taken == 0 && waiting_ == nullptr && !ending_) return used;
    used += taken;
  }
  // What comes next waits for the answer in the kernel, not here.
  if (waiting_ != nullptr && used < data.size()) connection_.PauseReading();
  return used;
}

BodyUse ServerConnection::body_use() const { return route_ == nullptr ? BodyUse() : route_->body; }

size_t ServerConnection::TakeHead(std::string_view data) {
  if (newlines_left_ > 0) {
    size_t newlines = 0;
    while (newlines < std::min(data.size(), newlines_left_) &&
           (data[newlines] == '\r' || data[newlines] == '\n')) {
      ++newlines;
    }
    newlines_left_ = newlines == data.size() ? newlines_left_ - newlines : 0;
    if (newlines > 0) return newlines;
  }
  const std::optional<size_t> end = FindHeadEnd(data, scanned_bytes_);
  if (end && *end <= kMaxHeadBytes) {
    scanned_bytes_ = 0;
    line_checked_ = false;
    Begin(data.substr(0, *end));
    return *end;
  }
  if (data.size() > kMaxHeadBytes) {
    Refuse({431, ""});
    return 0;
  }
  scanned_bytes_ = data.size();
  const size_t line_end = line_checked_ ? std::string_view::npos : data.find('\n');
  if (line_end != std::string_view::npos) {
    std::string_view line = data.substr(0, line_end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    RequestHead head;
    if (const auto error = ParseRequestLine(line, &head)) Refuse(*error);
    line_checked_ = true;
  }
  return 0;
}

void ServerConnection::Begin(std::string_view text) {
  std::unique_ptr<Exchange> exchange(new Exchange(&loop_, this, text));
  if (const auto error = exchange->Parse()) {
    exchange->Abandon();
    Refuse(*error);
    return;
  }
  const RequestHead& head = exchange->head_;
  Request& request = exchange->request_;
  newlines_left_ = head.method == Method::kPost ? kMaxNewlines : 0;
  route_ = is_plain_ ? owner_.plain_route() : nullptr;
  if (route_ == nullptr) {
    route_ = owner_.router().Find(request.method, request.path, &request.param);
  }
  exchange->logged_ = route_ != nullptr && route_->access == Access::kLogged;
  body_ = BodyReader(head.framing, head.content_length);
  dropped_bytes_ = 0;
  reading_ = std::move(exchange);

  if (head.expect == RequestHead::Expect::kUnknown) {
    waiting_ = reading_.get();
    waiting_->CloseAfterwards();
    std::exchange(reading_, nullptr)->Plain(417, "");
    return;
  }
  if (head.framing == Framing::kNone || !IsBodyWanted()) {
    Ask();
    return;
  }
  if (head.expect == RequestHead::Expect::kContinue && head.minor_version > 0) {
    connection_.out().Append("HTTP/1.1 100 Continue\r\n\r\n");
    connection_.FlushAtTurnEnd();
  }
}

// Whether a body is worth reading, by what its head says of it. If not, the connection ends with
// the answer: what follows the head is not the next one.
bool ServerConnection::IsBodyWanted() {
  const BodyUse use = body_use();
  const RequestHead& head = reading_->head_;
  const bool is_kept = use.kind == BodyUse::Kind::kKept;
  const bool too_long = is_kept && head.content_length > use.max_bytes;
  if (too_long) reading_->request_.body_end = BodyEnd::kTooLong;
  if (use.kind == BodyUse::Kind::kSkipped) return true;
  if (is_kept && !too_long) {
    reading_->body_.Reserve(std::min<size_t>(head.content_length, kReservedBytes));
    return true;
  }
  const bool client_waits = head.expect == RequestHead::Expect::kContinue && head.minor_version > 0;
  if (!client_waits && head.content_length < kMaxDroppedBytes) return true;
  reading_->CloseAfterwards();
  return false;
}

size_t ServerConnection::TakeBody(std::string_view data) {
  std::string_view piece;
  const size_t taken = body_.Take(data, &piece);
  if (!piece.empty()) Keep(piece);
  if (body_.state() == BodyReader::State::kWhole) {
    Ask();
  } else if (body_.state() == BodyReader::State::kBroken || dropped_bytes_ > kMaxDroppedBytes) {
    if (body_.state() == BodyReader::State::kBroken) CallBroken();
    reading_->CloseAfterwards();
    Ask();
  }
  return taken;
}

void ServerConnection::CallBroken() {
  if (body_use().kind == BodyUse::Kind::kUnread) return;  // nobody has looked
  BodyEnd& end = reading_->request_.body_end;
  if (end == BodyEnd::kWhole) end = BodyEnd::kBroken;
}

void ServerConnection::Keep(std::string_view piece) {
  const BodyUse use = body_use();
  if (use.kind == BodyUse::Kind::kSkipped) return;
  if (use.kind == BodyUse::Kind::kKept) {
    Request& request = reading_->request_;
    const size_t room = use.max_bytes - reading_->body_.size();
    if (request.body_end == BodyEnd::kWhole) {
      reading_->body_.Append(piece.substr(0, room));
      if (piece.size() <= room) return;
      request.body_end = BodyEnd::kTooLong;
      piece.remove_prefix(room);
    }
  }
  dropped_bytes_ += piece.size();
}

// Has the request answered, its body read or not.
void ServerConnection::Ask() {
  std::unique_ptr<Exchange> exchange = std::move(reading_);
  waiting_ = exchange.get();
  exchange->request_.body = exchange->body_.view();
  if (route_ != nullptr) {
    route_->handler(std::move(exchange));
  } else {
    AnswerUnrouted(owner_.router(), *exchange);
  }
}

void ServerConnection::OnEof(std::string_view rest) {
  eof_ = true;
  if (handshake_timer_ != nullptr) {
    connection_.AbandonFilter();
    HandshakeFailed("EOF");
    return;
  }
  if (ending_ || waiting_ != nullptr) return;
  if (reading_ != nullptr) {
    CallBroken();
    reading_->CloseAfterwards();
    Ask();
    return;
  }
  if (!rest.empty()) {
    Refuse({400, ""});
    return;
  }
  ending_ = true;
  connection_.CloseAfterFlush();
}

void ServerConnection::OnFilterReady(const Status& status) {
  if (status.ok()) {
    handshake_timer_.reset();
    return;
  }
  if (status.detail() == TlsFilter::kSpokeHttp) {
    connection_.out().Append(
        StrCat("HTTP/1.0 400 Bad Request\r\n\r\nC", TlsFilter::kSpokeHttp.substr(1), ".\n"));
  }
  HandshakeFailed(status.detail());
}

void ServerConnection::HandshakeFailed(std::string_view reason) {
  NSQ_LOG(kWarn, "http: TLS handshake error from ", Peer(), ": ", reason);
  handshake_timer_->Cancel();
  ending_ = true;
  connection_.CloseAfterFlush();
}

void ServerConnection::OnClosed(const Status& /*why*/) { owner_.OnGone(this); }

void ServerConnection::OnDrained() { ResumeUnlessWaiting(); }

void ServerConnection::ResumeUnlessWaiting() {
  if (waiting_ == nullptr) connection_.ResumeReading();
}

void ServerConnection::OnAnswer(Exchange& exchange, const Answer& answer) {
  loop_.home().Assert();
  const RequestHead& head = exchange.head_;
  const bool close = exchange.close_ || !head.keep_alive || owner_.stopping();
  Buffer& out = connection_.out();
  out.Append(head.minor_version == 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  out.Append(Piece(answer.status).text());
  out.Append(" ");
  out.Append(Phrase(answer.status));
  out.Append("\r\n");
  out.Append(exchange.answer_headers_);
  if (answer.v1) out.Append("X-NSQ-Content-Type: nsq; version=1.0\r\n");
  out.Append(owner_.DateHeader());
  out.Append("Content-Length: ");
  out.Append(Piece(answer.body.size()).text());
  if (!answer.body.empty()) {
    out.Append("\r\nContent-Type: ");
    out.Append(answer.content_type);
  }
  if (close && head.minor_version > 0) {
    out.Append("\r\nConnection: close");
  } else if (!close && head.minor_version == 0) {
    out.Append("\r\nConnection: keep-alive");
  }
  out.Append("\r\n\r\n");
  if (head.method != Method::kHead) out.Append(answer.body);
  ++answers_;
  answer_bytes_ += answer.body.size();

  Log(exchange, answer.status);
  waiting_ = nullptr;
  if (close || eof_) {
    ending_ = true;
    connection_.CloseAfterFlush();
  } else {
    connection_.FlushAtTurnEnd();
    connection_.ResumeReading();
  }
}

std::string ServerConnection::Peer() const { return PeerAddress(connection_.fd()); }

// In Go's form: what is said when there is no request to answer yet.
void ServerConnection::Refuse(const HeadError& error) {
  const std::string status = StrCat(error.status, " ", Phrase(error.status));
  const bool has_status_in_body = error.status != 501;  // as Go's
  const std::string reason =
      error.text.empty() || !has_status_in_body ? status : StrCat(status, ": ", error.text);
  connection_.out().Append(StrCat("HTTP/1.1 ", reason, "\r\nContent-Type: ", Exchange::kTextPlain,
                                  "\r\nConnection: close\r\n\r\n",
                                  has_status_in_body ? reason : error.text));
  ending_ = true;
  connection_.CloseAfterFlush();
}

void ServerConnection::Log(const Exchange& exchange, int status) const {
  if (!exchange.logged_ && (route_ != nullptr || status < 400)) return;
  const Duration took = std::chrono::steady_clock::now() - exchange.began_;
  NSQ_LOG(kInfo, status, " ", exchange.head_.method_text, " ", exchange.request_.target, " (",
          Peer(), ") ", FormatGoDuration(took));
}

}  // namespace nsq::http
