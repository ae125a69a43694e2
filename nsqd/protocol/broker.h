#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/time.h"
#include "nsqd/options.h"
#include "nsqd/protocol/auth.h"
#include "nsqd/queue/publisher.h"

namespace nsq {
class EventLoop;
class TlsContext;
}  // namespace nsq

namespace nsq::nsqd {

class Session;
class Topic;
struct ClientMemory;

// What a session needs of the daemon: topics, wherever they live.
//
// Home: the session's loop; one for each loop.
class Broker {
 public:
  virtual ~Broker() = default;

  virtual EventLoop& loop() = 0;
  virtual const Options& options() const = 0;
  // What clients may speak TLS by, at present; null: they may not. Valid until the turn's end.
  virtual const TlsContext* tls() const = 0;

  // What the sessions of this loop hold together.
  virtual ClientMemory& client_memory() = 0;

  // Publishes to a topic, which is made if it is not there; the name is valid. Bodies are copied
  // before this returns. `publisher` is answered once with `ticket`, later, on this loop.
  // Publishes of one publisher to one topic keep their order.
  virtual void Publish(std::string_view topic, std::span<const std::string_view> bodies,
                       Duration defer, Publisher* publisher, uint64_t ticket) = 0;

  // Makes the topic if it is not there. (MPUB does before it looks at its body.)
  virtual void EnsureTopic(std::string_view topic) = 0;

  // The topic, made if it is not there, if its home is this loop; null if it lives elsewhere: then
  // call Move. An error if it cannot be made.
  virtual Result<Topic*> LocalTopic(std::string_view topic) = 0;

  // Gives `session` (which calls this from inside its SUB and has no publish unanswered) to the
  // topic's home, where it goes on with Session::CompleteSubscribe. The session object may be
  // destroyed when this returns to the loop; the caller must not touch it any more.
  virtual void Move(Session* session, std::string topic, std::string channel) = 0;

  // Asks an auth server. Session::OnAuthAnswer is called once, later, on this loop, unless the
  // ticket's session is cleared before. Only if there is one: options().auth_http_addresses.
  virtual void AskAuth(AuthQuestion question, std::shared_ptr<AuthTicket> ticket) = 0;

  // The session has ended and has no publish unanswered: destroy it after this turn.
  virtual void OnSessionEnded(Session* session) = 0;
};

}  // namespace nsq::nsqd
