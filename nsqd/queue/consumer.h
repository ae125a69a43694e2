#pragma once

#include <cstdint>
#include <string_view>

#include "common/time.h"
#include "nsqd/queue/stats.h"
#include "nsqd/storage/sequence.h"

namespace nsq::nsqd {

// A message on its way to a consumer. `body` is valid during Consumer::Deliver.
struct Delivery {
  Sequence sequence;
  WallTime timestamp;
  uint16_t attempts = 0;  // this delivery included
  std::string_view body;
};

// What a channel knows of those it serves. That is all: a consumer may be a session of this loop,
// or one day stand for a session of another one.
//
// Home: the topic's loop. It outlives its subscription.
class Consumer {
 public:
  virtual ~Consumer() = default;

  // Takes a copy; the message is in flight to this consumer from now on. Of the channel only
  // SetWritable may be called from here.
  // but for SetWritable(false): a turn's worth of large messages is more than a socket takes.
  virtual void Deliver(const Delivery& delivery) = 0;

  // Called once at the end of a turn in which Deliver was called: send.
  virtual void Flush() = 0;

  // The channel, or its topic, was deleted: the subscription is gone, the connection must be
  // closed, without a word (spec, nsqd-tcp 5.4).
  virtual void OnChannelClosed() = 0;

  // What the consumer itself knows; the channel adds its counts.
  virtual ClientStats Describe() const = 0;
};

}  // namespace nsq::nsqd
