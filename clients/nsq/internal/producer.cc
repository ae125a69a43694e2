#include <nsq/producer.h>

#include <utility>

#include "clients/nsq/internal/producer_core.h"
#include "clients/nsq/internal/tls.h"
#include "common/strings.h"

namespace nsq {

using client::MakeBatch;
using client::MakeDeferred;
using client::MakePublish;
using client::PublishCommand;

Producer::Producer(std::shared_ptr<client::ProducerCore> core) : core_(std::move(core)) {}
Producer::Producer(Producer&& other) noexcept = default;

Producer& Producer::operator=(Producer&& other) noexcept {
  if (this == &other) return *this;
  if (core_ != nullptr) static_cast<void>(core_->Stop(Time::zero()));
  core_ = std::move(other.core_);
  return *this;
}

Producer::~Producer() {
  if (core_ != nullptr) static_cast<void>(core_->Stop(Time::zero()));
}

Expected<Producer> Producer::Open(Runtime& runtime, ProducerOptions options) {
  if (options.nsqd.empty()) return Error{ErrorCode::kInvalidArgument, "no nsqd address", ""};
  if (const Expected<void> valid = options.client.Validate(); !valid) return valid.error();
  auto tls = client::MakeTls(options.client);
  if (!tls) return tls.error();
  auto core =
      std::make_shared<client::ProducerCore>(runtime.core(), std::move(options), std::move(*tls));
  if (!core->Register()) return Error{ErrorCode::kStopped, "the runtime has ended", ""};
  return Producer(std::move(core));
}

Expected<void> Producer::Publish(std::string_view topic, std::string_view body,
                                 std::optional<Time> timeout) {
  const Expected<PublishCommand> command = MakePublish(topic, body);
  if (!command) return command.error();
  return core_->PublishAndWait(*command, timeout.value_or(core_->options().publish_timeout));
}

Expected<void> Producer::PublishBatch(std::string_view topic,
                                      std::span<const std::string_view> bodies,
                                      std::optional<Time> timeout) {
  std::string scratch;
  const Expected<PublishCommand> command = MakeBatch(topic, bodies, &scratch);
  if (!command) return command.error();
  return core_->PublishAndWait(*command, timeout.value_or(core_->options().publish_timeout));
}

Expected<void> Producer::PublishDeferred(std::string_view topic, Time delay, std::string_view body,
                                         std::optional<Time> timeout) {
  const Expected<PublishCommand> command = MakeDeferred(topic, delay, body);
  if (!command) return command.error();
  return core_->PublishAndWait(*command, timeout.value_or(core_->options().publish_timeout));
}

namespace {

void PublishOrRefuse(client::ProducerCore& core, const Expected<PublishCommand>& command,
                     Producer::Callback done) {
  if (command) {
    core.Publish(*command, std::move(done));
  } else if (done) {
    done(command.error());
  }
}

}  // namespace

void Producer::Publish(std::string_view topic, std::string_view body, Callback done) {
  PublishOrRefuse(*core_, MakePublish(topic, body), std::move(done));
}

void Producer::PublishBatch(std::string_view topic, std::span<const std::string_view> bodies,
                            Callback done) {
  std::string scratch;
  PublishOrRefuse(*core_, MakeBatch(topic, bodies, &scratch), std::move(done));
}

void Producer::PublishDeferred(std::string_view topic, Time delay, std::string_view body,
                               Callback done) {
  PublishOrRefuse(*core_, MakeDeferred(topic, delay, body), std::move(done));
}

Producer::Publishing Producer::AwaitPublish(std::string_view topic, std::string_view body) {
  return Publishing([this, topic, body](Callback done) { Publish(topic, body, std::move(done)); });
}

Producer::Publishing Producer::AwaitPublishBatch(std::string_view topic,
                                                 std::span<const std::string_view> bodies) {
  return Publishing(
      [this, topic, bodies](Callback done) { PublishBatch(topic, bodies, std::move(done)); });
}

Producer::Publishing Producer::AwaitPublishDeferred(std::string_view topic, Time delay,
                                                    std::string_view body) {
  return Publishing([this, topic, delay, body](Callback done) {
    PublishDeferred(topic, delay, body, std::move(done));
  });
}

void Producer::Publishing::await_suspend(std::coroutine_handle<> waiting) {
  // By a copy of its own: what is refused goes on at once, and this may be gone when it is done.
  const auto begin = std::move(begin_);
  begin([this, waiting](Expected<void> result) {
    outcome_ = std::move(result);
    waiting.resume();
  });
}

Expected<void> Producer::Connect(std::optional<Time> timeout) {
  return core_->Connect(timeout.value_or(core_->options().publish_timeout));
}
Expected<void> Producer::Flush(Time timeout) { return core_->Flush(timeout); }
Expected<void> Producer::Stop(Time timeout) { return core_->Stop(timeout); }
ProducerStatus Producer::status() const { return core_->status(); }
const std::string& Producer::nsqd() const { return core_->options().nsqd; }

}  // namespace nsq
