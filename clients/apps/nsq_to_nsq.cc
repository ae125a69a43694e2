// nsq_to_nsq: republishes the messages of topics.

#include <nsq/consumer.h>
#include <nsq/producer.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "clients/apps/app.h"
#include "clients/apps/destinations.h"
#include "clients/apps/json_filter.h"
#include "common/strings.h"
#include "common/wire/names.h"

namespace nsq::apps {
namespace {

constexpr std::string_view kTool = "nsq_to_nsq";

std::vector<Flag> Flags() {
  return {
      {"channel", "", Kind::kString, "nsq_to_nsq", "", "nsq channel"},
      OptionFlag("consumer-opt", "consumer"),
      {"destination-nsqd-tcp-address", "", Kind::kStringList, "", "",
       "destination nsqd TCP address (may be given multiple times)"},
      {"destination-topic", "", Kind::kString, "", "",
       "use this destination topic for all consumed topics (default is consumed topic's name)"},
      LookupdFlag(),
      {"max-in-flight", "", Kind::kInt, "200", "", "max number of messages to allow in flight"},
      {"mode", "", Kind::kString, "hostpool", "",
       "the upstream request mode options: round-robin, hostpool, epsilon-greedy"},
      NsqdFlag(),
      OptionFlag("producer-opt", "producer"),
      {"require-json-field", "", Kind::kString, "", "",
       "for JSON messages: only pass messages that contain this field"},
      {"require-json-value", "", Kind::kString, "", "",
       "for JSON messages: only pass messages in which the required field has this value"},
      {"status-every", "", Kind::kInt, "250", "",
       "the # of requests between logging status (per destination), 0 disables"},
      {"topic", "", Kind::kStringList, "", "", "nsq topic (may be given multiple times)"},
      VersionFlag(),
      {"whitelist-json-field", "", Kind::kStringList, "", "",
       "for JSON messages: pass this field (may be given multiple times)"},
  };
}

// Passes messages on. Used on I/O threads, where nothing may block.
class Republisher : public std::enable_shared_from_this<Republisher> {
 public:
  Republisher(std::vector<Producer> producers, Mode mode, size_t status_every, JsonFilter filter)
      : producers_(std::move(producers)),
        destinations_(AddressesOf(producers_), mode, status_every),
        filter_(std::move(filter)) {}

  Outcome Pass(Message& message, const std::string& topic) {
    std::optional<std::string> changed;
    switch (filter_.Judge(message.body(), &changed)) {
      case JsonFilter::Verdict::kDrop:
        return Outcome::Finish();
      case JsonFilter::Verdict::kBad:
        LogText(StrCat("ERROR: Unable to decode json: ", message.body()));
        return Outcome::Finish();
      case JsonFilter::Verdict::kFail:
        LogText("ERROR: missing field to check required value");
        return Outcome::Requeue();
      case JsonFilter::Verdict::kPass:
        break;
    }
    const size_t chosen = destinations_.Choose();
    const auto taken = std::make_shared<Message>(std::move(message));
    const auto begun = std::chrono::steady_clock::now();
    const std::string_view body = changed ? std::string_view(*changed) : taken->body();
    producers_[chosen].Publish(
        topic, body,
        [self = shared_from_this(), taken, chosen, begun](const Expected<void>& result) {
          self->OnPublished(*taken, chosen, std::chrono::steady_clock::now() - begun, result);
        });
    return Outcome::Taken();
  }

  uint64_t passed() const { return passed_; }

 private:
  void OnPublished(Message& message, size_t chosen, Duration took, const Expected<void>& result) {
    destinations_.Report(chosen, result.has_value(), took);
    destinations_.Time(chosen, took);
    if (result) {
      ++passed_;
      static_cast<void>(message.Finish());
      return;
    }
    LogText(StrCat("ERROR: msg ", message.id(), " not published to ", destinations_.address(chosen),
                   ": ", result.error().detail));
    static_cast<void>(message.Requeue());
  }

  static std::vector<std::string> AddressesOf(const std::vector<Producer>& producers) {
    std::vector<std::string> addresses;
    for (const Producer& producer : producers) addresses.push_back(producer.nsqd());
    return addresses;
  }

  std::vector<Producer> producers_;
  Destinations destinations_;
  const JsonFilter filter_;
  std::atomic<uint64_t> passed_{0};
};

// "" or what is wrong.
std::string Check(const Config& config) {
  const std::vector<std::string> topics = config.Strings("topic");
  const std::string channel = config.String("channel");
  if (topics.empty() || channel.empty()) return "--topic and --channel are required";
  for (const std::string& topic : topics) {
    if (!IsValidTopicName(topic)) return "--topic is invalid";
  }
  const std::string destination = config.String("destination-topic");
  if (!destination.empty() && !IsValidTopicName(destination)) {
    return "--destination-topic is invalid";
  }
  if (!IsValidChannelName(channel)) return "--channel is invalid";
  if (std::string wrong = CheckSources(config); !wrong.empty()) return wrong;
  if (config.Strings("destination-nsqd-tcp-address").empty()) {
    return "--destination-nsqd-tcp-address required";
  }
  const auto mode = ParseMode(config.String("mode"));
  if (!mode || *mode == Mode::kAll) {
    return StrCat("--mode ", GoQuoted(config.String("mode")), " is not known");
  }
  return "";
}

int Run(const Config& config, Quit* quit) {
  if (const std::string wrong = Check(config); !wrong.empty()) return Failed(wrong);
  const auto max_in_flight = static_cast<int>(config.Int("max-in-flight"));
  RuntimeOptions runtime_options;
  runtime_options.io_threads = 2;  // one may receive while another sends
  Runtime runtime(runtime_options);

  std::vector<Producer> producers;
  const std::vector<std::string> topics = config.Strings("topic");
  for (const std::string& address : config.Strings("destination-nsqd-tcp-address")) {
    ProducerOptions options;
    options.nsqd = address;
    options.client = OptionsFrom(config, "producer-opt", kTool);
    options.callbacks_on_io_thread = true;
    // All that can be in flight may wait for one destination.
    options.max_pending =
        static_cast<size_t>(std::max(max_in_flight, 1)) * topics.size() + options.max_pending;
    auto producer = Producer::Open(runtime, std::move(options));
    if (!producer) return Failed(producer.error().detail);
    producers.push_back(std::move(*producer));
  }
  const auto republisher = std::make_shared<Republisher>(
      std::move(producers), *ParseMode(config.String("mode")),
      static_cast<size_t>(std::max<int64_t>(config.Int("status-every"), 0)),
      JsonFilter(config.String("require-json-field"), config.String("require-json-value"),
                 config.Strings("whitelist-json-field")));

  std::vector<Consumer> consumers;
  for (const std::string& topic : topics) {
    ConsumerOptions options =
        ConsumerFrom(config, kTool, topic, config.String("channel"), max_in_flight);
    options.concurrency = 0;  // a publish does not wait
    auto consumer = Consumer::Open(runtime, std::move(options));
    if (!consumer) return Failed(consumer.error().detail);
    consumers.push_back(std::move(*consumer));
    const std::string given = config.String("destination-topic");
    const auto started = consumers.back().Start(
        [republisher, to = given.empty() ? topic : given](
            Message& message, const std::stop_token&) { return republisher->Pass(message, to); });
    if (!started) return Failed(started.error().detail);
  }

  // How far it is, for people who look on.
  std::jthread progress;
  if (::isatty(STDERR_FILENO) != 0) {
    progress = std::jthread([republisher](const std::stop_token& stop) {
      uint64_t shown = 0;
      while (!stop.stop_requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        const uint64_t passed = republisher->passed();
        if (passed != shown)
          std::fprintf(stderr, "\r%llu messages", static_cast<unsigned long long>(passed));
        shown = passed;
      }
      if (shown > 0) std::fputc('\n', stderr);
    });
  }
  quit->Wait();
  progress = std::jthread();  // what the library says now gets lines of its own
  for (Consumer& consumer : consumers) consumer.Stop(kStopTime);
  return quit->code();
}

}  // namespace
}  // namespace nsq::apps

int main(int argc, char** argv) {
  nsq::Config config("nsq_to_nsq", nsq::apps::Flags(), nsq::apps::ToolVersion("nsq_to_nsq"));
  if (const auto code = nsq::apps::LoadFlags(&config, argc, argv)) return *code;
  nsq::apps::Quit quit({SIGINT, SIGTERM});
  return nsq::apps::Run(config, &quit);
}
