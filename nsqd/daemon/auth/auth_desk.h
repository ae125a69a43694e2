#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "common/event/helper_pool.h"
#include "nsqd/daemon/auth/auth_servers.h"

namespace nsq {
class EventLoop;
}

namespace nsq::nsqd {

// Where sessions bring their questions to the auth servers, and get the answers from.
//
// Home: any thread. It goes before the loops it answers to.
class AuthDesk {
 public:
  // Questions that are out at once; each waits for a server. Those that come when all are busy
  // queue, and fail when they have done so for longer than a server may take.
  static constexpr size_t kThreads = 16;

  explicit AuthDesk(AuthConfig config);
  AuthDesk(const AuthDesk&) = delete;
  AuthDesk& operator=(const AuthDesk&) = delete;
  ~AuthDesk();  // waits for no name server

  // Answered by Session::OnAuthAnswer on `loop`, unless the ticket's session is gone by then.
  void Ask(AuthQuestion question, std::shared_ptr<AuthTicket> ticket, EventLoop* loop);

 private:
  struct Question;
  struct Shared {
    explicit Shared(AuthConfig config) : servers(std::move(config)) {}
    AuthServers servers;
    std::atomic<bool> stopping = false;
  };

  const Duration patience_;
  const std::shared_ptr<Shared> shared_;  // with questions, which may outlive the desk
  HelperPool pool_;
};

}  // namespace nsq::nsqd
