#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/event/unique_fd.h"
#include "common/status.h"
#include "tests/bench/command_ring.h"
#include "tests/bench/histogram.h"
#include "tests/bench/layers.h"
#include "tests/bench/message_source.h"
#include "tests/bench/poller.h"
#include "tests/bench/read_buffer.h"

namespace nsq::bench {

enum class PublishProtocol { kTcp, kHttp };

// The ring of a connection that publishes to `topics` in turn, beginning with number
// `first_topic`. Topic names are of one length.
CommandRing MakeCommandRing(const Workload& workload, PublishProtocol protocol,
                            const std::vector<std::string>& topics, size_t first_topic);

// A connection that publishes what the source gives, PUB or MPUB over TCP, POST /pub over HTTP,
// and measures each command from its intended time to its answer.
//
// Home: the thread that made it.
class Publisher : public Poller::Handler {
 public:
  // `poller`, `source` and `latencies` outlive the publisher.
  Publisher(UniqueFd fd, PublishProtocol protocol, CommandRing ring, Poller* poller,
            MessageSource* source, Histogram* latencies);

  // Says hello over TCP, then becomes non-blocking and part of the poller.
  Status Start(const LayerChoice& layers);
  // Sends what is due and has room in the ring; call it when the schedule says so.
  Status SendDue(int64_t now_ns);
  // At most one command, to spread an open loop's commands over the connections; false if
  // nothing was due or there was no room.
  bool PushDue(int64_t now_ns);
  Status Flush();

  uint64_t answered() const { return answered_; }  // messages
  uint64_t in_flight() const { return ring_.in_flight(); }
  bool full() const { return ring_.full(); }

  int fd() const override { return fd_.get(); }
  Status OnReadable() override;
  Status OnWritable() override { return Flush(); }

 private:
  Status FlushLayered();
  Status SetBlocked(bool blocked);
  // Takes one answer from the buffer; false if there is none.
  Result<bool> TakeAnswer();

  const UniqueFd fd_;
  const PublishProtocol protocol_;
  CommandRing ring_;
  Poller* const poller_;
  MessageSource* const source_;
  Histogram* const latencies_;
  ReadBuffer buffer_;
  bool layered_ = false;
  Layers layers_;
  bool blocked_ = false;  // the socket took no more; OnWritable goes on
  uint64_t answered_ = 0;
};

}  // namespace nsq::bench
