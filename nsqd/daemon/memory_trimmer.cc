#include "nsqd/daemon/memory_trimmer.h"

#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "common/event/event_loop.h"
#include "common/event/helper_pool.h"
#include "common/log.h"

namespace nsq::nsqd {
namespace {

// Below this nothing has happened that could leave much behind.
constexpr Duration kQuietCpu = milliseconds(20);

Duration ProcessCpu() {
  timespec cpu{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) != 0) return Duration::zero();
  return seconds(cpu.tv_sec) + nanoseconds(cpu.tv_nsec);
}

}  // namespace

bool TrimPolicy::Look(const metrics::HeapStats& heap, Duration cpu, Duration elapsed) {
  const uint64_t idle = heap.resident_idle_bytes();
  left_ = std::min(left_, idle);
  if (idle - left_ < std::max(kWorthBytes, heap.in_use_bytes / 4)) {
    waited_ = Duration::zero();
    next_look_ = cpu < kQuietCpu ? kSeldom : kOften;
    return false;
  }
  next_look_ = kOften;
  waited_ += elapsed;
  if (cpu > elapsed / 4 && waited_ < kPatience) return false;
  waited_ = Duration::zero();
  return true;
}

// Lives on in a job when the trimmer has gone. One job at a time: it alone touches what is not
// `trimmer`.
struct MemoryTrimmer::State {
  MemoryTrimmer* trimmer;  // read and cleared on the loop only
  TrimPolicy policy;
  Duration cpu = ProcessCpu();
  SteadyTime looked_at = std::chrono::steady_clock::now();
};

struct MemoryTrimmer::LookJob : Job {
  explicit LookJob(std::shared_ptr<State> s) : state(std::move(s)) {}
  void Run() noexcept override {
    const Duration cpu = ProcessCpu();
    const SteadyTime now = std::chrono::steady_clock::now();
    const metrics::HeapStats heap = metrics::ReadHeapStats();
    if (state->policy.Look(heap, cpu - state->cpu, now - state->looked_at)) {
      ::malloc_trim(0);
      const metrics::HeapStats left = metrics::ReadHeapStats();
      state->policy.Trimmed(left);
      NSQ_LOG(kDebug, "MEMORY: gave back ",
              heap.anonymous_bytes - std::min(heap.anonymous_bytes, left.anonymous_bytes),
              " bytes");
    }
    state->cpu = ProcessCpu();
    state->looked_at = std::chrono::steady_clock::now();
  }
  void Open() noexcept override {
    MemoryTrimmer* const trimmer = state->trimmer;
    if (trimmer == nullptr) return;
    trimmer->home_.Assert();
    trimmer->timer_.ArmAfter(state->policy.next_look());
  }
  const std::shared_ptr<State> state;
};

MemoryTrimmer::MemoryTrimmer(EventLoop& loop, HelperPool& pool)
    : loop_(loop),
      home_(loop.home()),
      pool_(pool),
      state_(std::make_shared<State>(State{this, {}})),
      timer_(loop, [this] { OnTimer(); }) {
  home_.Assert();
  timer_.ArmAfter(TrimPolicy::kOften);
}

MemoryTrimmer::~MemoryTrimmer() { state_->trimmer = nullptr; }

void MemoryTrimmer::OnTimer() {
  pool_.Submit(std::make_unique<LookJob>(state_), &loop_, Lane::kBackground);
}

}  // namespace nsq::nsqd
