#include <nsq/producer_pool.h>

#include <algorithm>
#include <mutex>
#include <random>
#include <set>
#include <utility>

#include "clients/nsq/internal/host_pool.h"
#include "clients/nsq/internal/lookup.h"
#include "clients/nsq/internal/producer_core.h"
#include "clients/nsq/internal/tls.h"
#include "clients/nsq/internal/waiting.h"
#include "common/strings.h"

namespace nsq {
namespace client {
namespace {

// How long a producer that failed is passed over, where the strategy has no rule of its own.
constexpr Duration kDownTime = seconds(1);

bool MayGoElsewhere(const Error& error, bool unknown_too) {
  switch (error.code) {
    case ErrorCode::kNotSent:
    case ErrorCode::kStopped:  // the pool has let go of it meanwhile
    case ErrorCode::kQueueFull:
    case ErrorCode::kConnectFailed:
    case ErrorCode::kNotNsqd:
    case ErrorCode::kTlsUnavailable:
    case ErrorCode::kTlsFailed:
    case ErrorCode::kCompressionUnavailable:
    case ErrorCode::kAuthRequired:
    case ErrorCode::kAuthFailed:
      return true;
    case ErrorCode::kOutcomeUnknown:
    case ErrorCode::kTimedOut:
      return unknown_too;
    default:
      return false;  // wrong everywhere
  }
}

}  // namespace

// The producers, and which of them is next.
//
// Home: any thread; the lookup lives on a loop.
class PoolCore final : public Resident, public std::enable_shared_from_this<PoolCore> {
 public:
  PoolCore(std::shared_ptr<RuntimeCore> runtime, ProducerPoolOptions options,
           std::vector<std::string> urls, std::shared_ptr<const TlsContext> tls)
      : runtime_(std::move(runtime)),
        options_(std::move(options)),
        urls_(std::move(urls)),
        tls_(std::move(tls)),
        loop_index_(runtime_->ChooseLoop()) {
    SetNsqds(options_.nsqds);
  }

  bool Begin() {
    if (!runtime_->Register(loop_index_, weak_from_this())) return false;
    return urls_.empty() ||
           runtime_->Post(loop_index_, std::make_unique<LookupLetter>(shared_from_this(), true));
  }

  void Publish(const Expected<PublishCommand>& command, Producer::Callback done) {
    if (!command) {
      if (done) done(command.error());
      return;
    }
    auto attempt = std::make_shared<Attempt>();
    attempt->head = command->head;
    attempt->body = command->body;
    attempt->topic = command->topic;
    attempt->messages = command->messages;
    attempt->done = std::move(done);
    attempt->left = options_.max_retries;
    Try(std::move(attempt), Error{ErrorCode::kNotSent, "no nsqd is known", ""});
  }

  std::vector<std::shared_ptr<ProducerCore>> producers() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::shared_ptr<ProducerCore>> all;
    for (const Entry& entry : entries_) all.push_back(entry.core);
    return all;
  }

  void EndLookup() {
    if (urls_.empty()) return;
    runtime_->Post(loop_index_, std::make_unique<LookupLetter>(shared_from_this(), false));
  }

  void LeaveLoop() noexcept override { lookup_.reset(); }

  const ProducerPoolOptions& options() const { return options_; }

 private:
  struct Entry {
    std::shared_ptr<ProducerCore> core;
    SteadyTime down_until;
  };
  struct Attempt {
    std::string head;
    std::string body;
    std::string topic;  // of a command that may go in a batch
    uint32_t messages = 1;
    Producer::Callback done;
    int left = 0;
    std::set<const ProducerCore*> tried;
  };
  struct LookupLetter : Letter {
    LookupLetter(std::shared_ptr<PoolCore> p, bool b) : pool(std::move(p)), begin(b) {}
    void Open() noexcept override {
      if (begin) {
        pool->BeginLookup();
      } else {
        pool->LeaveLoop();
      }
    }
    const std::shared_ptr<PoolCore> pool;
    const bool begin;
  };

  void BeginLookup() {
    lookup_ = std::make_unique<Lookup>(
        runtime_->loop(loop_index_), *runtime_, urls_, options_.producer.client,
        [this](const Lookup::Round& round) {
          for (const std::string& failure : round.failures) {
            runtime_->Log({Severity::kError, Event::kLookupFailed, 0, "", "", "",
                           StrCat("error querying nsqlookupd - ", failure)});
          }
          // What one that failed would have said is not known to be gone.
          std::vector<std::string> nsqds = options_.nsqds;
          nsqds.insert(nsqds.end(), round.addresses.begin(), round.addresses.end());
          if (!round.failures.empty()) {
            for (const auto& core : producers()) nsqds.push_back(core->options().nsqd);
          }
          SetNsqds(nsqds);
        });
    lookup_->Start();
  }

  void SetNsqds(const std::vector<std::string>& nsqds) {
    std::vector<Entry> dropped;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      std::vector<Entry> entries;
      std::set<std::string> seen;
      bool same = true;
      for (const std::string& nsqd : nsqds) {
        if (!seen.insert(nsqd).second) continue;
        const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
          return entry.core != nullptr && entry.core->options().nsqd == nsqd;
        });
        if (at != entries_.end()) {
          entries.push_back(std::move(*at));
          at->core = nullptr;
          continue;
        }
        same = false;
        ProducerOptions options = options_.producer;
        options.nsqd = nsqd;
        auto core = std::make_shared<ProducerCore>(runtime_, std::move(options), tls_);
        if (core->Register()) entries.push_back({std::move(core), SteadyTime()});
      }
      for (Entry& entry : entries_) {
        if (entry.core == nullptr) continue;
        same = false;
        dropped.push_back(std::move(entry));
      }
      entries_ = std::move(entries);
      if (!same || !hosts_) {
        hosts_.emplace(entries_.size(), options_.strategy == PoolStrategy::kEpsilonGreedy,
                       std::random_device{}());
      }
    }
    for (const Entry& entry : dropped) entry.core->StopLater(options_.producer.publish_timeout);
  }

  // The next one that was not tried; null if there is none.
  std::shared_ptr<ProducerCore> Choose(const Attempt& attempt) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const SteadyTime now = std::chrono::steady_clock::now();
    const auto fresh = [&](const Entry& entry) {
      return !attempt.tried.contains(entry.core.get());
    };
    if (options_.strategy == PoolStrategy::kHostPool ||
        options_.strategy == PoolStrategy::kEpsilonGreedy) {
      for (size_t i = 0; i < entries_.size(); ++i) {
        const Entry& entry = entries_[hosts_->Choose(now)];
        if (fresh(entry)) return entry.core;
      }
    }
    const Entry* chosen = nullptr;
    for (size_t i = 0; i < entries_.size(); ++i) {
      const Entry& entry = entries_[(next_ + i) % entries_.size()];
      if (!fresh(entry)) continue;
      const bool down = entry.down_until > now;
      if (chosen == nullptr) {
        chosen = &entry;
        continue;
      }
      const bool chosen_down = chosen->down_until > now;
      const bool fewer = options_.strategy == PoolStrategy::kLeastOutstanding &&
                         entry.core->pending() < chosen->core->pending();
      if ((chosen_down && !down) || (chosen_down == down && fewer)) chosen = &entry;
    }
    if (chosen == nullptr) return nullptr;
    next_ = static_cast<size_t>(chosen - entries_.data()) + 1;
    return chosen->core;
  }

  void Note(const ProducerCore* core, bool success, Duration took) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const SteadyTime now = std::chrono::steady_clock::now();
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].core.get() != core) continue;
      entries_[i].down_until = success ? SteadyTime() : now + kDownTime;
      if (success) {
        hosts_->OnSuccess(i, now, took);
      } else {
        hosts_->OnFailure(i, now);
      }
    }
  }

  void Try(std::shared_ptr<Attempt> attempt, const Error& last) {
    std::shared_ptr<ProducerCore> core = Choose(*attempt);
    if (core == nullptr) {
      Complete(*attempt, last);
      return;
    }
    attempt->tried.insert(core.get());
    PublishCommand command;
    command.head = attempt->head;
    command.body = attempt->body;
    command.topic = attempt->topic;
    command.messages = attempt->messages;
    const SteadyTime begun = std::chrono::steady_clock::now();
    const ProducerCore* const key = core.get();
    core->Publish(
        command,
        [pool = shared_from_this(), attempt, key, begun](Expected<void> result) {
          const bool sound = result || result.error().code == ErrorCode::kServerError;
          pool->Note(key, sound, std::chrono::steady_clock::now() - begun);
          if (result || attempt->left-- <= 0 ||
              !MayGoElsewhere(result.error(), pool->options_.retry_unknown_outcome)) {
            pool->Complete(*attempt, std::move(result));
            return;
          }
          pool->Try(attempt, result.error());
        },
        /*inline_done=*/true);
  }

  void Complete(Attempt& attempt, Expected<void> result) {
    if (!attempt.done) return;
    if (options_.producer.callbacks_on_io_thread) {
      attempt.done(std::move(result));
      return;
    }
    runtime_->callbacks().Run(
        [done = std::move(attempt.done), result = std::move(result)] { done(result); });
  }

  const std::shared_ptr<RuntimeCore> runtime_;
  const ProducerPoolOptions options_;
  const std::vector<std::string> urls_;
  const std::shared_ptr<const TlsContext> tls_;
  const size_t loop_index_;
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::optional<HostPool> hosts_;
  size_t next_ = 0;
  std::unique_ptr<Lookup> lookup_;  // on the loop
};

}  // namespace client

ProducerPool::ProducerPool(std::shared_ptr<client::PoolCore> core) : core_(std::move(core)) {}
ProducerPool::ProducerPool(ProducerPool&& other) noexcept = default;

ProducerPool& ProducerPool::operator=(ProducerPool&& other) noexcept {
  if (this == &other) return *this;
  if (core_ != nullptr) static_cast<void>(Stop(Time::zero()));
  core_ = std::move(other.core_);
  return *this;
}

ProducerPool::~ProducerPool() {
  if (core_ != nullptr) static_cast<void>(Stop(Time::zero()));
}

Expected<ProducerPool> ProducerPool::Open(Runtime& runtime, ProducerPoolOptions options) {
  if (const Expected<void> valid = options.producer.client.Validate(); !valid) {
    return valid.error();
  }
  if (options.nsqds.empty() && options.lookupds.empty()) {
    return Error{ErrorCode::kInvalidArgument, "neither an nsqd nor an nsqlookupd address", ""};
  }
  std::vector<std::string> urls;
  for (const std::string& lookupd : options.lookupds) {
    Expected<std::string> url = client::NodesUrl(lookupd);
    if (!url) return url.error();
    urls.push_back(std::move(*url));
  }
  auto tls = client::MakeTls(options.producer.client);
  if (!tls) return tls.error();
  auto core = std::make_shared<client::PoolCore>(runtime.core(), std::move(options),
                                                 std::move(urls), std::move(*tls));
  if (!core->Begin()) return Error{ErrorCode::kStopped, "the runtime has ended", ""};
  return ProducerPool(std::move(core));
}

namespace {

Expected<void> PublishAndWait(client::PoolCore& core,
                              const Expected<client::PublishCommand>& command,
                              std::optional<Producer::Time> timeout) {
  if (client::RuntimeCore::OnIoThread()) {
    return Error{ErrorCode::kInvalidArgument, "a blocking call on an I/O thread", ""};
  }
  // Shared: the answer may come after the deadline.
  const auto waiting = std::make_shared<client::Waiting<Expected<void>>>();
  core.Publish(command, [waiting](Expected<void> result) { waiting->Give(std::move(result)); });
  const ProducerPoolOptions& options = core.options();
  const Producer::Time limit =
      timeout.value_or(options.producer.publish_timeout * (options.max_retries + 1));
  if (!waiting->AwaitUntil(std::chrono::steady_clock::now() + limit)) {
    return Error{ErrorCode::kTimedOut, "no answer in time", ""};
  }
  return waiting->Take();
}

}  // namespace

Expected<void> ProducerPool::Publish(std::string_view topic, std::string_view body,
                                     std::optional<Time> timeout) {
  return PublishAndWait(*core_, client::MakePublish(topic, body), timeout);
}

Expected<void> ProducerPool::PublishBatch(std::string_view topic,
                                          std::span<const std::string_view> bodies,
                                          std::optional<Time> timeout) {
  std::string scratch;
  return PublishAndWait(*core_, client::MakeBatch(topic, bodies, &scratch), timeout);
}

Expected<void> ProducerPool::PublishDeferred(std::string_view topic, Time delay,
                                             std::string_view body, std::optional<Time> timeout) {
  return PublishAndWait(*core_, client::MakeDeferred(topic, delay, body), timeout);
}

void ProducerPool::Publish(std::string_view topic, std::string_view body, Callback done) {
  core_->Publish(client::MakePublish(topic, body), std::move(done));
}

void ProducerPool::PublishBatch(std::string_view topic, std::span<const std::string_view> bodies,
                                Callback done) {
  std::string scratch;
  core_->Publish(client::MakeBatch(topic, bodies, &scratch), std::move(done));
}

void ProducerPool::PublishDeferred(std::string_view topic, Time delay, std::string_view body,
                                   Callback done) {
  core_->Publish(client::MakeDeferred(topic, delay, body), std::move(done));
}

Producer::Publishing ProducerPool::AwaitPublish(std::string_view topic, std::string_view body) {
  return Producer::Publishing(
      [this, topic, body](Callback done) { Publish(topic, body, std::move(done)); });
}

Producer::Publishing ProducerPool::AwaitPublishBatch(std::string_view topic,
                                                     std::span<const std::string_view> bodies) {
  return Producer::Publishing(
      [this, topic, bodies](Callback done) { PublishBatch(topic, bodies, std::move(done)); });
}

Producer::Publishing ProducerPool::AwaitPublishDeferred(std::string_view topic, Time delay,
                                                        std::string_view body) {
  return Producer::Publishing([this, topic, delay, body](Callback done) {
    PublishDeferred(topic, delay, body, std::move(done));
  });
}

Expected<void> ProducerPool::Flush(Time timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  Expected<void> result;
  for (const auto& core : core_->producers()) {
    const Expected<void> flushed = core->Flush(deadline - std::chrono::steady_clock::now());
    if (!flushed) result = flushed;
  }
  return result;
}

Expected<void> ProducerPool::Stop(Time timeout) {
  core_->EndLookup();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  Expected<void> result;
  for (const auto& core : core_->producers()) {
    const Time left = std::max<Time>(deadline - std::chrono::steady_clock::now(), Time::zero());
    const Expected<void> stopped = core->Stop(left);
    if (!stopped) result = stopped;
  }
  return result;
}

std::vector<std::string> ProducerPool::nsqds() const {
  std::vector<std::string> addresses;
  for (const auto& core : core_->producers()) addresses.push_back(core->options().nsqd);
  return addresses;
}

}  // namespace nsq
