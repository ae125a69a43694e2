// What the client library costs: publishes and consumes as quickly as one nsqd lets it, and says
// how many messages a second, and how many microseconds of this process's CPU each took.
//
//   nsq_client_bench ADDRESS pub|async|mpub|consume TOPIC COUNT [CONNECTIONS]

#include <nsq/nsq.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr size_t kBodyBytes = 200;
constexpr size_t kBatch = 200;
constexpr size_t kPending = 1000;

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void Die(const nsq::Error& error) {
  std::fprintf(stderr, "%s\n", error.detail.c_str());
  std::exit(1);
}

// Counts down from `count`; Wait returns at 0.
class Countdown {
 public:
  explicit Countdown(size_t count) : left_(count) {}
  void Done(size_t n = 1) {
    if (left_.fetch_sub(n) != n) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return finished_; });
  }

 private:
  std::atomic<size_t> left_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
};

void Publish(nsq::Runtime& runtime, const std::string& address, std::string_view how,
             const std::string& topic, size_t count) {
  nsq::ProducerOptions options;
  options.nsqd = address;
  options.max_pending = kPending;
  options.callbacks_on_io_thread = true;
  auto producer = nsq::Producer::Open(runtime, std::move(options));
  if (!producer) Die(producer.error());
  const std::string body(kBodyBytes, 'x');
  if (how == "pub") {
    for (size_t i = 0; i < count; ++i) {
      if (const auto done = producer->Publish(topic, body); !done) Die(done.error());
    }
  } else if (how == "mpub") {
    const std::vector<std::string_view> batch(kBatch, body);
    for (size_t i = 0; i < count; i += kBatch) {
      if (const auto done = producer->PublishBatch(topic, batch); !done) Die(done.error());
    }
  } else {
    // As many under way as may be: each answer sends the next.
    Countdown left(count);
    std::atomic<size_t> started{0};
    std::function<void(const nsq::Expected<void>&)> next = [&](const nsq::Expected<void>& result) {
      if (!result) Die(result.error());
      if (started.fetch_add(1) < count) producer->Publish(topic, body, next);
      left.Done();
    };
    for (size_t i = 0; i < kPending / 2 && started.fetch_add(1) < count; ++i) {
      producer->Publish(topic, body, next);
    }
    left.Wait();
  }
  static_cast<void>(producer->Stop(std::chrono::seconds(5)));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: %s ADDRESS pub|async|mpub|consume TOPIC COUNT [CONNECTIONS]\n",
                 argv[0]);
    return 2;
  }
  const std::string address = argv[1];
  const std::string how = argv[2];
  const std::string topic = argv[3];
  const size_t count = std::strtoul(argv[4], nullptr, 10);
  const size_t connections = argc > 5 ? std::strtoul(argv[5], nullptr, 10) : 1;
  nsq::RuntimeOptions quiet;
  quiet.log_level = nsq::Severity::kError;
  nsq::Runtime runtime(quiet);
  const auto begun = std::chrono::steady_clock::now();
  const double cpu = CpuSeconds();
  if (how == "consume") {
    Countdown left(count);
    std::vector<nsq::Consumer> consumers;
    for (size_t i = 0; i < connections; ++i) {
      nsq::ConsumerOptions options;
      options.topic = topic;
      options.channel = "bench";
      options.nsqds = {address};
      options.client.max_in_flight = 200;
      auto consumer = nsq::Consumer::Open(runtime, std::move(options));
      if (!consumer) Die(consumer.error());
      consumers.push_back(std::move(*consumer));
      const auto started = consumers.back().Start([&left](nsq::Message&, const std::stop_token&) {
        left.Done();
        return nsq::Outcome::Finish();
      });
      if (!started) Die(started.error());
    }
    left.Wait();
  } else {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < connections; ++i) {
      threads.emplace_back([&] { Publish(runtime, address, how, topic, count / connections); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::printf("%-8s %zu connections: %8.0f messages/s, %6.3f us CPU each\n", how.c_str(),
              connections, static_cast<double>(count) / seconds,
              (CpuSeconds() - cpu) * 1e6 / static_cast<double>(count));
  return 0;
}
