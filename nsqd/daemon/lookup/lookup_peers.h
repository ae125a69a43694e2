#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/event/home.h"
#include "common/event/timer.h"
#include "common/status.h"
#include "nsqd/daemon/lookup/lookup_config.h"

namespace nsq {
class EventLoop;
class HelperPool;
}  // namespace nsq

namespace nsq::http {
class Client;
}

namespace nsq::nsqd {

class LookupPeer;

// Keeps every configured nsqlookupd told which topics and channels this nsqd has, and asks them
// which channels a new topic should start with.
//
// Home: one loop.
// Owns: the registry of what is registered, one LookupPeer for each address.
class LookupPeers {
 public:
  // `loop` and `pool` outlive this. Jobs on `pool` look up names and wait for HTTP, up to
  // request_timeout each: give it one that nothing urgent shares.
  LookupPeers(EventLoop& loop, HelperPool& pool, const LookupIdentity& identity,
              const LookupLimits& limits);
  LookupPeers(const LookupPeers&) = delete;
  LookupPeers& operator=(const LookupPeers&) = delete;
  // Closes the connections, which unregisters everything. Queries that are out are forgotten:
  // Stop before if somebody waits for them.
  ~LookupPeers();

  // Connects to what is new, hangs up on what is no longer in the list. Repetitions count once.
  void SetAddresses(const std::vector<std::string>& addresses);
  const std::vector<std::string>& addresses() const;

  // Each is told to every peer unless nothing changes by it. A channel's creation creates its
  // topic, a topic's deletion deletes its channels.
  void TopicCreated(std::string_view topic);
  void TopicDeleted(std::string_view topic);
  void ChannelCreated(std::string_view topic, std::string_view channel);
  void ChannelDeleted(std::string_view topic, std::string_view channel);

  // Tells every peer that nothing more can be published here, or can again. Everything stays
  // registered: consumers must find what is left.
  void SetDraining(bool draining);

  // Each address, and whether it is connected and has identified itself; for statistics.
  std::vector<std::pair<std::string, bool>> Connected() const;

  // Whether QueryChannels has anybody to ask.
  bool HasIdentifiedPeer() const;

  // Asks all identified peers at once for the channels of `topic` and calls `done` with the union,
  // sorted: valid names only, no ephemeral ones. Called once, on the loop, never before this
  // returns; after request_timeout at the latest, then with what has come. Who fails is only
  // logged. `done` must not destroy this object.
  using ChannelsDone = std::function<void(std::vector<std::string>)>;
  void QueryChannels(std::string_view topic, ChannelsDone done);

  // Hangs up and answers all queries at once; nothing is connected any more.
  void Stop();

 private:
  struct ChannelsJob;
  struct NobodyToAsk;
  struct Query {
    std::string topic;
    ChannelsDone done;
    SteadyTime deadline;
    size_t answers_missing = 0;
    std::set<std::string> channels;
  };
  // Outlives this in letters; `peers` is read and cleared on the loop only.
  struct Ticket {
    LookupPeers* peers;
  };

  void Tell(std::string_view topic, std::string_view channel) NSQ_REQUIRES(home_);
  void OnChannels(uint64_t query_id, const Result<std::vector<std::string>>& channels);
  void EndQuery(uint64_t query_id);
  void OnQueryDeadline();

  EventLoop& loop_;
  const Home& home_;
  HelperPool& pool_;
  const LookupLimits limits_;
  LookupIdentity identity_ NSQ_GUARDED_BY(home_);
  std::string identify_ NSQ_GUARDED_BY(home_);  // the same in JSON; peers read it when they connect
  const std::shared_ptr<Ticket> ticket_;
  const std::shared_ptr<http::Client> client_;  // of the jobs, which may outlive this
  LookupRegistry registry_ NSQ_GUARDED_BY(home_);
  std::vector<std::string> addresses_ NSQ_GUARDED_BY(home_);
  std::map<std::string, std::unique_ptr<LookupPeer>> peers_ NSQ_GUARDED_BY(home_);
  std::map<uint64_t, Query> queries_ NSQ_GUARDED_BY(home_);  // by age, so by deadline too
  uint64_t next_query_id_ NSQ_GUARDED_BY(home_) = 0;
  Timer query_deadline_ NSQ_GUARDED_BY(home_);  // of the oldest query
  bool stopped_ NSQ_GUARDED_BY(home_) = false;
};

}  // namespace nsq::nsqd
