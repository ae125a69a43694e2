#pragma once

#include <cstdint>

#include "common/status.h"

namespace nsq::nsqd {

// Who waits for a publish to be kept: a session, an HTTP request, a batch from another loop.
//
// Home: the topic's loop. It outlives every publish it has not been answered for.
class Publisher {
 public:
  virtual ~Publisher() = default;

  // The publish given with `ticket` is as safe as --durability promises, or was refused. Called
  // once for each, never from inside Topic::Publish. OKs for one topic come in the order of
  // publishing; a refusal may overtake them.
  //   kExhausted, kIo  log or journal could not be written: nothing of this publish is kept. Only
  //                    when a sync failed (--durability=fsync) it is, until the next power cut.
  //   kUnavailable     the topic is being deleted, or the daemon is leaving ("exiting")
  virtual void OnPublished(uint64_t ticket, const Status& status) = 0;
};

}  // namespace nsq::nsqd
