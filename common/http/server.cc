#include "common/http/server.h"

#include <array>
#include <chrono>
#include <ctime>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/event/connection_limit.h"
#include "common/event/event_loop.h"
#include "common/event/listener.h"
#include "common/event/refused_connections.h"
#include "common/filters/tls_context.h"
#include "common/http/server_connection.h"

namespace nsq::http {
namespace {

constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Connection: close\r\n"
    "Content-Length: 34\r\n\r\n"
    "{\"message\":\"TOO_MANY_CONNECTIONS\"}";
// A fatal alert, internal_error: to say more would take a handshake.
constexpr std::string_view kTooManyOverTls("\x15\x03\x01\x00\x02\x02\x50", 7);

}  // namespace

class Server::Core final : public ServerConnectionOwner {
 public:
  Core(EventLoop& loop, const Router& router, ConnectionLimit* limit)
      : loop_(loop), router_(router), limit_(limit), refused_(loop, "HTTP") {
    loop_.home().Assert();
  }
  ~Core() override { loop_.home().Assert(); }

  // `handshake_time`: clients speak TLS; nothing: they do not.
  void Listen(UniqueFd fd, std::optional<Duration> handshake_time);
  void UseTls(std::shared_ptr<const TlsContext> context) { tls_ = std::move(context); }
  void DivertPlain(Route route) { plain_route_ = std::move(route); }
  void Stop();
  size_t connections() const { return connections_.size(); }

  // ServerConnectionOwner
  const Router& router() const override { return router_; }
  const Route* plain_route() const override { return plain_route_ ? &*plain_route_ : nullptr; }
  bool stopping() const override { return stopping_; }
  std::string_view DateHeader() override;
  void OnGone(ServerConnection* connection) override;

 private:
  EventLoop& loop_;
  const Router& router_;
  ConnectionLimit* const limit_;  // null: none
  std::optional<Route> plain_route_;
  std::shared_ptr<const TlsContext> tls_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  RefusedConnections refused_;
  std::unordered_map<ServerConnection*, std::unique_ptr<ServerConnection>> connections_;
  std::array<char, 64> date_{};
  size_t date_size_ = 0;
  int64_t date_second_ = -1;
  bool stopping_ = false;
};

void Server::Core::Listen(UniqueFd fd, std::optional<Duration> handshake_time) {
  loop_.home().Assert();
  const bool over_tls = handshake_time.has_value();
  NSQ_CHECK(!over_tls || tls_ != nullptr);
  const auto accept = [this, over_tls,
                       time = handshake_time.value_or(Duration::zero())](UniqueFd accepted) {
    std::optional<ConnectionPlace> place = limit_ == nullptr ? ConnectionPlace() : limit_->Take();
    if (!place) {
      refused_.Refuse(std::move(accepted), over_tls ? kTooManyOverTls : kTooMany);
      return;
    }
    auto connection = std::make_unique<ServerConnection>(
        loop_, std::move(accepted), this, over_tls ? tls_.get() : nullptr, time, std::move(*place));
    ServerConnection* const key = connection.get();
    connections_.emplace(key, std::move(connection));
  };
  listeners_.push_back(std::make_unique<Listener>(loop_, std::move(fd), accept));
}

void Server::Core::Stop() {
  loop_.home().Assert();
  stopping_ = true;
  listeners_.clear();
  // Stop may take its connection off the map.
  std::vector<ServerConnection*> all;
  all.reserve(connections_.size());
  for (const auto& [connection, owned] : connections_) all.push_back(connection);
  for (ServerConnection* const connection : all) connection->Stop();
}

std::string_view Server::Core::DateHeader() {
  const int64_t second = UnixSeconds(loop_.WallClock());
  if (second != date_second_) {
    date_second_ = second;
    const std::time_t time = second;
    std::tm parts;
    gmtime_r(&time, &parts);
    // Daemons never set a locale: the names are English.
    date_size_ =
        std::strftime(date_.data(), date_.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  }
  return {date_.data(), date_size_};
}

void Server::Core::OnGone(ServerConnection* connection) {
  auto gone = connections_.extract(connection);
  loop_.DeferDelete(std::move(gone.mapped()));
}

Server::Server(EventLoop& loop, const Router& router, ConnectionLimit* limit)
    : core_(std::make_unique<Core>(loop, router, limit)) {}

Server::~Server() = default;

void Server::Listen(UniqueFd fd) { core_->Listen(std::move(fd), std::nullopt); }
void Server::ListenTls(UniqueFd fd, Duration handshake_time) {
  core_->Listen(std::move(fd), handshake_time);
}
void Server::UseTls(std::shared_ptr<const TlsContext> context) {
  core_->UseTls(std::move(context));
}
void Server::DivertPlain(Route route) { core_->DivertPlain(std::move(route)); }
void Server::Stop() { core_->Stop(); }
size_t Server::connections() const { return core_->connections(); }

}  // namespace nsq::http
