#include "common/event/connection.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/check.h"
#include "common/event/timer.h"

namespace nsq {
namespace {

// Room for one read once a command is known to be longer than a first read.
constexpr size_t kReadBytes = size_t{128} * 1024;
// A peer that makes layers say so much of their own and reads none of it is not listened to.
constexpr size_t kMaxReplyBytes = size_t{256} * 1024;
// With so much of a command read, there will be more of it.
constexpr size_t kMuchMore = size_t{16} * 1024;
// How long a peer may take to end its side after we have ended ours.
constexpr Duration kLingerTime = seconds(2);

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Connection::Connection(EventLoop& loop, UniqueFd fd, Handler* handler)
    : loop_(loop), handler_(handler), fd_(std::move(fd)) {
  Start();
}

Connection::Connection(EventLoop& loop, DetachedConnection detached, Handler* handler)
    : loop_(loop),
      handler_(handler),
      fd_(std::move(detached.fd)),
      in_(std::move(detached.in)),
      out_(std::move(detached.out)),
      encoded_(std::move(detached.encoded)),
      filters_(std::move(detached.filters)),
      deaf_(detached.input_ended),
      input_status_(std::move(detached.input_status)),
      unoffered_(true) {
  Start();
  if (!in_.empty() || deaf_ || HasMore()) loop_.AtTurnEnd(TurnPhase::kLog, &wake_);
  if (unsent_bytes() > 0) FlushAtTurnEnd();
}

Connection::~Connection() { Close(); }

void Connection::Start() {
  loop_.home().Assert();
  read_event_ = event_new(
      loop_.base(), fd_.get(), EV_READ | EV_PERSIST,
      [](int, short, void* self) { static_cast<Connection*>(self)->OnReadable(); }, this);
  write_event_ = event_new(
      loop_.base(), fd_.get(), EV_WRITE | EV_PERSIST,
      [](int, short, void* self) { static_cast<Connection*>(self)->FlushNow(); }, this);
  NSQ_CHECK(read_event_ != nullptr && write_event_ != nullptr);
  UpdateReads();
}

bool Connection::WantsReads() const {
  if (lingering_) return true;
  if (reply_bytes_ > kMaxReplyBytes) return false;
  return !paused_ && !eof_ && !deaf_ && !closing_ && !HasMore();
}

void Connection::UpdateReads() {
  if (closed()) return;
  const bool on = WantsReads();
  if (on == reading_) return;
  reading_ = on;
  if (on) {
    event_add(read_event_, nullptr);
  } else {
    event_del(read_event_);
  }
}

void Connection::WatchWrites(bool on) {
  if (on) {
    event_add(write_event_, nullptr);
  } else {
    event_del(write_event_);
  }
}

void Connection::PushFilter(std::unique_ptr<StreamFilter> filter) {
  loop_.home().Assert();
  NSQ_DCHECK(!opening_);
  if (closed()) return;
  if (filters_.empty()) {
    if (encoded_.empty()) std::swap(encoded_, out_);
    encoded_.Append(out_.view());
    out_.Consume(out_.size());
  } else if (const Status status = EncodeOut(); !status.ok()) {
    Fail(status);
    return;
  }
  Buffer greeting;
  if (const Status status = filter->Start(&greeting); !status.ok()) {
    Fail(status);
    return;
  }
  filters_.push_back(std::move(filter));
  opening_ = !filters_.back()->ready();
  Reply(filters_.size() - 1, std::move(greeting));
  if (!first_new_filter_) first_new_filter_ = filters_.size() - 1;
  if (!offering_) loop_.AtTurnEnd(TurnPhase::kLog, &wake_);
}

void Connection::AbandonFilter() {
  loop_.home().Assert();
  NSQ_DCHECK(opening_);
  opening_ = false;
  filters_.pop_back();
  first_new_filter_.reset();
  in_.Consume(in_.size());
  deaf_ = true;
  abandoned_ = true;
  UpdateReads();
}

void Connection::TrimFilters() {
  loop_.home().Assert();
  for (const auto& filter : filters_) filter->Trim();
}

size_t Connection::OfferToHandler(std::string_view data) {
  offering_ = true;
  const size_t used = handler_->OnData(data);
  offering_ = false;
  return used;
}

void Connection::PauseReading() {
  loop_.home().Assert();
  if (paused_ || closed()) return;
  paused_ = true;
  UpdateReads();
}

void Connection::ResumeReading() {
  loop_.home().Assert();
  if (!paused_ || closed() || closing_) return;
  paused_ = false;
  unoffered_ = true;
  UpdateReads();
  if (!in_.empty() || eof_ || deaf_ || HasMore()) loop_.AtTurnEnd(TurnPhase::kLog, &wake_);
}

void Connection::OnReadable() {
  loop_.home().Assert();
  loop_.Now();
  if (lingering_) {
    Linger();
    return;
  }
  TakeOver();
  if (closed() || !WantsReads()) return;
  // The usual case reads where nothing need be kept; the rest of a long command is read to where
  // its beginning lies.
  const bool into_buffer = !in_.empty() && filters_.empty();
  const std::span<char> scratch = loop_.scratch();
  char* const to = into_buffer ? in_.Reserve(kReadBytes) : scratch.data();
  const ssize_t n = ::recv(fd_.get(), to, into_buffer ? kReadBytes : scratch.size(), 0);
  if (n < 0) {
    if (!WouldBlock(errno)) Fail(ErrnoStatus(errno, "read"));
    return;
  }
  if (n == 0) {
    eof_ = true;
    Offer();  // what was held back by a pause that has just ended
    return;
  }
  const std::string_view got(to, static_cast<size_t>(n));
  if (in_.empty() && filters_.empty()) {
    const size_t used = OfferToHandler(got);
    if (closed()) return;
    const std::string_view rest = got.substr(used);
    if (!rest.empty()) RoomIn(&in_, rest.size() >= kMuchMore).Append(rest);
    if (TakeOver()) Offer();
    return;
  }
  if (filters_.empty()) {
    in_.Commit(got.size());
  } else {
    DecodeInto(0, got);
  }
  Offer();
}

// An idle connection keeps no memory.
void Connection::GiveBack(Buffer* buffer) {
  if (buffer->empty() && buffer->capacity() > 0) loop_.GiveSpare(std::move(*buffer));
  buffer->Shrink(0);
}

// Offers what is there until the handler takes no more of it.
void Connection::Offer() {
  TakeOver();
  while (!in_.empty() && !paused_ && !closed() && !closing_ && !abandoned_) {
    const size_t used = OfferToHandler(in_.view());
    if (closed()) return;
    in_.Consume(used);
    if (!TakeOver() && used == 0) break;
  }
  if (closed()) return;
  GiveBack(&in_);
  UpdateReads();
  if (paused_ || closing_ || abandoned_) return;
  unoffered_ = false;
  if (HasMore()) {
    // One piece a turn: others have something to say, too.
    loop_.AtTurnEnd(TurnPhase::kLog, &wake_);
  } else if (eof_ || deaf_) {
    TellEof();
  }
}

// --- filters

bool Connection::HasMore() const {
  for (const auto& filter : filters_) {
    if (filter->has_more()) return true;
  }
  return false;
}

// Lets the innermost filter that has stopped at its limit go on.
void Connection::DecodeMore() {
  for (size_t i = filters_.size(); i-- > 0;) {
    if (!filters_[i]->has_more()) continue;
    DecodeInto(i, {});
    return;
  }
}

// What was received before a filter was pushed, and not consumed, is in its form.
// Returns whether there was one.
bool Connection::TakeOver() {
  bool any = false;
  while (const auto first_new = std::exchange(first_new_filter_, std::nullopt)) {
    any = true;
    const Buffer rest = std::move(in_);
    if (!rest.empty()) DecodeInto(*first_new, rest.view());
  }
  return any;
}

// Passes `outer` through the filters from `first_filter` inwards and appends the result to in_.
void Connection::DecodeInto(size_t first_filter, std::string_view outer) {
  unoffered_ = true;
  Buffer stages[2];
  std::string_view bytes = outer;
  Status status;
  for (size_t i = first_filter; i < filters_.size() && !closed(); ++i) {
    const bool last = i + 1 == filters_.size();
    Buffer& stage = stages[i % 2];
    stage.Consume(stage.size());
    Buffer reply;
    Status decoded = filters_[i]->Decode(bytes, last ? &in_ : &stage, &reply);
    if (status.ok()) status = std::move(decoded);
    Reply(i, std::move(reply));
    if (!last) bytes = stage.view();
  }
  if (closed()) return;
  if (!opening_) {
    if (!status.ok()) EndInput(std::move(status));
    return;
  }
  if (filters_.back()->ready()) {
    opening_ = false;
    // The peer may have ended its stream right behind the handshake.
    if (!status.ok()) EndInput(std::move(status));
    status = Status();
  } else if (status.ok()) {
    return;
  } else {
    AbandonFilter();
  }
  if (!out_.empty()) FlushAtTurnEnd();
  handler_->OnFilterReady(status);
}

void Connection::EndInput(Status why) {
  // A stream that the peer has ended in good order is an end like any other.
  if (!deaf_ && why.code() != Code::kUnavailable) input_status_ = std::move(why);
  deaf_ = true;
  UpdateReads();
}

// What a layer says of its own goes out through the layers around it.
void Connection::Reply(size_t filter, Buffer reply) {
  for (size_t i = filter; i-- > 0 && !reply.empty();) {
    Buffer wrapped;
    if (const Status status = filters_[i]->Encode(reply.view(), &wrapped); !status.ok()) {
      Fail(status);
      return;
    }
    reply = std::move(wrapped);
  }
  if (reply.empty()) return;
  encoded_.Append(reply.view());
  reply_bytes_ += reply.size();
  FlushAtTurnEnd();
  if (reply_bytes_ > kMaxReplyBytes) UpdateReads();
}

Status Connection::EncodeOut() {
  if (filters_.empty() || out_.empty() || opening_) return Status();
  Buffer bytes = std::move(out_);
  for (size_t i = filters_.size(); i-- > 0;) {
    Buffer wrapped;
    Buffer* const to = i == 0 ? &encoded_ : &wrapped;
    if (const Status status = filters_[i]->Encode(bytes.view(), to); !status.ok()) return status;
    if (i != 0) bytes = std::move(wrapped);
  }
  return Status();
}

void Connection::FlushNow() {
  loop_.home().Assert();
  if (closed() || lingering_) return;
  if (const Status status = EncodeOut(); !status.ok()) {
    Fail(status);
    return;
  }
  // With a filter all that may leave stands in encoded_; without one, what one has left there.
  while (!encoded_.empty() || (filters_.empty() && !out_.empty())) {
    Buffer& from = encoded_.empty() ? out_ : encoded_;
    const ssize_t n = ::send(fd_.get(), from.data().data(), from.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (!WouldBlock(errno)) {
        Fail(ErrnoStatus(errno, "write"));
        return;
      }
      if (!stuck_) WatchWrites(true);
      stuck_ = true;
      return;
    }
    from.Consume(static_cast<size_t>(n));
    sent_bytes_ += static_cast<size_t>(n);
  }
  GiveBack(&out_);
  GiveBack(&encoded_);
  if (std::exchange(reply_bytes_, 0) > kMaxReplyBytes) UpdateReads();
  const bool was_stuck = std::exchange(stuck_, false);
  if (was_stuck) WatchWrites(false);
  if (closing_) {
    if (eof_) {
      Fail(Status());
      return;
    }
    lingering_ = true;
    ::shutdown(fd_.get(), SHUT_WR);
    closing_timer_->ArmAfter(kLingerTime);
    UpdateReads();
    return;
  }
  if (was_stuck) handler_->OnDrained();
}

void Connection::CloseAfterFlush(Duration patience) {
  loop_.home().Assert();
  if (closed() || closing_) return;
  closing_ = true;
  UpdateReads();
  if (!opening_ && EncodeOut().ok()) {
    for (size_t i = filters_.size(); i-- > 0;) {
      Buffer last;
      filters_[i]->Finish(&last);
      Reply(i, std::move(last));
    }
    if (closed()) return;
  }
  FlushAtTurnEnd();
  closing_timer_ = std::make_unique<Timer>(loop_, [this] { OnClosingTimer(); });
  sent_before_ = sent_bytes_;
  patience_ = patience;
  closing_timer_->ArmAfter(patience_);
}

void Connection::OnClosingTimer() {
  if (lingering_) {
    Fail(Status());
    return;
  }
  FlushNow();  // what the peer has made room for while the loop was busy counts for it
  if (closed() || lingering_) return;
  if (std::exchange(sent_before_, sent_bytes_) != sent_bytes_) {
    closing_timer_->ArmAfter(patience_);
  } else {
    Fail(Status(Code::kTimeout, "write: peer does not read"));
  }
}

void Connection::Linger() {
  const std::span<char> scratch = loop_.scratch();
  const ssize_t n = ::recv(fd_.get(), scratch.data(), scratch.size(), 0);
  if (n > 0 || (n < 0 && WouldBlock(errno))) return;
  Fail(Status());
}

void Connection::OnWake() {
  loop_.home().Assert();
  if (finished_) {
    finished_ = false;
    handler_->OnClosed(failure_);
    return;
  }
  if (closed()) return;
  TakeOver();
  if (closed() || paused_ || closing_) return;
  // More only once the handler has looked at all there is: in_ must not grow with every pause.
  if (in_.empty() || !unoffered_) DecodeMore();
  Offer();
}

void Connection::TellEof() {
  if (!std::exchange(eof_told_, true)) handler_->OnEof(in_.view());
}

void Connection::Fail(Status why) {
  if (closed()) return;
  Close();
  failure_ = std::move(why);
  finished_ = true;
  loop_.AtTurnEnd(TurnPhase::kLog, &wake_);
}

void Connection::Close() {
  if (read_event_ != nullptr) event_free(std::exchange(read_event_, nullptr));
  if (write_event_ != nullptr) event_free(std::exchange(write_event_, nullptr));
  if (closing_timer_ != nullptr) closing_timer_->Cancel();
  finished_ = false;  // whoever closes does not want to hear of an earlier failure any more
  fd_.Reset();
}

DetachedConnection Connection::Detach() {
  loop_.home().Assert();
  NSQ_DCHECK(!closed() && !offering_ && !opening_ && !first_new_filter_);
  event_free(std::exchange(read_event_, nullptr));
  event_free(std::exchange(write_event_, nullptr));
  return DetachedConnection{std::move(fd_),          std::move(in_),      std::move(out_),
                            std::move(encoded_),     std::move(filters_), deaf_,
                            std::move(input_status_)};
}

}  // namespace nsq
