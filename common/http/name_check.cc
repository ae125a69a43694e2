#include "common/http/name_check.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <thread>
#include <utility>

#include "common/event/address.h"

namespace nsq::http {
namespace {

constexpr size_t kMaxHosts = 1000;

void AskSystem(const std::string& host) {
  Address address;
  address.host = host;
  (void)ResolveHost(address);
}

}  // namespace

struct NameCheck::Lookup {
  std::mutex mutex;
  std::condition_variable done;
  bool is_done = false;
  SteadyTime done_at;
};

NameCheck::NameCheck(Resolve resolve) : resolve_(resolve ? std::move(resolve) : AskSystem) {}

NameCheck::~NameCheck() = default;

bool NameCheck::Answered(const std::string& host, Duration limit) {
  Address address;
  address.host = host;
  if (!NeedsResolving(address)) return true;

  std::shared_ptr<Lookup> lookup;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (lookups_.size() >= kMaxHosts) lookups_.clear();
    std::shared_ptr<Lookup>& known = lookups_[host];
    if (known != nullptr) {
      const std::lock_guard<std::mutex> its_lock(known->mutex);
      const auto now = std::chrono::steady_clock::now();
      if (!known->is_done || now - known->done_at < kGoodFor) lookup = known;
    }
    if (lookup == nullptr) {
      lookup = known = std::make_shared<Lookup>();
      std::thread([lookup, host, resolve = resolve_] {
        // Signals belong to the main thread.
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        resolve(host);
        const std::lock_guard<std::mutex> its_lock(lookup->mutex);
        lookup->is_done = true;
        lookup->done_at = std::chrono::steady_clock::now();
        lookup->done.notify_all();
      }).detach();
    }
  }
  std::unique_lock<std::mutex> lock(lookup->mutex);
  return lookup->done.wait_for(lock, limit, [&lookup] { return lookup->is_done; });
}

}  // namespace nsq::http
