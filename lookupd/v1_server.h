#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "common/event/event_loop.h"
#include "common/event/listener.h"
#include "common/event/unique_fd.h"
#include "common/time.h"
#include "lookupd/json_text.h"
#include "lookupd/registration_db.h"

namespace nsq::lookupd {

// The TCP port: a SessionV1 for each connection.
//
// Home: its loop, which is the database's.
// Owns: the listening socket and all connections, also those that have said nothing yet.
class V1Server {
 public:
  // Who has not said its IDENTIFY by then is closed: who says nothing must not keep a descriptor
  // for ever. nsqds say it first of all.
  static constexpr Duration kIdentifyTime = seconds(60);

  // `fd` is listening and non-blocking. `db` outlives the server.
  V1Server(EventLoop& loop, UniqueFd fd, RegistrationDb* db, Identity identity,
           Duration identify_time = kIdentifyTime);
  V1Server(const V1Server&) = delete;
  V1Server& operator=(const V1Server&) = delete;
  // Closes all connections at once and takes what they had registered out of the database.
  ~V1Server();

  size_t connections() const;

 private:
  class Client;

  void OnAccept(UniqueFd fd);
  void Forget(PeerId id);

  EventLoop& loop_;
  const Home& home_;
  RegistrationDb* const db_;
  const Identity identity_;
  const Duration identify_time_;
  uint64_t last_id_ NSQ_GUARDED_BY(home_) = 0;
  std::map<PeerId, std::unique_ptr<Client>> clients_ NSQ_GUARDED_BY(home_);
  Listener listener_;
};

}  // namespace nsq::lookupd
