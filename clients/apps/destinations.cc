#include "clients/apps/destinations.h"

#include <random>

#include "clients/apps/app.h"
#include "common/strings.h"

namespace nsq::apps {

std::optional<Mode> ParseMode(std::string_view text) {
  if (text == "hostpool") return Mode::kHostPool;
  if (text == "round-robin") return Mode::kRoundRobin;
  if (text == "epsilon-greedy") return Mode::kEpsilonGreedy;
  if (text == "all") return Mode::kAll;
  return std::nullopt;
}

Destinations::Destinations(std::vector<std::string> addresses, Mode mode, size_t status_every)
    : addresses_(std::move(addresses)),
      mode_(mode),
      pool_(addresses_.size(), mode == Mode::kEpsilonGreedy, std::random_device{}()),
      all_(status_every, "[aggregate]:") {
  const size_t metrics = addresses_.size() > 1 ? 1 + addresses_.size() : 1;
  for (size_t i = 0; i < metrics && status_every > 0 && status_every < 100; ++i) {
    LogText(
        StrCat("Warning: use more than 100 status values for accurate percentiles "
               "(configured with ",
               status_every, ")"));
  }
  for (const std::string& address : addresses_) {
    each_.emplace_back(status_every, StrCat("[", address, "]:"));
  }
}

size_t Destinations::Choose() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (mode_ == Mode::kRoundRobin) return next_++ % addresses_.size();
  return pool_.Choose(std::chrono::steady_clock::now());
}

void Destinations::Report(size_t index, bool success, Duration took) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const SteadyTime now = std::chrono::steady_clock::now();
  if (success) {
    pool_.OnSuccess(index, now, took);
  } else {
    pool_.OnFailure(index, now);
  }
}

void Destinations::Time(size_t index, Duration took) {
  std::string all;
  std::string one;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    all = all_.Add(took);
    if (addresses_.size() > 1) one = each_[index].Add(took);
  }
  if (!one.empty()) LogText(one);
  if (!all.empty()) LogText(all);
}

}  // namespace nsq::apps
