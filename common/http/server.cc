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
#include "common/event/event_loop.h"
#include "common/event/listener.h"
#include "common/filters/tls_context.h"
#include "common/http/server_connection.h"

namespace nsq::http {

class Server::Core final : public ServerConnectionOwner {
 public:
  Core(EventLoop& loop, const Router& router) : loop_(loop), router_(router) {
    loop_.home().Assert();
  }
  ~Core() override { loop_.home().Assert(); }

  void Listen(UniqueFd fd, bool over_tls);
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
  std::optional<Route> plain_route_;
  std::shared_ptr<const TlsContext> tls_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<ServerConnection*, std::unique_ptr<ServerConnection>> connections_;
  std::array<char, 64> date_{};
  size_t date_size_ = 0;
  int64_t date_second_ = -1;
  bool stopping_ = false;
};

void Server::Core::Listen(UniqueFd fd, bool over_tls) {
  loop_.home().Assert();
  NSQ_CHECK(!over_tls || tls_ != nullptr);
  const auto accept = [this, over_tls](UniqueFd accepted) {
    auto connection = std::make_unique<ServerConnection>(loop_, std::move(accepted), this,
                                                         over_tls ? tls_.get() : nullptr);
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

Server::Server(EventLoop& loop, const Router& router)
    : core_(std::make_unique<Core>(loop, router)) {}

Server::~Server() = default;

void Server::Listen(UniqueFd fd) { core_->Listen(std::move(fd), false); }
void Server::ListenTls(UniqueFd fd) { core_->Listen(std::move(fd), true); }
void Server::UseTls(std::shared_ptr<const TlsContext> context) {
  core_->UseTls(std::move(context));
}
void Server::DivertPlain(Route route) { core_->DivertPlain(std::move(route)); }
void Server::Stop() { core_->Stop(); }
size_t Server::connections() const { return core_->connections(); }

}  // namespace nsq::http
