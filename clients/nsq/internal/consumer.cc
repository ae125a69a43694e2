#include <nsq/consumer.h>

#include <algorithm>
#include <utility>

#include "clients/nsq/internal/consumer_core.h"
#include "clients/nsq/internal/lookup.h"
#include "clients/nsq/internal/tls.h"
#include "common/strings.h"
#include "common/wire/names.h"

namespace nsq {

namespace {
constexpr Consumer::Time kStopTime = std::chrono::seconds(30);
}

Consumer::Consumer(std::shared_ptr<client::ConsumerCore> core) : core_(std::move(core)) {}
Consumer::Consumer(Consumer&& other) noexcept = default;

Consumer& Consumer::operator=(Consumer&& other) noexcept {
  if (this == &other) return *this;
  if (core_ != nullptr) core_->Stop(kStopTime);
  core_ = std::move(other.core_);
  return *this;
}

Consumer::~Consumer() {
  if (core_ != nullptr) core_->Stop(kStopTime);
}

Expected<Consumer> Consumer::Open(Runtime& runtime, ConsumerOptions options) {
  if (const Expected<void> valid = options.client.Validate(); !valid) return valid.error();
  if (!IsValidTopicName(options.topic)) {
    return Error{ErrorCode::kInvalidTopic, "invalid topic name", ""};
  }
  if (!IsValidChannelName(options.channel)) {
    return Error{ErrorCode::kInvalidChannel, "invalid channel name", ""};
  }
  if (options.nsqds.empty() && options.lookupds.empty()) {
    return Error{ErrorCode::kInvalidArgument, "neither an nsqd nor an nsqlookupd address", ""};
  }
  std::vector<std::string> urls;
  for (const std::string& lookupd : options.lookupds) {
    Expected<std::string> url = client::LookupUrl(lookupd, options.topic);
    if (!url) return url.error();
    if (std::find(urls.begin(), urls.end(), *url) == urls.end()) urls.push_back(std::move(*url));
  }
  auto tls = client::MakeTls(options.client);
  if (!tls) return tls.error();
  auto core = std::make_shared<client::ConsumerCore>(runtime.core(), std::move(options),
                                                     std::move(urls), std::move(*tls));
  if (!core->Register()) return Error{ErrorCode::kStopped, "the runtime has ended", ""};
  return Consumer(std::move(core));
}

Expected<void> Consumer::Start(Handler handler) { return core_->Start(std::move(handler)); }
Expected<void> Consumer::Start() { return core_->Start(nullptr); }
Expected<Message> Consumer::Receive(Time timeout) { return core_->Receive(timeout); }

Expected<std::vector<Message>> Consumer::ReceiveBatch(size_t max, Time linger, Time timeout) {
  return core_->ReceiveBatch(max, linger, timeout);
}

Consumer::Receiving Consumer::AwaitReceive() { return Receiving(this); }

void Consumer::Receiving::await_suspend(std::coroutine_handle<> waiting) {
  consumer_->core_->ReceiveLater([this, waiting](Expected<Message> message) {
    received_.emplace(std::move(message));
    waiting.resume();
  });
}

bool Consumer::IsStarved() const { return core_->IsStarved(); }
void Consumer::SetMaxInFlight(int count) { core_->SetMaxInFlight(count); }
void Consumer::Pause() { core_->Pause(true); }
void Consumer::Resume() { core_->Pause(false); }
StopReport Consumer::Stop(Time timeout) { return core_->Stop(timeout); }
ConsumerStatus Consumer::status() const { return core_->status(); }

}  // namespace nsq
