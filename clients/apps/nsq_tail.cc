// nsq_tail: prints the messages of topics.

#include <nsq/consumer.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "clients/apps/app.h"
#include "common/status.h"
#include "common/strings.h"

namespace nsq::apps {
namespace {

constexpr std::string_view kTool = "nsq_tail";

std::vector<Flag> Flags() {
  return {
      {"channel", "", Kind::kString, "", "", "NSQ channel"},
      OptionFlag("consumer-opt", "consumer"),
      LookupdFlag(),
      {"max-in-flight", "", Kind::kInt, "200", "", "max number of messages to allow in flight"},
      {"n", "", Kind::kInt, "0", "", "total messages to show (will wait if starved)"},
      NsqdFlag(),
      {"print-topic", "", Kind::kBool, "false", "", "print topic name where message was received"},
      {"topic", "", Kind::kStringList, "", "", "NSQ topic (may be given multiple times)"},
      VersionFlag(),
  };
}

// False with errno if not all of it could be written.
bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// "no space left on device"
std::string Reason(int error) {
  std::string text = ErrnoStatus(error, "").detail().substr(2);
  if (!text.empty()) text[0] = static_cast<char>(text[0] | 0x20);
  return text;
}

// Prints one topic's messages.
class Printer {
 public:
  Printer(std::string prefix, int64_t limit, Quit* quit)
      : prefix_(std::move(prefix)), limit_(limit), quit_(quit) {}

  Outcome Print(const Message& message, const std::stop_token& stop) {
    // One more than was asked for, or after the end: somebody else's.
    if (quit_->asked() || (limit_ > 0 && shown_ >= limit_)) return GiveBack(stop);
    line_.assign(prefix_).append(message.body()).push_back('\n');
    if (!WriteAll(STDOUT_FILENO, line_)) {
      LogText(StrCat("ERROR: failed to write to os.Stdout - write /dev/stdout: ", Reason(errno)));
      quit_->Now(1);
      return GiveBack(stop);
    }
    if (++shown_ == limit_) quit_->Now(0);
    return Outcome::Finish();
  }

 private:
  // Once the consumer takes no more. Before that it would come again at once, and again, until the
  // library finishes it for its many attempts.
  static Outcome GiveBack(const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock<std::mutex> lock(mutex);
    std::condition_variable_any().wait(lock, stop, [] { return false; });
    return Outcome::Requeue(std::chrono::seconds(0), Penalty::kNone);
  }

  const std::string prefix_;
  const int64_t limit_;  // 0: none
  Quit* const quit_;
  int64_t shown_ = 0;
  std::string line_;
};

std::string RandomChannel() {
  char name[64];
  std::snprintf(name, sizeof name, "tail%06u#ephemeral", std::random_device{}() % 999999u);
  return name;
}

int Run(const Config& config, Quit* quit) {
  if (const std::string wrong = CheckSources(config); !wrong.empty()) return Failed(wrong);
  const std::vector<std::string> topics = config.Strings("topic");
  if (topics.empty()) return Failed("--topic required");
  const int64_t limit = config.Int("n");
  int64_t max_in_flight = config.Int("max-in-flight");
  if (limit > 0 && limit < max_in_flight) max_in_flight = limit;
  const std::string given = config.String("channel");
  const std::string channel = given.empty() ? RandomChannel() : given;

  Runtime runtime;
  std::vector<std::unique_ptr<Printer>> printers;
  std::vector<Consumer> consumers;
  for (const std::string& topic : topics) {
    LogText("Adding consumer for topic: " + topic);
    auto consumer = Consumer::Open(
        runtime, ConsumerFrom(config, kTool, topic, channel, static_cast<int>(max_in_flight)));
    if (!consumer) return Failed(consumer.error().detail);
    printers.push_back(std::make_unique<Printer>(
        config.Bool("print-topic") ? topic + " | " : std::string(), limit, quit));
    consumers.push_back(std::move(*consumer));
    const auto started = consumers.back().Start(
        [printer = printers.back().get()](Message& message, const std::stop_token& stop) {
          return printer->Print(message, stop);
        });
    if (!started) return Failed(started.error().detail);
  }
  quit->Wait();
  for (Consumer& consumer : consumers) consumer.Stop(kStopTime);
  return quit->code();
}

}  // namespace
}  // namespace nsq::apps

int main(int argc, char** argv) {
  nsq::Config config("nsq_tail", nsq::apps::Flags(), nsq::apps::ToolVersion("nsq_tail"));
  if (const auto code = nsq::apps::LoadFlags(&config, argc, argv)) return *code;
  nsq::apps::Quit quit({SIGINT, SIGTERM});
  return nsq::apps::Run(config, &quit);
}
