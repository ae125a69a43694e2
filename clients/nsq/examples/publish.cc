// Publishes each argument behind the first two: publish HOST:PORT TOPIC BODY...

#include <nsq/nsq.h>

#include <cstdio>
#include <string_view>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s HOST:PORT TOPIC BODY...\n", argv[0]);
    return 2;
  }
  nsq::Runtime runtime;
  auto producer = nsq::Producer::Open(runtime, {.nsqd = argv[1]});
  if (!producer) {
    std::fprintf(stderr, "%s\n", producer.error().detail.c_str());
    return 1;
  }
  // One at a time, each with its answer; Publish with a callback would not wait, PublishBatch sends
  // them as one command.
  for (int i = 3; i < argc; ++i) {
    const auto published = producer->Publish(argv[2], argv[i], std::chrono::seconds(2));
    if (!published) {
      // kNotSent may be tried again; kOutcomeUnknown and kTimedOut may have arrived.
      std::fprintf(stderr, "%s: %s\n", std::string(nsq::ToString(published.error().code)).c_str(),
                   published.error().detail.c_str());
      return 1;
    }
  }
  return 0;
}
