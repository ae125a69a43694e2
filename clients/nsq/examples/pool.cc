// Publishes a line to whichever nsqd works: pool TOPIC BODY HOST:PORT...

#include <nsq/nsq.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s TOPIC BODY HOST:PORT...\n", argv[0]);
    return 2;
  }
  nsq::Runtime runtime;
  nsq::ProducerPoolOptions options;
  options.nsqds.assign(argv + 3, argv + argc);
  options.strategy = nsq::PoolStrategy::kHostPool;
  auto pool = nsq::ProducerPool::Open(runtime, std::move(options));
  if (!pool) {
    std::fprintf(stderr, "%s\n", pool.error().detail.c_str());
    return 1;
  }
  if (const auto published = pool->Publish(argv[1], argv[2]); !published) {
    std::fprintf(stderr, "%s\n", published.error().detail.c_str());
    return 1;
  }
  return 0;
}
