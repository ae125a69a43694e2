#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/event_loop.h"

namespace nsq::nsqd {

class LookupPeers;
class Shard;

// Where shards bring what nsqlookupd must know, and ask what it knows: carries it to the loop on
// which the LookupPeers live.
//
// Home: any loop posts; Start, Stop and the peers themselves belong to the desk's loop. The desk
// outlives the loops.
class LookupDesk {
 public:
  explicit LookupDesk(EventLoop& loop);
  ~LookupDesk();

  // On the desk's loop; what was posted before counts from then on.
  void Start(std::unique_ptr<LookupPeers> peers);
  void Stop();
  LookupPeers* peers() const { return peers_.get(); }

  // Any loop.
  enum class Event { kTopicCreated, kTopicDeleted, kChannelCreated, kChannelDeleted };
  void Tell(Event event, std::string_view topic, std::string_view channel);
  // Answered once, by Shard::PostChannels.
  void AskChannels(std::string_view topic, uint64_t question, Shard* asker);

 private:
  struct News;
  struct Question;

  EventLoop& loop_;
  std::unique_ptr<LookupPeers> peers_;
};

}  // namespace nsq::nsqd
