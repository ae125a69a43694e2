#include "common/event/event_loop.h"

#include <event2/event.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "common/check.h"
#include "common/event/timer.h"
#include "common/log.h"
#include "common/strings.h"

namespace nsq {
namespace {

// Of spare buffers. Small: for answers; large: for messages, what some connections with commands of
// a few megabytes take.
constexpr size_t kLargeSpare = size_t{16} * 1024;
constexpr size_t kMaxSpares = 256;
constexpr size_t kMaxSpareBytes = size_t{32} << 20;
constexpr Duration kSparesIdle = seconds(1);

event_base* NewBase() {
  event_config* const config = event_config_new();
  NSQ_CHECK(config != nullptr);
  // Nobody but the loop's own thread touches the base; the mailbox is the only door.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_base* const base = event_base_new_with_config(config);
  event_config_free(config);
  NSQ_CHECK(base != nullptr);
  return base;
}

}  // namespace

TurnTask::~TurnTask() {
  if (registered_with_ != nullptr) registered_with_->Forget(this);
}

struct EventLoop::StopLetter : Letter {
  explicit StopLetter(EventLoop* l) : loop(l) {}
  void Open() noexcept override {
    loop->home_.Assert();
    loop->stopping_ = true;
  }
  EventLoop* const loop;
};

EventLoop::EventLoop(std::string name)
    : name_(std::move(name)),
      base_(NewBase()),
      mail_event_(event_new(
          base_, mailbox_.wake_fd(), EV_READ | EV_PERSIST,
          [](int fd, short what, void* self) { OnMail(fd, what, self); }, this)),
      clock_fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      clock_event_(event_new(
          base_, clock_fd_.get(), EV_READ | EV_PERSIST,
          [](int, short, void* self) { static_cast<EventLoop*>(self)->OnClock(); }, this)),
      scratch_(kScratchBytes) {
  NSQ_CHECK(mail_event_ != nullptr);
  NSQ_CHECK(event_add(mail_event_, nullptr) == 0);
  NSQ_CHECK(clock_fd_.valid() && clock_event_ != nullptr);
  NSQ_CHECK(event_add(clock_event_, nullptr) == 0);
}

EventLoop::~EventLoop() {
  // Nobody else runs any more: whoever destroys a loop has joined its thread.
  home_.Bind();
  home_.Assert();
  mailbox_.Take().clear();
  dying_.clear();
  spares_timer_.reset();
  for (auto& phase : tasks_) {
    for (TurnTask* task : phase) {
      if (task != nullptr) task->registered_with_ = nullptr;
    }
  }
  event_free(mail_event_);
  event_free(clock_event_);
  event_base_free(base_);
}

void EventLoop::Run() {
  home_.Bind();
  home_.Assert();
  while (!stopping_) RunOnce(true);
  stopping_ = false;
}

void EventLoop::RunOnce(bool wait) {
  home_.Assert();
  const bool may_wait = wait && !HasTasks() && dying_.empty();
  WatchClock();
  // Whoever asked between turns has had his answer; the wait is not part of the turn.
  now_valid_ = false;
  wall_valid_ = false;
  // ONCE in any case: without it libevent goes on while sockets are ready, and a turn of a busy
  // loop would not end.
  event_base_loop(base_, may_wait ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
  // After the sockets: a peer that has moved while we were held up is not given up.
  if (std::exchange(timers_due_, false)) RunTimers();
  EndTurn();
}

void EventLoop::Stop() { Post(std::make_unique<StopLetter>(this)); }

SteadyTime EventLoop::Now() {
  home_.Assert();
  if (!now_valid_) {
    now_ = std::chrono::steady_clock::now();
    now_valid_ = true;
  }
  return now_;
}

WallTime EventLoop::WallClock() {
  home_.Assert();
  if (!wall_valid_) {
    wall_ = WallNow();
    wall_valid_ = true;
  }
  return wall_;
}

WallTime EventLoop::ExactWallClock() {
  home_.Assert();
  return WallNow();
}

void EventLoop::AtTurnEnd(TurnPhase phase, TurnTask* task) {
  home_.Assert();
  if (task->registered_with_ != nullptr) return;
  task->registered_with_ = this;
  tasks_[static_cast<size_t>(phase)].push_back(task);
}

void EventLoop::DeferDelete(std::unique_ptr<Deferrable> object) {
  home_.Assert();
  dying_.push_back(std::move(object));
}

std::span<char> EventLoop::scratch() {
  home_.Assert();
  return scratch_;
}

Buffer EventLoop::TakeSpare(bool large) {
  home_.Assert();
  auto& spares = spares_[large && !spares_[1].empty() ? 1 : 0];
  if (spares.empty()) return Buffer();
  spares_used_ = true;
  Buffer buffer = std::move(spares.back());
  spares.pop_back();
  spare_bytes_ -= buffer.capacity();
  return buffer;
}

void EventLoop::GiveSpare(Buffer buffer) {
  home_.Assert();
  NSQ_DCHECK(buffer.empty());
  auto& spares = spares_[buffer.capacity() >= kLargeSpare ? 1 : 0];
  if (spares.size() == kMaxSpares || spare_bytes_ + buffer.capacity() > kMaxSpareBytes) return;
  spare_bytes_ += buffer.capacity();
  spares.push_back(std::move(buffer));
  if (!spares_timer_) spares_timer_ = std::make_unique<Timer>(*this, [this] { DropIdleSpares(); });
  if (!spares_timer_->armed()) spares_timer_->ArmAfter(kSparesIdle);
}

void EventLoop::DropIdleSpares() {
  home_.Assert();
  if (std::exchange(spares_used_, false)) {
    spares_timer_->ArmAfter(kSparesIdle);
    return;
  }
  for (auto& spares : spares_) spares = std::vector<Buffer>();
  spare_bytes_ = 0;
}

LoopStats EventLoop::stats() const {
  home_.Assert();
  return stats_;
}

void EventLoop::Forget(TurnTask* task) {
  home_.Assert();
  const auto forget = [task](std::vector<TurnTask*>& list) {
    std::replace(list.begin(), list.end(), task, static_cast<TurnTask*>(nullptr));
  };
  for (auto& phase : tasks_) forget(phase);
  forget(running_);
  task->registered_with_ = nullptr;
}

bool EventLoop::HasTasks() const {
  return std::any_of(tasks_.begin(), tasks_.end(), [](const auto& list) { return !list.empty(); });
}

void EventLoop::OnMail(int /*fd*/, short /*what*/, void* self) noexcept {
  static_cast<EventLoop*>(self)->OpenLetters();
}

void EventLoop::OpenLetters() {
  home_.Assert();
  Now();
  const std::vector<std::unique_ptr<Letter>> letters = mailbox_.Take();
  stats_.letters += letters.size();
  stats_.last_letters = letters.size();
  stats_.most_letters = std::max(stats_.most_letters, stats_.last_letters);
  for (const auto& letter : letters) letter->Open();
}

void EventLoop::PutTimer(Timer* timer, SteadyTime when) {
  home_.Assert();
  timers_.Put(timer, when);
}

void EventLoop::RemoveTimer(Timer* timer) {
  if (!timer->armed()) return;
  home_.Assert();
  timers_.Remove(timer);
}

void EventLoop::WatchClock() {
  const TimerNode* const first = timers_.first();
  if (first == nullptr || first->when >= clock_at_) return;
  clock_at_ = first->when;
  // All zero would stop the clock instead.
  const int64_t ns = std::max<int64_t>(clock_at_.time_since_epoch().count(), 1);
  const itimerspec at = {.it_interval = {},
                         .it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000}};
  NSQ_CHECK(::timerfd_settime(clock_fd_.get(), TFD_TIMER_ABSTIME, &at, nullptr) == 0);
}

void EventLoop::OnClock() {
  home_.Assert();
  Now();
  uint64_t times = 0;
  [[maybe_unused]] const ssize_t n = ::read(clock_fd_.get(), &times, sizeof times);
  clock_at_ = SteadyTime::max();
  timers_due_ = true;
}

void EventLoop::RunTimers() {
  const SteadyTime now = std::chrono::steady_clock::now();
  // One that is armed again for a time that has come waits for the next turn at the latest.
  for (size_t left = timers_.size(); left > 0; --left) {
    TimerNode* const first = timers_.first();
    if (first == nullptr || first->when > now) break;
    timers_.Remove(first);
    static_cast<Timer*>(first)->on_time_();
  }
}

void EventLoop::RunPhase(size_t phase) {
  running_.swap(tasks_[phase]);
  // By index: a task may take another one off this list by destroying it.
  for (size_t i = 0; i < running_.size(); ++i) {
    TurnTask* const task = running_[i];
    if (task == nullptr) continue;
    running_[i] = nullptr;
    task->registered_with_ = nullptr;
    task->AtTurnEnd();
  }
  running_.clear();
}

void EventLoop::EndTurn() {
  // A turn in which nobody asked for the time has done nothing yet.
  SteadyTime mark = Now();
  const auto lap = [&mark] {
    const SteadyTime before = std::exchange(mark, std::chrono::steady_clock::now());
    return mark - before;
  };
  parts_[0] = lap();
  for (size_t phase = 0; phase < kTurnPhases; ++phase) {
    parts_[phase + 1] = Duration::zero();
    if (tasks_[phase].empty()) continue;
    RunPhase(phase);
    parts_[phase + 1] = lap();
  }
  // What dies may defer the death of what it owned.
  while (!dying_.empty()) {
    std::vector<std::unique_ptr<Deferrable>> dying;
    dying.swap(dying_);
  }
  const Duration busy = mark - now_;
  ++stats_.turns;
  stats_.busy += busy;
  stats_.longest_turn = std::max(stats_.longest_turn, busy);
  stats_.turn_durations.Add(busy);
  if (busy > kSlowTurn) {
    ++stats_.slow_turns;
    LogSlowTurn(busy);
  }
  letters_before_ = stats_.letters;
}

void EventLoop::LogSlowTurn(Duration busy) const {
  static constexpr std::array<std::string_view, kTurnPhases + 1> kNames = {
      "callbacks", "log", "dispatch", "journal", "mail", "sockets"};
  const auto in_ms = [](Duration d) { return std::chrono::duration_cast<milliseconds>(d).count(); };
  std::string parts;
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (in_ms(parts_[i]) > 0) parts += StrCat(kNames[i], " ", in_ms(parts_[i]), "ms, ");
  }
  NSQ_LOG(kWarn, name_, ": a turn took ", in_ms(busy), "ms (", parts,
          stats_.letters - letters_before_, " letters)");
}

}  // namespace nsq
