#include "clients/nsq/internal/runtime_core.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "common/strings.h"

namespace nsq::client {
namespace {

// For looking up names; more of them would only help against slow name servers.
constexpr size_t kHelperThreads = 2;

thread_local bool is_io_thread = false;

// The library's threads take no signals: they belong to the program.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

}  // namespace

struct RuntimeCore::LeaveLetter : Letter {
  explicit LeaveLetter(std::shared_ptr<Resident> r) : resident(std::move(r)) {}
  void Open() noexcept override { resident->LeaveLoop(); }
  const std::shared_ptr<Resident> resident;
};

RuntimeCore::RuntimeCore(RuntimeOptions options)
    : process_(::getpid()), log_(options.log), log_level_(options.log_level) {
  const SignalsBlocked blocked;
  callbacks_ = std::make_unique<CallbackPool>(options.callback_threads);
  helpers_ = std::make_unique<HelperPool>(kHelperThreads);
  for (int i = 0; i < std::max(options.io_threads, 1); ++i) {
    loops_.push_back(std::make_unique<EventLoop>(StrCat("client loop ", i)));
  }
  for (const auto& loop : loops_) {
    threads_.emplace_back([&loop = *loop] {
      is_io_thread = true;
      loop.Run();
    });
  }
}

RuntimeCore::~RuntimeCore() = default;

void RuntimeCore::Shutdown() {
  std::vector<Entry> residents;
  {
    const std::lock_guard<std::mutex> lock(residents_mutex_);
    residents.swap(residents_);
  }
  for (const Entry& entry : residents) {
    if (auto resident = entry.resident.lock()) {
      loops_[entry.loop]->Post(std::make_unique<LeaveLetter>(std::move(resident)));
    }
  }
  for (const auto& loop : loops_) loop->Stop();
  for (std::thread& thread : threads_) thread.join();
  {
    // From here on nobody posts, so the loops may go.
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    ended_ = true;
  }
  helpers_.reset();
  for (const auto& loop : loops_) loop->Adopt();
  // One that registered while we were at it has left no part on a loop that has not run since.
  for (Entry& entry : residents_) {
    if (auto resident = entry.resident.lock()) resident->LeaveLoop();
  }
  residents_.clear();
  for (auto& loop : loops_) loop.reset();
  callbacks_->Stop();
}

bool RuntimeCore::forked() const { return ::getpid() != process_; }

bool RuntimeCore::OnIoThread() { return is_io_thread; }

bool RuntimeCore::Register(size_t loop, std::weak_ptr<Resident> resident) {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  if (ended_ || forked()) return false;
  const std::lock_guard<std::mutex> residents_lock(residents_mutex_);
  std::erase_if(residents_, [](const Entry& entry) { return entry.resident.expired(); });
  residents_.push_back({loop, std::move(resident)});
  return true;
}

bool RuntimeCore::Post(size_t loop, std::unique_ptr<Letter> letter) {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  if (ended_ || forked()) return false;
  loops_[loop]->Post(std::move(letter));
  return true;
}

}  // namespace nsq::client

namespace nsq {

Runtime::Runtime(RuntimeOptions options)
    : core_(std::make_shared<client::RuntimeCore>(std::move(options))) {}

Runtime::~Runtime() {
  if (!core_->forked()) {
    core_->Shutdown();
    return;
  }
  // There are no threads to end, and what they were in the middle of nobody can tell: it stays.
  static_cast<void>(new std::shared_ptr<client::RuntimeCore>(core_));
}

}  // namespace nsq
