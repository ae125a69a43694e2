// Moves messages by coroutines: coroutines HOST:PORT FROM-TOPIC CHANNEL TO-TOPIC COUNT

#include <nsq/nsq.h>

#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>

namespace {

// The least a coroutine needs: it starts at once and nobody waits for its value.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Detached Move(nsq::Consumer& from, nsq::Producer& to, const char* topic, int count,
              std::promise<int>& moved) {
  int done = 0;
  while (done < count) {
    nsq::Expected<nsq::Message> message = co_await from.AwaitReceive();
    if (!message) break;  // stopped
    const nsq::Expected<void> published = co_await to.AwaitPublish(topic, message->body());
    if (published) {
      static_cast<void>(message->Finish());
      ++done;
    } else {
      static_cast<void>(message->Requeue());
    }
  }
  moved.set_value(done);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: %s HOST:PORT FROM-TOPIC CHANNEL TO-TOPIC COUNT\n", argv[0]);
    return 2;
  }
  nsq::Runtime runtime;
  auto producer = nsq::Producer::Open(runtime, {.nsqd = argv[1]});
  auto consumer = nsq::Consumer::Open(runtime, {.topic = argv[2],
                                                .channel = argv[3],
                                                .nsqds = {argv[1]},
                                                .lookupds = {},
                                                .client = {.max_in_flight = 10}});
  if (!producer || !consumer) {
    std::fprintf(stderr, "%s\n", (producer ? consumer.error() : producer.error()).detail.c_str());
    return 1;
  }
  if (const auto started = consumer->Start(); !started) {
    std::fprintf(stderr, "%s\n", started.error().detail.c_str());
    return 1;
  }
  std::promise<int> moved;
  Move(*consumer, *producer, argv[4], std::atoi(argv[5]), moved);
  std::printf("moved %d\n", moved.get_future().get());
  consumer->Stop(std::chrono::seconds(5));
  return 0;
}
