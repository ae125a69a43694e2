#pragma once

#include <cstdint>
#include <string>

#include "common/event/unique_fd.h"
#include "tests/bench/delivery_check.h"
#include "tests/bench/histogram.h"
#include "tests/bench/layers.h"
#include "tests/bench/poller.h"
#include "tests/bench/read_buffer.h"
#include "tests/bench/workload.h"

namespace nsq::bench {

// A connection that finishes whatever it gets: one read, then one write with a FIN for each
// message of it.
//
// Home: the thread that made it.
class Consumer : public Poller::Handler {
 public:
  // `poller`, `check` and `latencies` (from the intended send time to the arrival) outlive the
  // consumer. `channel` is the number that `check` knows.
  Consumer(UniqueFd fd, int channel, Poller* poller, DeliveryCheck* check, Histogram* latencies);

  // SUB; nothing is delivered until Ready.
  Status Subscribe(const std::string& topic, const std::string& channel_name,
                   const Workload& workload);
  Status Ready(int64_t rdy);

  int fd() const override { return fd_.get(); }
  Status OnReadable() override;
  Status OnWritable() override { return Flush(); }

 private:
  Status TakeMessage(std::string_view payload, int64_t now_ns);
  Status Flush();
  Status FlushLayered();
  Status SetBlocked(bool blocked);

  const UniqueFd fd_;
  const int channel_;
  Poller* const poller_;
  DeliveryCheck* const check_;
  Histogram* const latencies_;
  ReadBuffer buffer_;
  bool layered_ = false;
  Layers layers_;
  std::string out_;  // commands not sent yet; keeps its capacity
  size_t out_sent_ = 0;
  bool blocked_ = false;
};

}  // namespace nsq::bench
