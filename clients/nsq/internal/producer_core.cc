#include "clients/nsq/internal/producer_core.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <utility>

#include "clients/nsq/internal/waiting.h"
#include "common/check.h"
#include "common/strings.h"
#include "common/wire/names.h"

namespace nsq::client {
namespace {

constexpr Duration kLeastRetryDelay = milliseconds(100);
constexpr Duration kMostRetryDelay = seconds(15);

Error BadTopic(std::string_view topic) {
  return Error{ErrorCode::kInvalidTopic, StrCat("invalid topic name ", GoQuoted(topic)), ""};
}

void AppendBig32(size_t number, std::string* to) {
  char bytes[4];
  StoreBig32(bytes, static_cast<uint32_t>(number));
  to->append(bytes, sizeof bytes);
}

Error TooBig(size_t bytes) {
  return Error{ErrorCode::kMessageTooBig, StrCat("message of ", bytes, " bytes"), ""};
}

// What a caller writes itself at most: a socket that is empty takes so much at once.
constexpr size_t kMostDirectBytes = size_t{32} << 10;

constexpr size_t kMostBytes = size_t{1} << 30;  // of one command: sizes are 31 bits on the wire

}  // namespace

Expected<PublishCommand> MakePublish(std::string_view topic, std::string_view body) {
  if (!IsValidTopicName(topic)) return BadTopic(topic);
  if (body.empty()) return Error{ErrorCode::kEmptyBody, "empty message", ""};
  if (body.size() > kMostBytes) return TooBig(body.size());
  PublishCommand command;
  command.head.reserve(topic.size() + 9);
  command.head.append("PUB ").append(topic).append("\n");
  AppendBig32(body.size(), &command.head);
  command.body = body;
  command.topic = topic;
  return command;
}

Expected<PublishCommand> MakeBatch(std::string_view topic, std::span<const std::string_view> bodies,
                                   std::string* scratch) {
  if (!IsValidTopicName(topic)) return BadTopic(topic);
  if (bodies.empty()) return Error{ErrorCode::kEmptyBody, "empty batch", ""};
  size_t total = 4;
  for (const std::string_view body : bodies) {
    if (body.empty()) return Error{ErrorCode::kEmptyBody, "empty message in a batch", ""};
    total += 4 + body.size();
    if (total > kMostBytes) return TooBig(total);
  }
  scratch->clear();
  scratch->reserve(total);
  AppendBig32(bodies.size(), scratch);
  for (const std::string_view body : bodies) {
    AppendBig32(body.size(), scratch);
    scratch->append(body);
  }
  PublishCommand command;
  command.head = StrCat("MPUB ", topic, "\n");
  AppendBig32(scratch->size(), &command.head);
  command.body = *scratch;
  command.messages = static_cast<uint32_t>(bodies.size());
  return command;
}

Expected<PublishCommand> MakeDeferred(std::string_view topic, std::chrono::nanoseconds delay,
                                      std::string_view body) {
  Expected<PublishCommand> command = MakePublish(topic, body);
  if (!command) return command;
  if (delay < Duration::zero()) {
    return Error{ErrorCode::kInvalidArgument, "negative delay", ""};
  }
  const auto ms = std::chrono::duration_cast<milliseconds>(delay).count();
  command->topic = {};
  command->head = StrCat("DPUB ", topic, " ", ms, "\n");
  AppendBig32(body.size(), &command->head);
  return command;
}

struct ProducerCore::InboxLetter : Letter {
  explicit InboxLetter(std::shared_ptr<ProducerCore> c) : core(std::move(c)) {}
  void Open() noexcept override { core->OpenInbox(); }
  const std::shared_ptr<ProducerCore> core;
};

ProducerCore::OnLoop::OnLoop(EventLoop& loop, ProducerCore* core)
    : retry(loop, [core] { core->StartConnecting(); }),
      sweep(loop, [core] { core->Sweep(); }),
      linger(loop, [core] { core->TakeInbox(); }),
      delay(kLeastRetryDelay, kMostRetryDelay) {}

ProducerCore::ProducerCore(std::shared_ptr<RuntimeCore> runtime, ProducerOptions options,
                           std::shared_ptr<const TlsContext> tls)
    : runtime_(std::move(runtime)),
      options_(std::move(options)),
      tls_(std::move(tls)),
      loop_index_(runtime_->ChooseLoop()),
      instance_(runtime_->NextInstance()) {}

ProducerCore::~ProducerCore() = default;

bool ProducerCore::Register() { return runtime_->Register(loop_index_, weak_from_this()); }

// --- any thread ---------------------------------------------------------------------------------

bool ProducerCore::Full(size_t more_bytes) const {
  const size_t bytes = pending_bytes_.load();
  return pending_.load() >= options_.max_pending ||
         (bytes > 0 && bytes + more_bytes > options_.max_pending_bytes);
}

void ProducerCore::Push(Operation operation, const PublishCommand* command) {
  if (command != nullptr) {
    inbox_bytes_.Append(command->head);
    inbox_bytes_.Append(command->body);
    operation.bytes = command->head.size() + command->body.size();
    operation.messages = command->messages;
  }
  pending_.fetch_add(operation.slots, std::memory_order_relaxed);
  pending_bytes_.fetch_add(operation.bytes, std::memory_order_relaxed);
  inbox_.push_back(std::move(operation));
}

bool ProducerCore::Batches(const PublishCommand& command) const {
  return options_.batch_messages > 1 && !command.topic.empty();
}

// Whether the loop has to know.
bool ProducerCore::AddToBatch(Operation operation, const PublishCommand& command) {
  auto at = batches_.find(command.topic);
  const bool first = at == batches_.end();
  if (first) {
    at = batches_.emplace(command.topic, Batch()).first;
    at->second.begun = operation.queued;
    at->second.due = std::min(operation.queued + options_.batch_linger, operation.deadline);
    at->second.deadline = operation.deadline;
  }
  Batch& batch = at->second;
  batch.deadline = std::min(batch.deadline, operation.deadline);
  AppendBig32(command.body.size(), &batch.bodies);
  batch.bodies.append(command.body);
  batch.members.push_back({std::move(operation.done), operation.inline_done});
  pending_.fetch_add(1, std::memory_order_relaxed);
  pending_bytes_.fetch_add(4 + command.body.size(), std::memory_order_relaxed);
  if (batch.members.size() >= options_.batch_messages ||
      batch.bodies.size() >= options_.batch_bytes) {
    CloseBatch(at->first, &batch);
    batches_.erase(at);
    return true;
  }
  return first;
}

// Puts its command into the inbox.
void ProducerCore::CloseBatch(std::string_view topic, Batch* batch) {
  const size_t count = batch->members.size();
  std::string head;
  if (count == 1) {
    head = StrCat("PUB ", topic, "\n");  // the body behind its size, as it stands
  } else {
    head = StrCat("MPUB ", topic, "\n");
    AppendBig32(4 + batch->bodies.size(), &head);
    AppendBig32(count, &head);
  }
  Operation operation;
  operation.queued = batch->begun;
  operation.deadline = batch->deadline;
  operation.members = std::move(batch->members);
  operation.slots = count;
  operation.messages = static_cast<uint32_t>(count);
  operation.bytes = head.size() + batch->bodies.size();
  inbox_bytes_.Append(head);
  inbox_bytes_.Append(batch->bodies);
  // Its messages are counted already.
  pending_bytes_.fetch_add(head.size(), std::memory_order_relaxed);
  inbox_.push_back(std::move(operation));
}

// When the next one of those that are not due yet is.
std::optional<SteadyTime> ProducerCore::CloseDueBatches(SteadyTime now) {
  std::optional<SteadyTime> next;
  for (auto at = batches_.begin(); at != batches_.end();) {
    Batch& batch = at->second;
    if (batch.due > now) {
      next = next ? std::min(*next, batch.due) : batch.due;
      ++at;
      continue;
    }
    CloseBatch(at->first, &batch);
    at = batches_.erase(at);
  }
  return next;
}

// With nothing pending the loop has nothing to send but answers to heartbeats, which are whole
// commands too. False if the kernel takes nothing; what it does not take of a command the loop
// sends.
bool ProducerCore::WriteDirectly(Operation* operation, const PublishCommand& command) {
  if (!direct_.valid() || pending_.load(std::memory_order_relaxed) != 0) return false;
  const size_t bytes = command.head.size() + command.body.size();
  if (bytes > kMostDirectBytes || runtime_->forked()) return false;
  iovec parts[2] = {{const_cast<char*>(command.head.data()), command.head.size()},
                    {const_cast<char*>(command.body.data()), command.body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const ssize_t n = ::sendmsg(direct_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n <= 0) return false;  // the loop will find out why
  const auto written = static_cast<size_t>(n);
  operation->written_to = direct_id_;
  operation->unwritten = bytes - written;
  operation->bytes = bytes;
  operation->messages = command.messages;
  const size_t of_body = written - std::min(written, command.head.size());
  inbox_bytes_.Append(std::string_view(command.head).substr(written - of_body));
  inbox_bytes_.Append(command.body.substr(of_body));
  Push(std::move(*operation), nullptr);
  return true;
}

void ProducerCore::Wake() {
  if (runtime_->Post(loop_index_, std::make_unique<InboxLetter>(shared_from_this()))) return;
  // The loops have ended, and what lived there is told so.
  const std::lock_guard<std::mutex> lock(ended_mutex_);
  left_ = true;
  OpenInbox();
}

namespace {
Error Stopped() { return Error{ErrorCode::kStopped, "stopped", ""}; }
}  // namespace

Expected<void> ProducerCore::PublishAndWait(const PublishCommand& command, Duration timeout) {
  if (RuntimeCore::OnIoThread()) {
    return Error{ErrorCode::kInvalidArgument, "a blocking call on an I/O thread", ""};
  }
  Waiting<Expected<void>> waiting;
  Operation operation;
  operation.inline_done = true;
  operation.queued = std::chrono::steady_clock::now();
  const SteadyTime deadline = operation.queued + timeout;
  operation.deadline = deadline;
  operation.done = [&waiting](Expected<void> result) { waiting.Give(std::move(result)); };
  bool wake = false;
  bool direct = false;
  {
    const size_t bytes = command.head.size() + command.body.size();
    std::unique_lock<std::mutex> lock(mutex_);
    if (Full(bytes) && !stopping_) {
      ++waiting_for_room_;
      const bool room =
          room_.wait_until(lock, operation.deadline, [&] { return stopping_ || !Full(bytes); });
      --waiting_for_room_;
      if (!room) {
        return Error{ErrorCode::kQueueFull, "too much is waiting for answers", options_.nsqd};
      }
    }
    if (stopping_) return Stopped();
    bool tell_loop = true;
    if (Batches(command)) {
      tell_loop = AddToBatch(std::move(operation), command);
    } else if (!woken_ && WriteDirectly(&operation, command)) {
      direct = inbox_bytes_.empty();
      tell_loop = !direct;
    } else {
      Push(std::move(operation), &command);
    }
    wake = tell_loop && !std::exchange(woken_, true);
  }
  if (wake) Wake();
  // The loop keeps no deadline that it was not told of.
  if (direct && !waiting.AwaitUntil(deadline)) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      wake = !std::exchange(woken_, true);
    }
    if (wake) Wake();
  }
  return waiting.Take();
}

void ProducerCore::Publish(const PublishCommand& command, Callback done, bool inline_done) {
  Operation operation;
  operation.inline_done = inline_done || options_.callbacks_on_io_thread;
  operation.queued = std::chrono::steady_clock::now();
  operation.deadline = operation.queued + options_.publish_timeout;
  operation.done = std::move(done);
  bool wake = false;
  std::optional<Error> refused;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) {
      refused = Stopped();
    } else if (Full(command.head.size() + command.body.size())) {
      refused = Error{ErrorCode::kQueueFull, "too much is waiting for answers", options_.nsqd};
    } else {
      bool tell_loop = true;
      if (Batches(command)) {
        tell_loop = AddToBatch(std::exchange(operation, Operation()), command);
      } else {
        Push(std::exchange(operation, Operation()), &command);
      }
      wake = tell_loop && !std::exchange(woken_, true);
    }
  }
  if (refused && operation.done) operation.done(std::move(*refused));
  if (wake) Wake();
}

Expected<void> ProducerCore::WaitFor(Kind kind, Duration timeout) {
  if (RuntimeCore::OnIoThread()) {
    return Error{ErrorCode::kInvalidArgument, "a blocking call on an I/O thread", ""};
  }
  Waiting<Expected<void>> waiting;
  Operation operation;
  operation.kind = kind;
  operation.inline_done = true;
  operation.queued = std::chrono::steady_clock::now();
  operation.deadline = operation.queued + timeout;
  operation.done = [&waiting](Expected<void> result) { waiting.Give(std::move(result)); };
  bool wake = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closing_ || (stopping_ && kind == Kind::kConnect)) return Stopped();
    CloseDueBatches(SteadyTime::max());  // they were published before
    Push(std::move(operation), nullptr);
    wake = !std::exchange(woken_, true);
  }
  if (wake) Wake();
  return waiting.Take();
}

Expected<void> ProducerCore::Connect(Duration timeout) { return WaitFor(Kind::kConnect, timeout); }
Expected<void> ProducerCore::Flush(Duration timeout) { return WaitFor(Kind::kBarrier, timeout); }

Expected<void> ProducerCore::Stop(Duration timeout) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closing_) return Expected<void>();
    stopping_ = true;
    room_.notify_all();
  }
  Expected<void> flushed;
  if (timeout > Duration::zero()) flushed = Flush(timeout);
  Close();
  return flushed;
}

void ProducerCore::StopLater(Duration timeout) {
  Operation operation;
  operation.kind = Kind::kBarrier;
  operation.inline_done = true;
  operation.queued = std::chrono::steady_clock::now();
  operation.deadline = operation.queued + timeout;
  operation.done = [core = shared_from_this()](const Expected<void>&) { core->Close(); };
  bool wake = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closing_) return;
    stopping_ = true;
    room_.notify_all();
    CloseDueBatches(SteadyTime::max());
    Push(std::move(operation), nullptr);
    wake = !std::exchange(woken_, true);
  }
  if (wake) Wake();
}

// Makes the loop let go of everything.
void ProducerCore::Close() {
  bool wake = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    wake = !std::exchange(woken_, true);
  }
  if (wake) Wake();
}

ProducerStatus ProducerCore::status() const {
  ProducerStatus status;
  status.connected = connected_.load();
  status.pending = pending_.load();
  status.published = published_.load();
  status.failed = failed_.load();
  status.connects = connects_.load();
  return status;
}

// --- the loop -----------------------------------------------------------------------------------

void ProducerCore::OpenInbox() {
  bool closing = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing = closing_;
    woken_ = false;
  }
  TakeInbox();
  if (closing) LeaveLoop();
}

void ProducerCore::TakeInbox() {
  std::vector<Operation> operations;
  Buffer bytes;
  std::optional<SteadyTime> due;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    due = CloseDueBatches(left_ || closing_ ? SteadyTime::max() : std::chrono::steady_clock::now());
    operations.swap(inbox_);
    std::swap(bytes, inbox_bytes_);
  }
  if (!left_ && here_ == nullptr && (due || !operations.empty())) {
    here_ = std::make_unique<OnLoop>(runtime_->loop(loop_index_), this);
  }
  if (due) here_->linger.ArmAt(*due);
  Take(&operations, bytes.view());
}

// A publish that was written by its caller may be all that an answer can be for.
void ProducerCore::TakeWritten() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (inbox_.empty() || inbox_.front().written_to == 0) return;
  }
  TakeInbox();
}

void ProducerCore::Take(std::vector<Operation>* operations, std::string_view bytes) {
  if (operations->empty()) return;
  const bool ready = !left_ && here_->link != nullptr && here_->link->ready();
  SteadyTime first = operations->front().deadline;
  // The usual way: one copy, straight into what the connection sends. What callers have written
  // was for this connection: OnLost leaves nothing else behind.
  const bool straight = ready && waiting_.empty();
  if (straight && !bytes.empty()) here_->link->Send(bytes);
  for (Operation& operation : *operations) {
    first = std::min(first, operation.deadline);
    const bool written = operation.written_to != 0;
    const size_t size = written ? operation.unwritten : operation.bytes;
    if (written && !straight) {
      Complete(&operation, Error{ErrorCode::kOutcomeUnknown, "EOF", options_.nsqd});
    } else if (straight && operation.kind == Kind::kConnect) {
      Complete(&operation, Expected<void>());
    } else if (straight) {
      outstanding_.push_back(std::move(operation));
    } else {
      waiting_bytes_.Append(bytes.substr(0, size));
      waiting_.push_back(std::move(operation));
    }
    bytes.remove_prefix(size);
  }
  if (left_) {
    FailWaiting(Stopped());
    GiveBackRoom();
    return;
  }
  ArmSweep(first);
  if (straight) {
    CompleteBarriers();
    GiveBackRoom();
    return;
  }
  const bool only_barriers =
      std::all_of(waiting_.begin(), waiting_.end(),
                  [](const Operation& operation) { return operation.kind == Kind::kBarrier; });
  if (only_barriers) {
    // Nothing is before them, so they need no connection.
    for (Operation& operation : waiting_) Complete(&operation, Expected<void>());
    waiting_.clear();
    GiveBackRoom();
    return;
  }
  if (here_->link != nullptr) return;
  // Somebody wants it now: the next attempt is brought forward.
  const SteadyTime soonest = last_attempt_ + kLeastRetryDelay;
  if (std::chrono::steady_clock::now() >= soonest) {
    here_->retry.Cancel();
    StartConnecting();
  } else {
    here_->retry.ArmAt(soonest);
  }
}

void ProducerCore::StartConnecting() {
  if (here_->link != nullptr) return;
  last_attempt_ = std::chrono::steady_clock::now();
  Log(Severity::kInfo, Event::kConnecting, "connecting to nsqd");
  Link::Owner* const owner = this;
  here_->link = std::make_unique<Link>(runtime_->loop(loop_index_), *runtime_, options_.nsqd,
                                       options_.client, tls_, owner);
  here_->link->Start();
}

void ProducerCore::OnReady(Link& /*link*/) {
  connected_.store(true);
  connects_.fetch_add(1);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    direct_ = here_->link->SocketForWriting();
    direct_id_ = connects_.load();
  }
  here_->delay.Reset();
  Log(Severity::kDebug, Event::kConnected, "connected");
  SendWaiting();
}

void ProducerCore::SendWaiting() {
  Link& link = *here_->link;
  for (Operation& operation : waiting_) {
    const std::string_view bytes = waiting_bytes_.view().substr(0, operation.bytes);
    if (operation.kind == Kind::kConnect) {
      Complete(&operation, Expected<void>());
    } else if (operation.kind == Kind::kCommand && operation.bytes > 0 && operation.messages == 0) {
      // Its waiter was told that it is not sent.
      FreeRoom(operation);
    } else {
      link.out().Append(bytes);
      outstanding_.push_back(std::move(operation));
    }
    waiting_bytes_.Consume(bytes.size());
  }
  waiting_.clear();
  waiting_bytes_.Shrink(0);
  link.Flush();
  CompleteBarriers();
  GiveBackRoom();
}

// What waits for everything before it, with nothing before it.
void ProducerCore::CompleteBarriers() {
  while (!outstanding_.empty() && outstanding_.front().kind == Kind::kBarrier) {
    Complete(&outstanding_.front(), Expected<void>());
    outstanding_.pop_front();
  }
}

void ProducerCore::OnResponse(Link& link, std::string_view text) {
  if (outstanding_.empty()) TakeWritten();
  if (outstanding_.empty()) {
    Log(Severity::kError, Event::kServerError, StrCat("unexpected response ", GoQuoted(text)));
    link.Close();
    OnLost(link, Error{ErrorCode::kOutcomeUnknown, "unexpected response", link.address()});
    return;
  }
  Operation operation = std::move(outstanding_.front());
  outstanding_.pop_front();
  if (text == kOkAnswer) {
    Complete(&operation, Expected<void>());
  } else {
    Complete(&operation, Error{ErrorCode::kServerError, std::string(text), options_.nsqd});
  }
  CompleteBarriers();
}

void ProducerCore::OnServerError(Link& /*link*/, std::string_view text) {
  Log(Severity::kError, Event::kServerError, StrCat("protocol error - ", text));
  if (outstanding_.empty()) TakeWritten();
  if (outstanding_.empty()) return;
  Operation operation = std::move(outstanding_.front());
  outstanding_.pop_front();
  Complete(&operation, Error{ErrorCode::kServerError, std::string(text), options_.nsqd});
  CompleteBarriers();
}

void ProducerCore::OnMessages(Link& /*link*/, std::span<const std::string_view> /*messages*/) {}

void ProducerCore::OnReadDone(Link& /*link*/) { GiveBackRoom(); }

void ProducerCore::OnWarning(Link& /*link*/, const std::string& text) {
  Log(Severity::kWarning, Event::kNotGranted, text);
}

void ProducerCore::OnLost(Link& /*link*/, const Error& why) {
  const bool was_up = connected_.exchange(false);
  BuryLink();
  CloseDirect();
  Log(Severity::kError, was_up ? Event::kLost : Event::kConnectFailed,
      was_up ? why.detail : StrCat("error connecting to nsqd - ", why.detail));
  FailAll(&outstanding_, ErrorCode::kOutcomeUnknown, why);
  // A refused handshake is not worth waiting for; a daemon that is down may be.
  if (!options_.wait_while_down || why.code != ErrorCode::kConnectFailed) {
    if (!was_up) FailWaiting(why);
  }
  GiveBackRoom();
  here_->retry.ArmAfter(here_->delay.Next());
  TakeWritten();  // nobody will answer it
}

// Callers must not write any more: the socket lives as long as they have it.
void ProducerCore::CloseDirect() {
  const std::lock_guard<std::mutex> lock(mutex_);
  direct_.Reset();
}

void ProducerCore::OnEnded(Link& /*link*/) {}

void ProducerCore::BuryLink() { runtime_->loop(loop_index_).DeferDelete(std::move(here_->link)); }

void ProducerCore::FailAll(std::deque<Operation>* operations, ErrorCode code, const Error& why) {
  std::deque<Operation> failed;
  failed.swap(*operations);
  for (Operation& operation : failed) {
    if (operation.kind == Kind::kBarrier) {
      Complete(&operation, Expected<void>());  // all before it has been answered
    } else {
      Complete(&operation, Error{code, why.detail, options_.nsqd});
    }
  }
}

void ProducerCore::FailWaiting(const Error& why) {
  FailAll(&waiting_, why.code == ErrorCode::kConnectFailed ? ErrorCode::kNotSent : why.code, why);
  waiting_bytes_.Consume(waiting_bytes_.size());
  waiting_bytes_.Shrink(0);
}

void ProducerCore::Complete(Operation* operation, Expected<void> result) {
  // Before the callback, which may want to publish again.
  FreeRoom(*operation);
  if (operation->kind == Kind::kCommand) {
    (result ? published_ : failed_).fetch_add(operation->messages, std::memory_order_relaxed);
  }
  Tell(operation, result);
}

// Whoever waits; nobody does then.
void ProducerCore::Tell(Operation* operation, const Expected<void>& result) {
  const auto tell = [&](Callback done, bool inline_done) {
    if (!done) return;
    if (inline_done) {
      done(result);
    } else {
      callbacks_.push_back([done = std::move(done), result] { done(result); });
    }
  };
  tell(std::exchange(operation->done, nullptr), operation->inline_done);
  for (Member& member : std::exchange(operation->members, {})) {
    tell(std::move(member.done), member.inline_done);
  }
}

void ProducerCore::FreeRoom(const Operation& operation) {
  freed_ = true;
  pending_.fetch_sub(operation.slots);
  pending_bytes_.fetch_sub(operation.bytes);
}

// Tells those who wait that something was completed, once for all that was.
void ProducerCore::GiveBackRoom() {
  if (!callbacks_.empty()) runtime_->callbacks().Run(&callbacks_);
  if (!std::exchange(freed_, false)) return;
  // Whoever comes to wait counts himself before he looks for room; all of that is in one order
  // (seq_cst), so either he sees what was freed, or he is seen here.
  if (waiting_for_room_.load() == 0) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  room_.notify_all();
}

void ProducerCore::ArmSweep(SteadyTime deadline) {
  if (!here_->sweep.armed() || deadline < here_->sweep.when()) here_->sweep.ArmAt(deadline);
}

// Releases whoever has waited long enough. What was sent keeps its place: its answer may come.
void ProducerCore::Sweep() {
  const SteadyTime now = std::chrono::steady_clock::now();
  std::optional<SteadyTime> next;
  const auto note = [&next](SteadyTime when) { next = next ? std::min(*next, when) : when; };
  for (std::deque<Operation>* queue : {&outstanding_, &waiting_}) {
    const bool sent = queue == &outstanding_;
    for (Operation& operation : *queue) {
      if (!operation.waits()) continue;
      if (operation.deadline > now) {
        note(operation.deadline);
        continue;
      }
      const Error late{sent ? ErrorCode::kTimedOut : ErrorCode::kNotSent,
                       sent ? "no answer in time" : "not connected in time", options_.nsqd};
      if (operation.kind == Kind::kCommand) failed_.fetch_add(operation.messages);
      if (!sent) operation.messages = 0;  // not to be sent any more
      Tell(&operation, late);
    }
  }
  // A server that answers nothing for so long will not; what is behind it must not wait for ever.
  if (!outstanding_.empty()) {
    const Operation& oldest = outstanding_.front();
    const SteadyTime limit = oldest.deadline + (oldest.deadline - oldest.queued);
    if (limit <= now && here_->link != nullptr) {
      here_->link->Close();
      OnLost(*here_->link, Error{ErrorCode::kOutcomeUnknown, "no answer in time", options_.nsqd});
      return;
    }
    note(limit);
  }
  GiveBackRoom();
  if (next) here_->sweep.ArmAt(*next);
}

void ProducerCore::LeaveLoop() noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    closing_ = true;
    room_.notify_all();
    // No letter may come any more that would open it.
    CloseDueBatches(SteadyTime::max());
    for (Operation& operation : inbox_) {
      auto& queue = operation.written_to != 0 ? outstanding_ : waiting_;
      queue.push_back(std::move(operation));
    }
    inbox_.clear();
    direct_.Reset();
    inbox_bytes_.Consume(inbox_bytes_.size());
  }
  if (std::exchange(left_, true)) {
    FailAll(&outstanding_, ErrorCode::kOutcomeUnknown, Stopped());
    FailWaiting(Stopped());
    GiveBackRoom();
    return;
  }
  connected_.store(false);
  FailAll(&outstanding_, ErrorCode::kOutcomeUnknown, Stopped());
  FailWaiting(Stopped());
  GiveBackRoom();
  if (here_ != nullptr && here_->link != nullptr) here_->link->Close();
  here_.reset();
}

void ProducerCore::Log(Severity severity, Event event, std::string text) const {
  if (!runtime_->Logs(severity)) return;
  runtime_->Log({severity, event, instance_, "", "", options_.nsqd, std::move(text)});
}

}  // namespace nsq::client
