// Prints a channel's messages until SIGINT: consume HOST:PORT TOPIC CHANNEL [lookupd]
// With "lookupd" the address is a nsqlookupd's HTTP port.

#include <nsq/nsq.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s HOST:PORT TOPIC CHANNEL [lookupd]\n", argv[0]);
    return 2;
  }
  // Before the library makes its threads, so that sigwait below is who gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  nsq::Runtime runtime;
  nsq::ConsumerOptions options;
  options.topic = argv[2];
  options.channel = argv[3];
  (argc > 4 ? options.lookupds : options.nsqds) = {argv[1]};
  options.concurrency = 4;
  options.client.max_in_flight = 200;
  options.client.backoff_strategy = nsq::BackoffStrategy::kFullJitter;
  auto consumer = nsq::Consumer::Open(runtime, std::move(options));
  if (!consumer) {
    std::fprintf(stderr, "%s\n", consumer.error().detail.c_str());
    return 1;
  }
  const auto started = consumer->Start([](nsq::Message& message, const std::stop_token&) {
    const std::string_view body = message.body();
    if (body == "later") {
      return nsq::Outcome::Requeue(std::chrono::seconds(5), nsq::Penalty::kNone);
    }
    std::printf("%.*s\n", static_cast<int>(body.size()), body.data());
    std::fflush(stdout);
    return nsq::Outcome::Finish();
  });
  if (!started) {
    std::fprintf(stderr, "%s\n", started.error().detail.c_str());
    return 1;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  const nsq::StopReport report = consumer->Stop(std::chrono::seconds(30));
  return report.drained ? 0 : 1;
}
