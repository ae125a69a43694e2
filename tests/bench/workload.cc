#include "tests/bench/workload.h"

#include "common/check.h"

namespace nsq::bench {

Workload DefaultWorkload(Mode mode) {
  Workload workload;
  workload.mode = mode;
  workload.messages = 1'000'000;
  switch (mode) {
    case Mode::kPub:
      workload.pipeline = 100;
      break;
    case Mode::kMpub:
      workload.batch = 200;
      break;
    case Mode::kSub:
      workload.channels = 1;
      workload.consumers = 2;
      break;
    case Mode::kPubSub:
      workload.connections = 2;
      workload.batch = 200;
      workload.channels = 1;
      workload.consumers = 2;
      break;
    case Mode::kLatency:
      workload.messages = 0;
      workload.seconds = 5;
      workload.rate = 50'000;
      workload.pipeline = 16'384;  // room for a server that stops for a third of a second
      workload.channels = 1;
      workload.consumers = 2;
      break;
    case Mode::kHttp:
      workload.messages = 200'000;
      workload.connections = 16;
      break;
  }
  return workload;
}

std::string_view ToString(Mode mode) {
  switch (mode) {
    case Mode::kPub:
      return "pub";
    case Mode::kMpub:
      return "mpub";
    case Mode::kSub:
      return "sub";
    case Mode::kPubSub:
      return "pubsub";
    case Mode::kLatency:
      return "latency";
    case Mode::kHttp:
      return "http";
  }
  NSQ_CHECK(false);
}

}  // namespace nsq::bench
