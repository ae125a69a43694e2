#pragma once

#include <nsq/runtime.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "clients/nsq/internal/callback_pool.h"
#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"

namespace nsq::client {

// Something with a part on a loop (timers, connections), which goes before the loop does.
class Resident {
 public:
  virtual ~Resident() = default;

  // On the loop, once: destroys that part, fails what waits for it.
  virtual void LeaveLoop() noexcept = 0;
};

// The threads behind a Runtime. Producers and consumers share it, so that it outlives them; its
// loops do not outlive the Runtime.
//
// Home: any thread.
class RuntimeCore {
 public:
  explicit RuntimeCore(RuntimeOptions options);
  RuntimeCore(const RuntimeCore&) = delete;
  RuntimeCore& operator=(const RuntimeCore&) = delete;
  ~RuntimeCore();

  // Makes every resident leave, ends the threads. Called once, by ~Runtime.
  void Shutdown();

  // Which loop the next resident shall live on.
  size_t ChooseLoop() { return next_loop_.fetch_add(1) % loops_.size(); }
  // From then on `resident` is told to leave before the loop ends; false if it has ended.
  bool Register(size_t loop, std::weak_ptr<Resident> resident);
  // False, and the letter is gone, once the loop has ended, or where it never ran: in a fork.
  bool Post(size_t loop, std::unique_ptr<Letter> letter);

  // Whether the caller is one of the runtimes' I/O threads, which must not wait.
  static bool OnIoThread();

  // Whether this process is a fork of the one that made it: the threads stayed there.
  bool forked() const;

  // On that loop only.
  EventLoop& loop(size_t index) { return *loops_[index]; }
  HelperPool& helpers() { return *helpers_; }

  CallbackPool& callbacks() { return *callbacks_; }
  uint64_t NextInstance() { return instances_.fetch_add(1) + 1; }

  bool Logs(Severity severity) const { return log_ != nullptr && severity >= log_level_; }
  void Log(const LogRecord& record) const {
    if (Logs(record.severity)) log_(record);
  }

 private:
  struct LeaveLetter;
  struct Entry {
    size_t loop;
    std::weak_ptr<Resident> resident;
  };

  const int process_;
  const LogSink log_;
  const Severity log_level_;
  std::atomic<uint64_t> instances_{0};
  std::atomic<size_t> next_loop_{0};
  std::unique_ptr<CallbackPool> callbacks_;

  std::shared_mutex mutex_;  // held exclusively when the loops begin to end
  bool ended_ = false;
  std::mutex residents_mutex_;
  std::vector<Entry> residents_;

  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::unique_ptr<HelperPool> helpers_;
  std::vector<std::thread> threads_;
};

}  // namespace nsq::client
