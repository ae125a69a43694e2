// to_nsq: publishes what comes on stdin, piece by piece.

#include <fcntl.h>
#include <nsq/producer.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <semaphore>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "clients/apps/app.h"
#include "clients/apps/pieces.h"
#include "common/strings.h"
#include "common/wire/names.h"

namespace nsq::apps {
namespace {

constexpr std::string_view kTool = "to_nsq";
constexpr size_t kReadBytes = size_t{64} << 10;
constexpr int64_t kMostAsync = 1'000'000;

std::vector<Flag> Flags() {
  return {
      {"async", "", Kind::kInt, "0", "",
       "how many publishes may wait for their answer at the same time (0: one after the other)"},
      {"batch", "", Kind::kInt, "0", "",
       "how many messages to publish in one command at most (0: each in its own)"},
      {"delimiter", "", Kind::kString, "\n", "", "character to split input from stdin"},
      NsqdFlag(),
      OptionFlag("producer-opt", "producer"),
      {"rate", "", Kind::kInt, "0", "", "Throttle messages to n/second. 0 to disable"},
      {"topic", "", Kind::kString, "", "", "NSQ topic to publish to"},
      VersionFlag(),
  };
}

// Publishes to every address; remembers the first failure.
class Publisher {
 public:
  Publisher(std::string topic, std::vector<Producer> producers, int64_t async)
      : topic_(std::move(topic)),
        producers_(std::move(producers)),
        async_(async),
        room_(static_cast<std::ptrdiff_t>(std::max<int64_t>(async, 1))) {}

  // False once a publish has failed: failure() says why.
  bool Publish(const std::vector<std::string>& batch) {
    const std::vector<std::string_view> bodies(batch.begin(), batch.end());
    for (Producer& producer : producers_) {
      if (async_ > 0) {
        room_.acquire();
        const auto done = [this](const Expected<void>& result) {
          Note(result);
          room_.release();
        };
        if (bodies.size() == 1) {
          producer.Publish(topic_, bodies[0], done);
        } else {
          producer.PublishBatch(topic_, bodies, done);
        }
      } else {
        Note(bodies.size() == 1 ? producer.Publish(topic_, bodies[0])
                                : producer.PublishBatch(topic_, bodies));
      }
      if (!failure().empty()) return false;
    }
    published_ += batch.size();
    return true;
  }

  // Waits for what is under way.
  void Finish() {
    for (Producer& producer : producers_) {
      const Expected<void> stopped = producer.Stop(kStopTime);
      if (!stopped) Note(stopped);
    }
  }

  std::string failure() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return failure_;
  }
  size_t published() const { return published_; }

 private:
  void Note(const Expected<void>& result) {
    if (result) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (failure_.empty()) failure_ = result.error().detail;
  }

  const std::string topic_;
  std::vector<Producer> producers_;
  const int64_t async_;
  std::counting_semaphore<kMostAsync> room_;
  size_t published_ = 0;
  mutable std::mutex mutex_;
  std::string failure_;
};

// How far a file on stdin has been read, on a terminal, once a second.
class Progress {
 public:
  Progress() {
    struct stat file {};
    if (::isatty(STDERR_FILENO) == 0 || ::fstat(STDIN_FILENO, &file) != 0) return;
    shown_ = ::isatty(STDIN_FILENO) == 0;
    if (S_ISREG(file.st_mode)) total_ = static_cast<double>(file.st_size);
  }
  void Show(size_t messages, size_t bytes) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now < next_) return;
    next_ = now + std::chrono::seconds(1);
    wrote_ = true;
    Write(messages, bytes);
  }
  // The last word, if there was one.
  void End(size_t messages, size_t bytes) {
    if (!wrote_) return;
    Write(messages, bytes);
    std::fputc('\n', stderr);
  }

 private:
  void Write(size_t messages, size_t bytes) const {
    if (total_ > 0) {
      std::fprintf(stderr, "\r%zu messages, %.0f %%", messages,
                   100 * static_cast<double>(bytes) / total_);
    } else {
      std::fprintf(stderr, "\r%zu messages", messages);
    }
  }

  bool shown_ = false;
  bool wrote_ = false;
  double total_ = 0;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
};

// Waits until one more message may go; false if the program shall end meanwhile.
class Throttle {
 public:
  Throttle(int64_t rate, const Quit& quit) : rate_(static_cast<double>(rate)), quit_(quit) {}

  bool Pass() {
    if (rate_ < 1) return true;
    const auto now = std::chrono::steady_clock::now();
    balance_ += std::chrono::duration<double>(now - last_).count() * rate_;
    balance_ = std::min(balance_, rate_);
    last_ = now;
    balance_ -= 1;
    if (balance_ >= 0) return true;
    pollfd waiting = {quit_.fd(), POLLIN, 0};
    const double ms = -balance_ / rate_ * 1000;
    const timespec pause = {.tv_sec = static_cast<time_t>(ms / 1000),
                            .tv_nsec = static_cast<long>(ms * 1e6) % 1'000'000'000};
    return ::ppoll(&waiting, 1, &pause, nullptr) == 0;
  }

 private:
  const double rate_;
  const Quit& quit_;
  double balance_ = 1;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// "" or why it failed, which is then said last: the library has stopped talking.
std::string Run(const Config& config, const Quit& quit) {
  const std::string topic = config.String("topic");
  if (topic.empty()) return "--topic required";
  if (!IsValidTopicName(topic)) return StrCat("invalid topic name ", GoQuoted(topic));
  const std::string delimiter = config.String("delimiter");
  if (delimiter.size() != 1) return "--delimiter must be a single byte";
  const std::vector<std::string> given = config.Strings("nsqd-tcp-address");
  if (given.empty()) return "--nsqd-tcp-address required";
  const int64_t async = std::clamp<int64_t>(config.Int("async"), 0, kMostAsync);
  const int64_t rate = config.Int("rate");
  const auto batch_size = static_cast<size_t>(std::max<int64_t>(config.Int("batch"), 1));

  Runtime runtime;
  std::vector<Producer> producers;
  for (const std::string& address : std::set<std::string>(given.begin(), given.end())) {
    ProducerOptions options;
    options.nsqd = address;
    options.client = OptionsFrom(config, "producer-opt", kTool);
    options.max_pending = static_cast<size_t>(async) + 16;
    auto producer = Producer::Open(runtime, std::move(options));
    if (!producer) return "failed to create nsq.Producer - " + producer.error().detail;
    producers.push_back(std::move(*producer));
  }
  if (rate >= 1) LogText(StrCat("Throttling messages rate to max:", rate, "/second"));

  Publisher publisher(topic, std::move(producers), async);
  Throttle throttle(rate, quit);
  Progress progress;
  Pieces pieces(delimiter[0]);
  std::vector<std::string> batch;
  size_t bytes = 0;
  bool more = true;
  bool sound = true;
  const auto take = [&](std::string_view piece) {
    if (!sound || !more) return;
    if (!throttle.Pass()) {
      more = false;
      return;
    }
    if (piece.empty()) return;
    batch.emplace_back(piece);
    if (batch.size() < batch_size) return;
    sound = publisher.Publish(batch);
    batch.clear();
    progress.Show(publisher.published(), bytes);
  };
  std::vector<char> buffer(kReadBytes);
  while (more && sound) {
    pollfd waiting[2] = {{STDIN_FILENO, POLLIN, 0}, {quit.fd(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) break;
    if (waiting[1].revents != 0) break;
    if (waiting[0].revents == 0) continue;
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return StrCat("read /dev/stdin: ", std::strerror(errno));
    bytes += static_cast<size_t>(n);
    if (n == 0) {
      pieces.End(take);
      break;
    }
    pieces.Add(std::string_view(buffer.data(), static_cast<size_t>(n)), take);
    // What lies in a batch must not wait for the next line, which may not come for long.
    if (sound && !batch.empty() && static_cast<size_t>(n) < buffer.size()) {
      sound = publisher.Publish(batch);
      batch.clear();
    }
  }
  if (sound && !batch.empty()) static_cast<void>(publisher.Publish(batch));
  publisher.Finish();
  progress.End(publisher.published(), bytes);
  return publisher.failure();
}

}  // namespace
}  // namespace nsq::apps

int main(int argc, char** argv) {
  nsq::Config config("to_nsq", nsq::apps::Flags(), nsq::apps::ToolVersion("to_nsq"));
  if (const auto code = nsq::apps::LoadFlags(&config, argc, argv)) return *code;
  nsq::apps::Quit quit({SIGINT, SIGTERM});
  const std::string failure = nsq::apps::Run(config, quit);
  return failure.empty() ? 0 : nsq::apps::Failed(failure);
}
