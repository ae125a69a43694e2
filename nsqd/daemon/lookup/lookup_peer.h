#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/event/address.h"
#include "common/event/connection.h"
#include "common/event/home.h"
#include "common/event/timer.h"
#include "nsqd/daemon/lookup/lookup_config.h"

namespace nsq {
class HelperPool;
}

namespace nsq::nsqd {

// Where an nsqlookupd answers HTTP, by its own word.
struct LookupHttpAddress {
  std::string host;
  int port = 0;
};

// The connection to one nsqlookupd: keeps it told what this nsqd has.
//
//              numeric          connected           JSON
//   kWaiting ---------> kDialing --------> IDENTIFY ------> kIdentified
//      ^  '--> kResolving --^  |              |                  |
//      '-----------------------+--------------+------------------'   any failure; then a pause
//
// After IDENTIFY, whose answer is awaited, up to max_unanswered commands are on their way at once;
// they are answered in order. It walks through the registry once
// (the walk); what changes afterwards is queued by name, and whether the name is to be registered
// or unregistered is decided when its turn comes. So a name waits at most once, and a peer that is
// down holds no queue: the next walk covers everything.
//
// Home: its loop.
class LookupPeer : private Connection::Handler {
 public:
  // A peer that falls further behind is told everything anew: that is shorter by then.
  static constexpr size_t kMaxChanges = 10000;

  // Everything named here outlives the peer. `identify` is the JSON body of IDENTIFY. The first
  // attempt begins at once.
  LookupPeer(EventLoop& loop, HelperPool& pool, std::string address, const std::string& identify,
             const LookupRegistry& registry, const LookupLimits& limits);
  ~LookupPeer() override;

  const std::string& address() const { return address_; }

  // That topic, or that channel if not empty, has come or gone; the registry says which.
  void Changed(std::string_view topic, std::string_view channel);

  // The body of IDENTIFY has changed: says it on a new connection, since each takes but one, and
  // registers everything there.
  void IdentifyAgain();

  bool identified() const;

  // Where to ask it for channels: not empty while it is identified and has told an HTTP address.
  const std::optional<LookupHttpAddress>& http() const;

 private:
  enum class State { kWaiting, kResolving, kDialing, kIdentified };
  using Name = std::pair<std::string, std::string>;  // topic; channel or ""
  struct ResolveJob;
  // Outlives the peer in jobs; `peer` is read and cleared on the loop only.
  struct Ticket {
    LookupPeer* peer;
  };

  size_t OnData(std::string_view data) override;
  void OnEof(std::string_view rest) override;
  void OnClosed(const Status& why) override;

  void Attempt();
  void OnResolved(Result<std::vector<Address>> resolved);
  void DialNext() NSQ_REQUIRES(home_);
  // False: that was no answer, and the connection is gone.
  bool OnAnswer(std::string_view payload) NSQ_REQUIRES(home_);
  Status TakeIdentity(std::string_view payload) NSQ_REQUIRES(home_);
  // Says as much as may be on its way.
  void SendMore() NSQ_REQUIRES(home_);
  bool SendNext() NSQ_REQUIRES(home_);
  std::optional<Name> NextOfWalk() NSQ_REQUIRES(home_);
  void SendName(const Name& name) NSQ_REQUIRES(home_);
  void Send(std::string command, std::string_view body = {}) NSQ_REQUIRES(home_);
  void OnDeadline();
  void OnPingTime();
  bool Unreachable() const NSQ_REQUIRES(home_);
  void Fail(const Status& why) NSQ_REQUIRES(home_);
  void Disconnect() NSQ_REQUIRES(home_);

  EventLoop& loop_;
  const Home& home_;
  HelperPool& pool_;
  const std::string address_;
  const std::string& identify_;
  const LookupRegistry& registry_;
  const LookupLimits& limits_;
  const std::shared_ptr<Ticket> ticket_;

  Timer retry_ NSQ_GUARDED_BY(home_);
  Timer deadline_ NSQ_GUARDED_BY(home_);  // of the answer awaited
  Timer ping_ NSQ_GUARDED_BY(home_);
  State state_ NSQ_GUARDED_BY(home_) = State::kWaiting;
  Duration retry_delay_ NSQ_GUARDED_BY(home_);
  std::vector<Address> numeric_ NSQ_GUARDED_BY(home_);  // of this attempt
  size_t next_numeric_ NSQ_GUARDED_BY(home_) = 0;
  std::unique_ptr<Connection> connection_ NSQ_GUARDED_BY(home_);
  std::deque<std::string> unanswered_ NSQ_GUARDED_BY(home_);  // commands, the oldest first
  std::optional<LookupHttpAddress> http_ NSQ_GUARDED_BY(home_);
  bool ping_due_ NSQ_GUARDED_BY(home_) = false;
  bool walking_ NSQ_GUARDED_BY(home_) = false;
  std::optional<Name> walked_ NSQ_GUARDED_BY(home_);  // the last one of the walk
  std::deque<Name> changes_ NSQ_GUARDED_BY(home_);
  std::set<Name> waiting_ NSQ_GUARDED_BY(home_);  // the names in changes_
};

}  // namespace nsq::nsqd
