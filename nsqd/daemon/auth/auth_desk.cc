#include "nsqd/daemon/auth/auth_desk.h"

#include <chrono>
#include <utility>

#include "nsqd/protocol/session.h"

namespace nsq::nsqd {
namespace {

// Calls are cut off at a stop; only a name server holds them.
constexpr Duration kStopPatience = milliseconds(200);

}  // namespace

struct AuthDesk::Question : Job {
  Question(AuthDesk* d, AuthQuestion q, std::shared_ptr<AuthTicket> t)
      : shared(d->shared_),
        question(std::move(q)),
        ticket(std::move(t)),
        give_up_at(std::chrono::steady_clock::now() + d->patience_) {}

  void Run() noexcept override {
    if (shared->stopping) return;
    if (std::chrono::steady_clock::now() >= give_up_at) {
      answer = Status(Code::kTimeout, "too many clients wait for the auth servers");
      return;
    }
    answer = shared->servers.Ask(question);
  }
  void Open() noexcept override {
    if (ticket->session != nullptr) ticket->session->OnAuthAnswer(answer);
  }

  const std::shared_ptr<Shared> shared;
  const AuthQuestion question;
  const std::shared_ptr<AuthTicket> ticket;
  const SteadyTime give_up_at;
  Result<std::shared_ptr<const Authorizations>> answer = Status(Code::kUnavailable, "exiting");
};

AuthDesk::AuthDesk(AuthConfig config)
    : patience_(config.request_timeout),
      shared_(std::make_shared<Shared>(std::move(config))),
      pool_(kThreads, kStopPatience) {}

AuthDesk::~AuthDesk() {
  shared_->stopping = true;
  shared_->servers.Abort();
}

void AuthDesk::Ask(AuthQuestion question, std::shared_ptr<AuthTicket> ticket, EventLoop* loop) {
  pool_.Submit(std::make_unique<Question>(this, std::move(question), std::move(ticket)), loop);
}

}  // namespace nsq::nsqd
