#include "clients/nsq/internal/consumer_core.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/config/duration.h"
#include "common/event/buffer.h"
#include "common/strings.h"

namespace nsq::client {
namespace {

constexpr Duration kLeastRetryDelay = milliseconds(100);
constexpr Duration kMostRetryDelay = seconds(15);
// How long a server may take to answer CLS; after that it does not matter.
constexpr Duration kCloseWaitTime = seconds(5);
// With this share of what it may have in flight, a connection waits for answers.
constexpr double kStarvedShare = 0.85;
// Of a frame's beginning: timestamp, attempts, id.
constexpr size_t kIdOffset = 10;

Error Stopped() { return Error{ErrorCode::kStopped, "stopped", ""}; }

}  // namespace

struct ConsumerCore::Node final : Link::Owner {
  enum class State { kIdle, kConnecting, kSubscribing, kLive, kEnding };

  Node(EventLoop& loop, ConsumerCore* c, std::string a, bool d)
      : core(c),
        address(std::move(a)),
        direct(d),
        retry(loop, [this] { core->ConnectNode(this); }),
        delay(kLeastRetryDelay,
              std::min(kMostRetryDelay, core->options_.client.lookupd_poll_interval)) {}

  void OnReady(Link& /*l*/) override { core->OnNodeReady(this); }
  void OnResponse(Link& /*l*/, std::string_view text) override {
    if (state == State::kSubscribing && text == kOkAnswer) core->OnSubscribed(this);
    if (text == kCloseWait) {
      close_wait_seen = true;
      core->EndDrained();
    }
  }
  void OnServerError(Link& /*l*/, std::string_view text) override { core->OnNodeError(this, text); }
  void OnMessages(Link& /*l*/, std::span<const std::string_view> messages) override {
    core->OnNodeMessages(this, messages);
  }
  void OnLost(Link& /*l*/, const Error& why) override { core->OnNodeLost(this, why); }
  void OnEnded(Link& /*l*/) override { core->OnNodeEnded(this); }
  void OnWarning(Link& /*l*/, const std::string& text) override {
    core->Log(Severity::kWarning, Event::kNotGranted, text, address);
  }

  ConsumerCore* const core;
  const std::string address;
  const bool direct;  // given by the user, not by nsqlookupd
  std::unique_ptr<Link> link;
  LinkId id = 0;
  State state = State::kIdle;
  std::shared_ptr<Source> source;  // while live
  Timer retry;
  RetryDelay delay;
  bool first_attempt_noted = false;
  bool close_wait_seen = false;
  std::optional<SteadyTime> delisted;
};

struct ConsumerCore::OnLoop {
  OnLoop(EventLoop& l, ConsumerCore* core)
      : loop(l),
        book(core->options_.client),
        backoff(core->options_.client, std::random_device{}()),
        pause(l, [core] { core->OnPauseOver(); }),
        tick(l, [core] { core->OnTick(); }),
        touch(l, [core] { core->TouchRunning(); }),
        close_wait(l, [core] { core->EndDrained(); }) {}

  Node* Find(LinkId id) {
    const auto at = by_id.find(id);
    return at == by_id.end() ? nullptr : at->second;
  }

  EventLoop& loop;
  ReadyBook book;
  Backoff backoff;
  Timer pause;
  Timer tick;
  Timer touch;
  Timer close_wait;
  bool close_wait_over = false;
  std::map<std::string, std::unique_ptr<Node>> nodes;
  std::unordered_map<LinkId, Node*> by_id;  // the live ones
  LinkId last_id = 0;
  size_t first_attempts_left = 0;
  std::optional<Error> first_failure;
  std::unique_ptr<Lookup> lookup;
  std::vector<Message> batch;
  bool stopping = false;
};

struct ConsumerCore::InboxLetter : Letter {
  explicit InboxLetter(std::shared_ptr<ConsumerCore> c) : core(std::move(c)) {}
  void Open() noexcept override { core->OpenInbox(); }
  const std::shared_ptr<ConsumerCore> core;
};

ConsumerCore::ConsumerCore(std::shared_ptr<RuntimeCore> runtime, ConsumerOptions options,
                           std::vector<std::string> lookup_urls,
                           std::shared_ptr<const TlsContext> tls)
    : runtime_(std::move(runtime)),
      options_(std::move(options)),
      lookup_urls_(std::move(lookup_urls)),
      tls_(std::move(tls)),
      loop_index_(runtime_->ChooseLoop()),
      instance_(runtime_->NextInstance()),
      wanted_max_in_flight_(options_.client.max_in_flight) {}

ConsumerCore::~ConsumerCore() {
  for (std::thread& worker : workers_) {
    if (worker.joinable()) worker.detach();
  }
}

bool ConsumerCore::Register() { return runtime_->Register(loop_index_, weak_from_this()); }

// --- any thread ---------------------------------------------------------------------------------

void ConsumerCore::Wake(std::unique_lock<std::mutex> lock) {
  const bool wake = !std::exchange(woken_, true);
  lock.unlock();
  if (!wake) return;
  if (runtime_->Post(loop_index_, std::make_unique<InboxLetter>(shared_from_this()))) return;
  // The loops have ended, and the part that lived there with them.
  lock.lock();
  woken_ = false;
  answers_.clear();
  for (Waiting<ConsumerStatus>* waiting : std::exchange(status_waiting_, {})) waiting->Give({});
  if (start_waiting_ != nullptr) std::exchange(start_waiting_, nullptr)->Give(Stopped());
  lock.unlock();
  const std::lock_guard<std::mutex> queue_lock(queue_mutex_);
  gone_ = true;
  gone_changed_.notify_all();
}

Expected<void> ConsumerCore::Start(Consumer::Handler handler) {
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    if (no_more_) return Stopped();
    if (std::exchange(started_, true)) {
      return Error{ErrorCode::kInvalidArgument, "already started", ""};
    }
    handler_ = std::move(handler);
    if (handler_) {
      const auto count = static_cast<size_t>(std::max(options_.concurrency, 0));
      slots_.resize(count);
      working_ = static_cast<int>(count);
      for (size_t i = 0; i < count; ++i) {
        workers_.emplace_back([core = shared_from_this(), i] { core->Work(i); });
      }
    }
  }
  Waiting<Expected<void>> waiting;
  const bool wait = options_.fail_fast && !options_.nsqds.empty();
  std::unique_lock<std::mutex> lock(mutex_);
  begin_ = true;
  if (wait) start_waiting_ = &waiting;
  Wake(std::move(lock));
  return wait ? waiting.Take() : Expected<void>();
}

Expected<Message> ConsumerCore::NoMore() const { return Stopped(); }

std::optional<Message> ConsumerCore::TakeQueued(std::unique_lock<std::mutex>* lock) {
  while (!queue_.empty() && !no_more_) {
    Message message = std::move(queue_.front());
    queue_.pop_front();
    // What its server will send again, or has, is not worth beginning with.
    lock->unlock();
    const bool skip = message.expired() || GiveUp(&message);
    lock->lock();
    if (!skip) return message;
  }
  return std::nullopt;
}

bool ConsumerCore::GiveUp(Message* message) {
  const uint16_t most = options_.client.max_attempts;
  if (most == 0 || message->attempts() <= most) return false;
  Log(Severity::kWarning, Event::kGaveUp,
      StrCat("msg ", message->id(), " attempted ", message->attempts(), " times, giving up"),
      std::string(message->nsqd()));
  if (options_.on_giving_up) options_.on_giving_up(*message);
  static_cast<void>(message->Finish());
  return true;
}

void ConsumerCore::Work(size_t slot) {
  std::unique_lock<std::mutex> lock(queue_mutex_);
  while (true) {
    queue_changed_.wait(lock, [this] { return no_more_ || !queue_.empty(); });
    if (no_more_) break;
    std::optional<Message> message = TakeQueued(&lock);
    if (!message) continue;
    if (options_.auto_touch) {
      slots_[slot] = {Block::SourceOf(*message), std::string(message->id()),
                      std::chrono::steady_clock::now()};
    }
    lock.unlock();
    Handle(std::move(*message));
    lock.lock();
    if (options_.auto_touch) slots_[slot].source = nullptr;
  }
  if (--working_ == 0) worker_ended_.notify_all();
}

void ConsumerCore::Handle(Message message) {
  std::optional<Outcome> outcome;
  std::string reason;
  try {
    outcome = handler_(message, stop_source_.get_token());
  } catch (const std::exception& thrown) {
    reason = thrown.what();
  } catch (...) {
    reason = "an exception";
  }
  if (!outcome) {
    Log(Severity::kError, Event::kHandlerFailed,
        StrCat("Handler returned error (", reason, ") for msg ", message.id()));
    outcome = Outcome::Requeue();
  }
  if (message.answered()) return;
  switch (outcome->kind) {
    case Outcome::Kind::kFinish:
      static_cast<void>(message.Finish());
      return;
    case Outcome::Kind::kRequeue:
      static_cast<void>(message.Requeue(outcome->delay, outcome->penalty));
      return;
    case Outcome::Kind::kTaken:
      return;  // if it was not, the destructor gives it back
  }
}

Expected<Message> ConsumerCore::Receive(Duration timeout) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  std::unique_lock<std::mutex> lock(queue_mutex_);
  while (true) {
    if (no_more_) return Stopped();
    if (std::optional<Message> message = TakeQueued(&lock)) return std::move(*message);
    if (no_more_) return Stopped();
    if (!queue_changed_.wait_until(lock, deadline,
                                   [this] { return no_more_ || !queue_.empty(); })) {
      return Error{ErrorCode::kTimedOut, "no message in time", ""};
    }
  }
}

Expected<std::vector<Message>> ConsumerCore::ReceiveBatch(size_t max, Duration linger,
                                                          Duration timeout) {
  std::vector<Message> batch;
  Expected<Message> first = Receive(timeout);
  if (!first) {
    if (first.error().code == ErrorCode::kTimedOut) return batch;
    return first.error();
  }
  batch.push_back(std::move(*first));
  const SteadyTime deadline = std::chrono::steady_clock::now() + linger;
  std::unique_lock<std::mutex> lock(queue_mutex_);
  while (batch.size() < max && !no_more_) {
    if (std::optional<Message> message = TakeQueued(&lock)) {
      batch.push_back(std::move(*message));
      continue;
    }
    if (Starved() || no_more_) break;
    if (!queue_changed_.wait_until(lock, deadline,
                                   [this] { return no_more_ || !queue_.empty(); })) {
      break;
    }
  }
  return batch;
}

void ConsumerCore::ReceiveLater(Received received) {
  std::unique_lock<std::mutex> lock(queue_mutex_);
  std::optional<Message> message;
  if (!no_more_) message = TakeQueued(&lock);
  if (!message && !no_more_) {
    receivers_.push_back(std::move(received));
    return;
  }
  lock.unlock();
  // Where callbacks run, also now: a coroutine must not go on inside its own suspension.
  auto taken = std::make_shared<Expected<Message>>(message ? Expected<Message>(std::move(*message))
                                                           : NoMore());
  runtime_->callbacks().Run(
      [received = std::move(received), taken] { received(std::move(*taken)); });
}

bool ConsumerCore::IsStarved() const {
  {
    // What lies there can be had without answering anything.
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    if (!queue_.empty()) return false;
  }
  return Starved();
}

bool ConsumerCore::Starved() const {
  const std::lock_guard<std::mutex> lock(sources_mutex_);
  return std::any_of(sources_.begin(), sources_.end(), [](const auto& source) {
    const int in_flight = source->in_flight.load(std::memory_order_relaxed);
    const int rdy = source->rdy.load(std::memory_order_relaxed);
    return in_flight > 0 && in_flight >= static_cast<int>(kStarvedShare * rdy);
  });
}

void ConsumerCore::SetMaxInFlight(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  wanted_max_in_flight_ = std::max(count, 0);
  paused_ = false;
  new_max_in_flight_ = wanted_max_in_flight_;
  Wake(std::move(lock));
}

void ConsumerCore::Pause(bool paused) {
  std::unique_lock<std::mutex> lock(mutex_);
  paused_ = paused;
  new_max_in_flight_ = paused ? 0 : wanted_max_in_flight_;
  Wake(std::move(lock));
}

ConsumerStatus ConsumerCore::status() {
  Waiting<ConsumerStatus> waiting;
  if (RuntimeCore::OnIoThread()) return {};
  std::unique_lock<std::mutex> lock(mutex_);
  const bool paused = paused_;
  status_waiting_.push_back(&waiting);
  Wake(std::move(lock));
  ConsumerStatus status = waiting.Take();
  status.received = received_.load();
  status.finished = finished_.load();
  status.requeued = requeued_.load();
  status.paused = paused;
  return status;
}

Expected<void> ConsumerCore::Answer(Source& source, AnswerKind kind, const char* frame,
                                    std::optional<Duration> delay, Penalty penalty) {
  if (kind != AnswerKind::kTouch) source.in_flight.fetch_sub(1, std::memory_order_relaxed);
  const std::shared_ptr<ConsumerCore> core = source.core.lock();
  if (core == nullptr || source.lost.load(std::memory_order_relaxed)) {
    return Error{ErrorCode::kExpired, "the connection it came by is gone", source.address};
  }
  PendingAnswer answer{};
  answer.link = source.link;
  answer.kind = kind;
  answer.penalty = penalty;
  answer.attempts = LoadBig16(frame + 8);
  answer.delay = delay;
  std::memcpy(answer.id, frame + kIdOffset, kMessageIdBytes);
  std::unique_lock<std::mutex> lock(core->mutex_);
  core->answers_.push_back(answer);
  core->Wake(std::move(lock));
  return Expected<void>();
}

StopReport ConsumerCore::Stop(Duration timeout) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  if (runtime_->forked()) {
    for (std::thread& worker : workers_) worker.detach();  // they are in the other process
    workers_.clear();
    return StopReport{false, 0, 0};
  }
  stop_source_.request_stop();
  std::deque<Message> unbegun;
  std::deque<Received> receivers;
  bool gone = false;
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    if (stopped_) return *stopped_;
    gone = gone_;
    no_more_ = true;
    unbegun.swap(queue_);
    receivers.swap(receivers_);
    given_back_ += unbegun.size();
    queue_changed_.notify_all();
  }
  if (!gone) Log(Severity::kInfo, Event::kStopping, "stopping...");
  {
    std::unique_lock<std::mutex> lock(mutex_);
    stop_ = true;
    Wake(std::move(lock));
  }
  for (Message& message : unbegun) {
    static_cast<void>(message.Requeue(Duration::zero(), Penalty::kNone));
  }
  unbegun.clear();
  for (Received& received : receivers) {
    runtime_->callbacks().Run([received = std::move(received)] { received(Stopped()); });
  }

  StopReport report;
  {
    std::unique_lock<std::mutex> lock(queue_mutex_);
    report.drained = worker_ended_.wait_until(lock, deadline, [this] { return working_ == 0; }) &&
                     gone_changed_.wait_until(lock, deadline, [this] { return gone_; });
    report.requeued = given_back_;
  }
  if (!report.drained) {
    {
      const std::lock_guard<std::mutex> lock(sources_mutex_);
      for (const auto& source : sources_) {
        report.abandoned += static_cast<size_t>(std::max(source->in_flight.load(), 0));
      }
    }
    std::unique_lock<std::mutex> lock(mutex_);
    abort_ = true;
    Wake(std::move(lock));
    std::unique_lock<std::mutex> queue_lock(queue_mutex_);
    gone_changed_.wait(queue_lock, [this] { return gone_; });
  }
  std::vector<std::thread> workers;
  bool all_ended = false;
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    workers.swap(workers_);
    all_ended = working_ == 0;
    stopped_ = report;
  }
  // A handler that does not come back keeps its thread, and the consumer's inner half.
  for (std::thread& worker : workers) {
    if (all_ended) {
      worker.join();
    } else {
      worker.detach();
    }
  }
  return report;
}

// --- the loop -----------------------------------------------------------------------------------

void ConsumerCore::OpenInbox() {
  std::vector<PendingAnswer> answers;
  std::vector<Waiting<ConsumerStatus>*> status_waiting;
  std::optional<int> max_in_flight;
  bool begin = false;
  bool stop = false;
  bool abort = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = false;
    answers.swap(answers_);
    status_waiting.swap(status_waiting_);
    max_in_flight = std::exchange(new_max_in_flight_, std::nullopt);
    begin = std::exchange(begin_, false);
    stop = std::exchange(stop_, false);
    abort = std::exchange(abort_, false);
  }
  if (begin && !left_) BeginOnLoop();
  if (here_ != nullptr) {
    if (max_in_flight) {
      here_->book.SetMaxInFlight(*max_in_flight);
      if (!WaitsForAll()) SendReady(here_->book.Plan(here_->loop.Now()));
    }
    // CLS goes out before the answers that were given because of it.
    if (stop) BeginStop();
    if (here_ != nullptr && !answers.empty()) ApplyAnswers(answers);
  }
  for (Waiting<ConsumerStatus>* waiting : status_waiting) {
    ConsumerStatus status;
    FillStatus(&status);
    waiting->Give(std::move(status));
  }
  if ((stop && here_ == nullptr) || abort) LeaveLoop();
}

void ConsumerCore::BeginOnLoop() {
  EventLoop& loop = runtime_->loop(loop_index_);
  here_ = std::make_unique<OnLoop>(loop, this);
  here_->book.SetMaxInFlight(paused_ ? 0 : wanted_max_in_flight_);
  for (const std::string& address : options_.nsqds) {
    auto& node = here_->nodes[address];
    if (node == nullptr) node = std::make_unique<Node>(loop, this, address, true);
  }
  here_->first_attempts_left = here_->nodes.size();
  // By a list of its own: an attempt that fails at once may change the nodes, or end it all.
  std::vector<Node*> nodes;
  for (const auto& [address, node] : here_->nodes) nodes.push_back(node.get());
  for (Node* node : nodes) {
    if (here_ != nullptr) ConnectNode(node);
  }
  if (here_ == nullptr) return;
  if (!lookup_urls_.empty()) {
    here_->lookup =
        std::make_unique<Lookup>(loop, *runtime_, lookup_urls_, options_.client,
                                 [this](Lookup::Round round) { OnRound(std::move(round)); });
    here_->lookup->Start();
  }
  here_->tick.ArmAfter(options_.client.rdy_redistribute_interval);
  if (options_.auto_touch) here_->touch.ArmAfter(milliseconds(100));
}

void ConsumerCore::ConnectNode(Node* node) {
  node->state = Node::State::kConnecting;
  Log(Severity::kInfo, Event::kConnecting, "connecting to nsqd", node->address);
  node->link =
      std::make_unique<Link>(here_->loop, *runtime_, node->address, options_.client, tls_, node);
  node->link->Start();
}

void ConsumerCore::OnNodeReady(Node* node) {
  node->state = Node::State::kSubscribing;
  node->link->Send(StrCat("SUB ", options_.topic, " ", options_.channel, "\n"));
}

void ConsumerCore::OnSubscribed(Node* node) {
  node->state = Node::State::kLive;
  node->delay.Reset();
  node->id = ++here_->last_id;
  ++connects_;
  auto source = std::make_shared<Source>();
  source->core = weak_from_this();
  source->link = node->id;
  source->address = node->address;
  source->msg_timeout = node->link->traits().msg_timeout;
  source->max_msg_timeout = node->link->traits().max_msg_timeout;
  node->source = source;
  here_->by_id[node->id] = node;
  {
    const std::lock_guard<std::mutex> lock(sources_mutex_);
    sources_.push_back(std::move(source));
  }
  Log(Severity::kDebug, Event::kConnected, "connected", node->address);
  const int max_rdy = node->link->traits().max_rdy;
  if (max_rdy < here_->book.max_in_flight()) {
    Log(Severity::kWarning, Event::kConnected,
        StrCat("max RDY count ", max_rdy, " < max in flight ", here_->book.max_in_flight(),
               ", truncation possible"),
        node->address);
  }
  here_->book.Add(node->id, max_rdy);
  NoteFirstAttempt(node, Expected<void>());
  if (!WaitsForAll()) SendReady(here_->book.Plan(here_->loop.Now()));
}

// With fail_fast nothing is to be delivered before it is known that Start succeeds: what a
// consumer that ends has in flight comes again only after its timeout.
bool ConsumerCore::WaitsForAll() const {
  return options_.fail_fast && here_->first_attempts_left > 0;
}

void ConsumerCore::NoteFirstAttempt(Node* node, Expected<void> result) {
  if (!node->direct || std::exchange(node->first_attempt_noted, true)) return;
  if (!result && !here_->first_failure) here_->first_failure = result.error();
  if (here_->first_attempts_left > 0) --here_->first_attempts_left;
  if (result && here_->first_attempts_left > 0) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  Waiting<Expected<void>>* const waiting = std::exchange(start_waiting_, nullptr);
  if (waiting == nullptr) return;
  if (here_->first_failure) {
    waiting->Give(*here_->first_failure);
  } else {
    waiting->Give(Expected<void>());
  }
}

void ConsumerCore::OnNodeError(Node* node, std::string_view text) {
  if (node->state == Node::State::kSubscribing) {
    // The server closes after it; this is the reason worth knowing.
    node->link->Close();
    OnNodeLost(node, Error{ErrorCode::kServerError, std::string(text), node->address});
    return;
  }
  if (text.starts_with("E_FIN_FAILED") || text.starts_with("E_REQ_FAILED") ||
      text.starts_with("E_TOUCH_FAILED")) {
    ++late_answers_;
  }
  Log(Severity::kError, Event::kServerError, StrCat("error - ", text), node->address);
}

void ConsumerCore::OnNodeLost(Node* node, const Error& why) {
  const bool was_live = node->state == Node::State::kLive;
  here_->loop.DeferDelete(std::move(node->link));
  node->state = Node::State::kIdle;
  if (options_.fail_fast && node->direct && !node->first_attempt_noted && !here_->stopping) {
    Waiting<Expected<void>>* waiting = nullptr;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      waiting = std::exchange(start_waiting_, nullptr);
    }
    LeaveLoop();
    if (waiting != nullptr) waiting->Give(why);  // when it is over, so that nobody stops it too
    return;
  }
  Log(Severity::kError, was_live ? Event::kLost : Event::kConnectFailed,
      was_live ? why.detail : StrCat("error connecting to nsqd - ", why.detail), node->address);
  if (was_live) {
    node->source->lost.store(true);
    {
      const std::lock_guard<std::mutex> lock(sources_mutex_);
      std::erase(sources_, node->source);
    }
    here_->by_id.erase(node->id);
    here_->book.Remove(node->id);
    node->source = nullptr;
    if (!here_->stopping && !WaitsForAll()) SendReady(here_->book.Plan(here_->loop.Now()));
  }
  if (here_->stopping) {
    RemoveNode(node);
    EndDrained();
    return;
  }
  NoteFirstAttempt(node, why);
  if (node->direct) {
    const Duration delay = node->delay.Next();
    Log(Severity::kInfo, Event::kConnecting, StrCat("re-connecting in ", FormatGoDuration(delay)),
        node->address);
    node->retry.ArmAfter(delay);
    return;
  }
  // nsqlookupd knows best whether it is still there.
  RemoveNode(node);
  here_->lookup->Hurry();
}

void ConsumerCore::RemoveNode(Node* node) {
  struct Grave : Deferrable {
    explicit Grave(std::unique_ptr<Node> n) : node(std::move(n)) {}
    const std::unique_ptr<Node> node;
  };
  const auto at = here_->nodes.find(node->address);
  if (at == here_->nodes.end() || at->second.get() != node) return;
  node->retry.Cancel();
  here_->loop.DeferDelete(std::make_unique<Grave>(std::move(at->second)));
  here_->nodes.erase(at);
}

void ConsumerCore::OnNodeMessages(Node* node, std::span<const std::string_view> messages) {
  if (node->source == nullptr) return;
  const auto block = std::make_shared<Block>();
  block->source = node->source;
  block->received = here_->loop.Now();
  const char* const begin = messages.front().data();
  const char* const end = messages.back().data() + messages.back().size();
  const auto size = static_cast<size_t>(end - begin);
  block->bytes.reset(new char[size]);  // not cleared first
  std::memcpy(block->bytes.get(), begin, size);

  std::vector<Message>& batch = here_->batch;
  for (const std::string_view message : messages) {
    batch.push_back(
        Block::MakeMessage(block, block->bytes.get() + (message.data() - begin), message.size()));
  }
  const auto count = static_cast<int>(messages.size());
  received_.fetch_add(messages.size(), std::memory_order_relaxed);
  node->source->in_flight.fetch_add(count, std::memory_order_relaxed);
  const bool wants_more = here_->book.OnMessages(node->id, count, block->received);
  if (wants_more) SendReady(here_->book.Plan(here_->loop.Now()));
  if (handler_ && options_.concurrency == 0) {
    std::vector<Message> now;
    now.swap(batch);
    for (Message& message : now) {
      if (here_ == nullptr || here_->stopping) {
        static_cast<void>(message.Requeue(Duration::zero(), Penalty::kNone));
      } else if (!GiveUp(&message)) {
        Handle(std::move(message));
      }
    }
    now.clear();
    if (here_ != nullptr) batch.swap(now);  // keeps its memory
    return;
  }
  DeliverToQueue(&batch);
  batch.clear();
}

void ConsumerCore::DeliverToQueue(std::vector<Message>* messages) {
  std::vector<std::pair<Received, std::shared_ptr<Expected<Message>>>> direct;
  size_t queued = 0;
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    if (!no_more_) {
      for (Message& message : *messages) {
        if (!receivers_.empty()) {
          direct.emplace_back(std::move(receivers_.front()),
                              std::make_shared<Expected<Message>>(std::move(message)));
          receivers_.pop_front();
        } else {
          queue_.push_back(std::move(message));
          ++queued;
        }
      }
    } else {
      given_back_ += messages->size();
    }
  }
  if (queued == 1) {
    queue_changed_.notify_one();
  } else if (queued > 1) {
    queue_changed_.notify_all();
  }
  for (auto& pair : direct) {
    runtime_->callbacks().Run([received = std::move(pair.first), message = pair.second] {
      received(std::move(*message));
    });
  }
  for (Message& message : *messages) {
    // Those that nobody took: it stops.
    if (!message.answered()) {
      static_cast<void>(message.Requeue(Duration::zero(), Penalty::kNone));
    }
  }
}

void ConsumerCore::ApplyAnswers(const std::vector<PendingAnswer>& answers) {
  Node* node = nullptr;
  for (const PendingAnswer& answer : answers) {
    if (node == nullptr || node->id != answer.link) node = here_->Find(answer.link);
    if (node == nullptr || node->link == nullptr) continue;
    Buffer& out = node->link->out();
    const std::string_view id(answer.id, kMessageIdBytes);
    if (answer.kind == AnswerKind::kTouch) {
      out.Append("TOUCH ");
      out.Append(id);
      out.Append("\n");
      node->link->Flush();
      continue;
    }
    here_->book.OnAnswer(node->id);
    // RDY goes before the answer that changes it, as the reference has it.
    if (answer.kind == AnswerKind::kFinish) {
      finished_.fetch_add(1, std::memory_order_relaxed);
      ApplySignal(Backoff::Signal::kSuccess);
      out.Append("FIN ");
      out.Append(id);
      out.Append("\n");
    } else {
      requeued_.fetch_add(1, std::memory_order_relaxed);
      if (!here_->stopping) {
        ApplySignal(answer.penalty == Penalty::kBackoff ? Backoff::Signal::kFailure
                                                        : Backoff::Signal::kNeither);
      }
      const Duration delay = answer.delay.value_or(
          std::min<Duration>(options_.client.default_requeue_delay * answer.attempts,
                             options_.client.max_requeue_delay));
      const auto ms = std::chrono::duration_cast<milliseconds>(delay).count();
      out.Append(StrCat("REQ ", id, " ", ms, "\n"));
    }
    node->link->Flush();
  }
  if (here_->stopping) {
    EndDrained();
  } else if (here_->book.waits_for_answers()) {
    SendReady(here_->book.Plan(here_->loop.Now()));
  }
}

void ConsumerCore::ApplySignal(Backoff::Signal signal) {
  if (here_->stopping) return;
  switch (here_->backoff.On(signal)) {
    case Backoff::Action::kNone:
      return;
    case Backoff::Action::kPause:
      Log(Severity::kWarning, Event::kBackoff,
          StrCat("backing off for ", FormatGoDuration(here_->backoff.pause()), " (backoff level ",
                 here_->backoff.level(), "), setting all to RDY 0"));
      here_->book.SetMode(ReadyBook::Mode::kPaused);
      here_->pause.ArmAfter(here_->backoff.pause());
      break;
    case Backoff::Action::kLeave:
      Log(Severity::kWarning, Event::kBackoff, "exiting backoff, returning all to full RDY");
      here_->book.SetMode(ReadyBook::Mode::kNormal);
      break;
  }
  SendReady(here_->book.Plan(here_->loop.Now()));
}

void ConsumerCore::OnPauseOver() {
  here_->backoff.PauseOver();
  here_->book.SetMode(ReadyBook::Mode::kTrying);
  Log(Severity::kInfo, Event::kBackoff, "backoff timeout expired, sending RDY 1 to one nsqd");
  SendReady(here_->book.Plan(here_->loop.Now()));
}

void ConsumerCore::SendReady(const std::vector<ReadyBook::Command>& commands) {
  for (const ReadyBook::Command& command : commands) {
    Node* const node = here_->Find(command.link);
    if (node == nullptr || node->link == nullptr) continue;
    node->source->rdy.store(command.count, std::memory_order_relaxed);
    node->link->Send(StrCat("RDY ", command.count, "\n"));
  }
}

void ConsumerCore::OnTick() {
  if (here_->stopping) return;
  if (!WaitsForAll()) SendReady(here_->book.Redistribute(here_->loop.Now()));
  here_->tick.ArmAfter(options_.client.rdy_redistribute_interval);
}

// Touches what handlers have had for half of its time.
void ConsumerCore::TouchRunning() {
  const SteadyTime now = here_->loop.Now();
  Duration least = seconds(30);
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    for (Slot& slot : slots_) {
      if (slot.source == nullptr || slot.source->lost.load()) continue;
      least = std::min(least, slot.source->msg_timeout / 8);
      if (now - slot.touched < slot.source->msg_timeout / 2) continue;
      slot.touched = now;
      Node* const node = here_->Find(slot.source->link);
      if (node == nullptr || node->link == nullptr) continue;
      node->link->Send(StrCat("TOUCH ", slot.id, "\n"));
    }
  }
  here_->touch.ArmAfter(std::clamp<Duration>(least, milliseconds(10), milliseconds(500)));
}

void ConsumerCore::OnRound(Lookup::Round round) {
  lookup_failures_ += round.failures.size();
  for (const std::string& failure : round.failures) {
    Log(Severity::kError, Event::kLookupFailed, StrCat("error querying nsqlookupd - ", failure));
  }
  if (here_->stopping) return;
  std::vector<std::string> addresses = std::move(round.addresses);
  if (options_.filter) addresses = options_.filter(std::move(addresses));
  const SteadyTime now = here_->loop.Now();
  for (const auto& [address, node] : here_->nodes) {
    const bool listed =
        node->direct || std::find(addresses.begin(), addresses.end(), address) != addresses.end();
    // Only one that everybody was asked about can be known to be gone.
    if (listed) {
      node->delisted.reset();
    } else if (round.failures.empty() && !node->delisted) {
      node->delisted = now;
    }
  }
  bool found = false;
  for (const std::string& address : addresses) {
    auto& node = here_->nodes[address];
    if (node != nullptr) continue;
    found = true;
    node = std::make_unique<Node>(here_->loop, this, address, false);
    ConnectNode(node.get());
  }
  if (found) here_->lookup->Calm();
  if (options_.drop_delisted_after <= Duration::zero()) return;
  std::vector<Node*> gone;
  for (const auto& [address, node] : here_->nodes) {
    if (node->delisted && now - *node->delisted >= options_.drop_delisted_after) {
      gone.push_back(node.get());
    }
  }
  for (Node* node : gone) {
    if (node->link != nullptr) node->link->Close();
    OnNodeLost(node,
               Error{ErrorCode::kConnectFailed, "no longer listed by nsqlookupd", node->address});
  }
}

void ConsumerCore::BeginStop() {
  if (std::exchange(here_->stopping, true)) return;
  here_->lookup.reset();
  here_->pause.Cancel();
  here_->tick.Cancel();
  std::vector<Node*> unconnected;
  for (const auto& [address, node] : here_->nodes) {
    if (node->state == Node::State::kLive) {
      node->link->Send("CLS\n");
    } else {
      unconnected.push_back(node.get());
    }
  }
  for (Node* node : unconnected) {
    if (node->link != nullptr) {
      node->link->Close();
      here_->loop.DeferDelete(std::move(node->link));
    }
    RemoveNode(node);
  }
  here_->close_wait.ArmAfter(kCloseWaitTime);
  EndDrained();
}

// Ends those connections that have nothing left to say, and the consumer after the last of them.
void ConsumerCore::EndDrained() {
  if (here_ == nullptr || !here_->stopping) return;
  if (!here_->close_wait.armed()) here_->close_wait_over = true;
  for (const auto& [address, node] : here_->nodes) {
    if (node->state != Node::State::kLive) continue;
    if (!node->close_wait_seen && !here_->close_wait_over) continue;
    if (here_->book.in_flight(node->id) > 0) continue;
    node->state = Node::State::kEnding;
    here_->by_id.erase(node->id);
    here_->book.Remove(node->id);
    node->link->CloseAfterFlush();
  }
  if (here_->nodes.empty()) LeaveLoop();
}

void ConsumerCore::OnNodeEnded(Node* node) {
  here_->loop.DeferDelete(std::move(node->link));
  RemoveNode(node);
  EndDrained();
}

void ConsumerCore::FillStatus(ConsumerStatus* status) const {
  status->late_answers = late_answers_;
  status->connects = connects_;
  status->lookup_failures = lookup_failures_;
  if (here_ == nullptr) return;
  status->backoff_level = here_->backoff.level();
  if (here_->pause.armed()) status->backoff_left = here_->pause.when() - here_->loop.Now();
  for (const auto& [address, node] : here_->nodes) {
    if (node->state != Node::State::kLive) continue;
    const SteadyTime last = here_->book.last_message(node->id);
    status->nsqds.push_back({address, here_->book.rdy(node->id), here_->book.in_flight(node->id),
                             last == SteadyTime() ? Duration::zero() : here_->loop.Now() - last});
  }
}

void ConsumerCore::LeaveLoop() noexcept {
  if (!std::exchange(left_, true)) {
    if (here_ != nullptr) {
      for (const auto& [address, node] : here_->nodes) {
        if (node->source != nullptr) node->source->lost.store(true);
        if (node->link != nullptr) node->link->Close();
        node->retry.Cancel();
      }
      for (Timer* timer : {&here_->pause, &here_->tick, &here_->touch, &here_->close_wait}) {
        timer->Cancel();
      }
      here_->lookup.reset();
      // Not at once: one of its parts may be what is calling.
      struct Grave : Deferrable {
        explicit Grave(std::unique_ptr<OnLoop> h) : here(std::move(h)) {}
        const std::unique_ptr<OnLoop> here;
      };
      EventLoop& loop = here_->loop;
      loop.DeferDelete(std::make_unique<Grave>(std::move(here_)));
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (start_waiting_ != nullptr) std::exchange(start_waiting_, nullptr)->Give(Stopped());
  }
  // What is queued refers to this consumer's connections, which are gone.
  std::deque<Message> queue;
  {
    const std::lock_guard<std::mutex> lock(queue_mutex_);
    no_more_ = true;
    queue.swap(queue_);
    gone_ = true;
    queue_changed_.notify_all();
    gone_changed_.notify_all();
  }
}

void ConsumerCore::Log(Severity severity, Event event, std::string text,
                       const std::string& nsqd) const {
  if (!runtime_->Logs(severity)) return;
  runtime_->Log(
      {severity, event, instance_, options_.topic, options_.channel, nsqd, std::move(text)});
}

}  // namespace nsq::client
