#include "lookupd/daemon.h"

#include <unistd.h>

#include <utility>

#include "common/event/address.h"
#include "common/log.h"
#include "common/strings.h"

namespace nsq::lookupd {
namespace {

Result<UniqueFd> ListenOn(const std::string& text) {
  const auto failed = [&](const std::string& why) {
    return Status(Code::kInvalid, StrCat("listen (", text, ") failed - ", why));
  };
  const Result<Address> address = ParseAddress(text);
  if (!address.ok()) return failed("listen tcp: " + address.status().detail());
  if (address->is_unix()) {
    return failed(StrCat("listen tcp: address ", text, ": missing port in address"));
  }
  Result<UniqueFd> fd = Listen(*address);
  if (!fd.ok()) return failed(fd.status().detail());
  return fd;
}

}  // namespace

Daemon::Daemon(EventLoop& loop, const RegistrationDb::Options& options)
    : db_(loop.home(), options),
      api_(loop, &db_,
           [this] {
             return (v1_server_ ? v1_server_->connections() : 0) + http_server_.connections();
           }),
      http_server_(loop, router_) {
  api_.AddRoutes(&router_);
}

Daemon::~Daemon() {
  NSQ_LOG(kInfo, "TCP: closing ", tcp_address_);
  v1_server_.reset();
  NSQ_LOG(kInfo, "HTTP: closing ", http_address_);
}

Result<std::unique_ptr<Daemon>> Daemon::Start(EventLoop& loop, const DaemonOptions& options) {
  Result<UniqueFd> tcp = ListenOn(options.tcp_address);
  if (!tcp.ok()) return tcp.status();
  Result<UniqueFd> http = ListenOn(options.http_address);
  if (!http.ok()) return http.status();

  Identity identity;
  identity.broadcast_address = options.broadcast_address;
  identity.hostname = Hostname();
  identity.tcp_port = BoundPort(tcp->get());
  identity.http_port = BoundPort(http->get());

  std::unique_ptr<Daemon> daemon(new Daemon(loop, options.registrations));
  daemon->tcp_address_ = LocalAddress(tcp->get());
  daemon->http_address_ = LocalAddress(http->get());
  daemon->v1_server_.emplace(loop, std::move(*tcp), &daemon->db_, std::move(identity),
                             options.identify_time);
  daemon->http_server_.Listen(std::move(*http));
  NSQ_LOG(kInfo, "TCP: listening on ", daemon->tcp_address_);
  NSQ_LOG(kInfo, "HTTP: listening on ", daemon->http_address_);
  return daemon;
}

std::string Hostname() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

}  // namespace nsq::lookupd
