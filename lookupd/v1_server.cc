#include "lookupd/v1_server.h"

#include <string_view>
#include <utility>

#include "common/event/address.h"
#include "common/event/connection.h"
#include "common/event/timer.h"
#include "common/log.h"
#include "common/strings.h"
#include "lookupd/session_v1.h"

namespace nsq::lookupd {
namespace {

// Answers that a peer has not taken; above this we read no more of its commands.
constexpr size_t kMaxUnsentBytes = size_t{64} * 1024;

}  // namespace

// Brings a socket and a session together.
//
// Home: the server's loop.
class V1Server::Client : public Connection::Handler, public Deferrable {
 public:
  Client(V1Server* server, PeerId id, UniqueFd fd, std::string remote_address)
      : server_(server),
        id_(id),
        session_(server->home_, server->db_, server->identity_, id, std::move(remote_address)),
        connection_(server->loop_, std::move(fd), this),
        resume_(&connection_),
        identify_timer_(server_->loop_, [this] { OnIdentifyTime(); }) {
    identify_timer_.ArmAfter(server_->identify_time_);
  }

  void Close(std::string_view why) {
    connection_.Close();
    session_.End(why);
  }

  size_t OnData(std::string_view data) override {
    EventLoop& loop = server_->loop_;
    const SessionV1::Progress progress =
        session_.OnData(data, Moment{loop.Now(), loop.WallClock()}, &connection_.out());
    if (session_.ended()) {
      connection_.CloseAfterFlush();
      return data.size();
    }
    if (session_.identified()) identify_timer_.Cancel();
    connection_.FlushAtTurnEnd();
    if (connection_.unsent_bytes() > kMaxUnsentBytes) connection_.FlushNow();
    if (connection_.closed()) return data.size();
    if (connection_.unsent_bytes() > kMaxUnsentBytes) {
      connection_.PauseReading();  // until OnDrained
    } else if (progress.more) {
      // The others first.
      connection_.PauseReading();
      loop.AtTurnEnd(TurnPhase::kSocket, &resume_);
    }
    return progress.consumed;
  }

  void OnEof(std::string_view rest) override {
    // After a pause `rest` may be whole commands.
    EventLoop& loop = server_->loop_;
    SessionV1::Progress progress{0, true};
    while (progress.more) {
      progress = session_.OnData(rest, Moment{loop.Now(), loop.WallClock()}, &connection_.out());
      rest.remove_prefix(progress.consumed);
    }
    session_.OnEof(rest, &connection_.out());
    connection_.CloseAfterFlush();
  }

  void OnDrained() override { connection_.ResumeReading(); }

  void OnClosed(const Status& why) override {
    session_.End(why.detail());
    server_->Forget(id_);
  }

 private:
  void OnIdentifyTime() {
    Close("no IDENTIFY in time");
    server_->Forget(id_);
  }

  struct ResumeTask : TurnTask {
    explicit ResumeTask(Connection* c) : connection(c) {}
    void AtTurnEnd() noexcept override { connection->ResumeReading(); }
    Connection* const connection;
  };

  V1Server* const server_;
  const PeerId id_;
  SessionV1 session_;
  Connection connection_;
  ResumeTask resume_;
  Timer identify_timer_;
};

V1Server::V1Server(EventLoop& loop, UniqueFd fd, RegistrationDb* db, Identity identity,
                   Duration identify_time)
    : loop_(loop),
      home_(loop.home()),
      db_(db),
      identity_(std::move(identity)),
      identify_time_(identify_time),
      listener_(loop, std::move(fd), [this](UniqueFd accepted) { OnAccept(std::move(accepted)); }) {
}

V1Server::~V1Server() {
  home_.Assert();
  for (const auto& [id, client] : clients_) client->Close("the daemon stops");
}

size_t V1Server::connections() const {
  home_.Assert();
  return clients_.size();
}

void V1Server::OnAccept(UniqueFd fd) {
  home_.Assert();
  std::string remote_address = PeerAddress(fd.get());
  NSQ_LOG(kInfo, "TCP: new client(", remote_address, ")");
  const PeerId id{++last_id_};
  clients_.emplace(id,
                   std::make_unique<Client>(this, id, std::move(fd), std::move(remote_address)));
}

void V1Server::Forget(PeerId id) {
  home_.Assert();
  const auto at = clients_.find(id);
  loop_.DeferDelete(std::move(at->second));
  clients_.erase(at);
}

}  // namespace nsq::lookupd
