#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/event/buffer.h"
#include "common/event/home.h"
#include "common/event/mailbox.h"
#include "common/event/timer_queue.h"
#include "common/event/unique_fd.h"
#include "common/metrics/histogram.h"
#include "common/time.h"

struct event;
struct event_base;

namespace nsq {

class EventLoop;
class Timer;

// What happens at the end of a turn, in this order, so that what a client is told is already true:
// logs are written before anybody hears of a message, and everything a turn has to say to one
// socket or one loop leaves in one piece.
enum class TurnPhase {
  kLog,       // topics write what was published
  kDispatch,  // channels hand messages to consumers
  kJournal,   // channels write what was finished
  kMail,      // batches leave for other loops
  kSocket,    // connections write
};
inline constexpr size_t kTurnPhases = 5;

// Something to do once at the end of the present turn.
//
// Home: the loop it is registered with, in one phase at a time. It may be registered again while
// it runs: then it runs again in the next turn, which does not wait. Destroying it takes it off
// the list.
class TurnTask {
 public:
  TurnTask() = default;
  TurnTask(const TurnTask&) = delete;
  TurnTask& operator=(const TurnTask&) = delete;
  virtual ~TurnTask();

  virtual void AtTurnEnd() noexcept = 0;

 private:
  friend class EventLoop;
  EventLoop* registered_with_ = nullptr;
};

// What DeferDelete keeps until the end of the turn.
struct Deferrable {
  virtual ~Deferrable() = default;
};

// Figures since the loop started; a copy, taken on the loop.
struct LoopStats {
  uint64_t turns = 0;
  uint64_t letters = 0;
  uint64_t last_letters = 0;  // that had come when the mailbox was last opened
  uint64_t most_letters = 0;  // at one time
  uint64_t slow_turns = 0;    // longer than kSlowTurn
  Duration busy{0};           // in turns, waiting not counted
  Duration longest_turn{0};
  metrics::Histogram turn_durations;
};

// One thread's libevent loop, cut into turns: wait, callbacks and letters, then the turn's end.
//
// Home: itself, home(). Post and Stop may be called from any thread.
class EventLoop {
 public:
  // A turn longer than this is logged with its length: other connections waited for it.
  static constexpr Duration kSlowTurn = milliseconds(50);
  // What one read takes at most: a turn serves every socket before one is served twice.
  static constexpr size_t kScratchBytes = size_t{256} * 1024;

  // `name` is for logs ("loop 0").
  explicit EventLoop(std::string name);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // Binds the home to the calling thread and runs turns until Stop.
  void Run();

  // Hands the loop and what lives on it to the calling thread, for destroying them: the thread
  // that ran it has been joined.
  void Adopt() { home_.Bind(); }

  // One turn: waits for an event if `wait`. For tests and for what Run is made of.
  void RunOnce(bool wait);

  // Any thread. Run returns at the end of the turn in which this arrives.
  void Stop();

  // Any thread. The letter is opened on this loop, in a later turn.
  void Post(std::unique_ptr<Letter> letter) { mailbox_.Post(std::move(letter)); }

  const Home& home() const { return home_; }
  const std::string& name() const { return name_; }

  // The clock as it was when first asked for in this turn. Callbacks ask first thing, so that a
  // turn's length is known.
  SteadyTime Now();
  WallTime WallClock();
  // The clock as it is, for what must not be too early: compared with those two it never is.
  WallTime ExactWallClock();

  // Runs `task` once in that phase of this turn's end; asking twice is asking once.
  void AtTurnEnd(TurnPhase phase, TurnTask* task);

  // Destroys `object` after the turn's last phase: for what must not vanish under its own feet.
  void DeferDelete(std::unique_ptr<Deferrable> object);

  // For reading a socket into before it is known how much of it must be kept. Valid until the
  // callback returns; one user at a time.
  std::span<char> scratch();

  // Buffers that connections need no more, for those that do next: an idle connection holds none,
  // a busy loop allocates none, and what is used again is in the processor's cache. An empty one,
  // if there is one preferably a large one if `large`; none that is not used for a second is kept.
  Buffer TakeSpare(bool large);
  void GiveSpare(Buffer buffer);

  LoopStats stats() const;

  // For Connection, Listener and the HTTP server, all of common/.
  event_base* base() { return base_; }

 private:
  friend class TurnTask;
  friend class Timer;
  struct StopLetter;

  void DropIdleSpares();
  void PutTimer(Timer* timer, SteadyTime when);
  void RemoveTimer(Timer* timer);
  // Has the kernel wake us when the first timer is due.
  void WatchClock() NSQ_REQUIRES(home_);
  void OnClock();
  void RunTimers() NSQ_REQUIRES(home_);

  void Forget(TurnTask* task);
  bool HasTasks() const NSQ_REQUIRES(home_);
  static void OnMail(int fd, short what, void* self) noexcept;
  void OpenLetters();
  void EndTurn() NSQ_REQUIRES(home_);
  void RunPhase(size_t phase) NSQ_REQUIRES(home_);
  void LogSlowTurn(Duration busy) const NSQ_REQUIRES(home_);

  const std::string name_;
  Home home_;
  event_base* const base_;
  Mailbox mailbox_;
  event* const mail_event_;
  const UniqueFd clock_fd_;
  event* const clock_event_;
  TimerQueue timers_ NSQ_GUARDED_BY(home_);
  // When the kernel will wake us for the sake of a timer: never later than the first is due. It may
  // be earlier, when the first was moved: waking up for nothing now and then costs less than
  // telling the kernel of every move.
  SteadyTime clock_at_ NSQ_GUARDED_BY(home_) = SteadyTime::max();
  bool timers_due_ NSQ_GUARDED_BY(home_) = false;  // in this turn
  bool stopping_ NSQ_GUARDED_BY(home_) = false;
  bool now_valid_ NSQ_GUARDED_BY(home_) = false;
  bool wall_valid_ NSQ_GUARDED_BY(home_) = false;
  SteadyTime now_ NSQ_GUARDED_BY(home_);
  WallTime wall_ NSQ_GUARDED_BY(home_);
  std::array<std::vector<TurnTask*>, kTurnPhases> tasks_ NSQ_GUARDED_BY(home_);
  std::vector<TurnTask*> running_ NSQ_GUARDED_BY(home_);  // the phase that runs now
  std::vector<std::unique_ptr<Deferrable>> dying_ NSQ_GUARDED_BY(home_);
  std::vector<char> scratch_ NSQ_GUARDED_BY(home_);
  std::array<std::vector<Buffer>, 2> spares_ NSQ_GUARDED_BY(home_);  // small, large
  size_t spare_bytes_ NSQ_GUARDED_BY(home_) = 0;
  bool spares_used_ NSQ_GUARDED_BY(home_) = false;             // since the timer last looked
  std::unique_ptr<Timer> spares_timer_ NSQ_GUARDED_BY(home_);  // made when first needed
  // Of the present turn: what its callbacks took, then each phase; for the line about a slow one.
  std::array<Duration, kTurnPhases + 1> parts_ NSQ_GUARDED_BY(home_);
  uint64_t letters_before_ NSQ_GUARDED_BY(home_) = 0;
  LoopStats stats_ NSQ_GUARDED_BY(home_);
};

}  // namespace nsq
