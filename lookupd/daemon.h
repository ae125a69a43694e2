#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/event/event_loop.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "common/status.h"
#include "lookupd/http_api.h"
#include "lookupd/json_text.h"
#include "lookupd/registration_db.h"
#include "lookupd/v1_server.h"

namespace nsq::lookupd {

// What the flags say; lookupd/flags.h has their names and meanings.
struct DaemonOptions {
  std::string tcp_address = "0.0.0.0:4160";
  std::string http_address = "0.0.0.0:4161";
  std::string broadcast_address;
  Duration identify_time = V1Server::kIdentifyTime;  // no flag: nobody needs longer
  RegistrationDb::Options registrations;
};

// A whole nsqlookupd on one loop: the database and its two doors.
//
// Home: its loop.
class Daemon {
 public:
  // Listens on both ports and serves from the next turn on. The detail of an error says which
  // address failed and why.
  static Result<std::unique_ptr<Daemon>> Start(EventLoop& loop, const DaemonOptions& options);

  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  // Closes everything at once, also connections that have said nothing yet. What nsqds said in the
  // last turn has been answered; an HTTP answer still on its way is lost, as in the original.
  ~Daemon();

  // As bound, also when asked for port 0.
  const std::string& tcp_address() const { return tcp_address_; }
  const std::string& http_address() const { return http_address_; }

 private:
  Daemon(EventLoop& loop, const RegistrationDb::Options& options);

  RegistrationDb db_;
  HttpApi api_;
  http::Router router_;
  http::Server http_server_;
  std::optional<V1Server> v1_server_;
  std::string tcp_address_;
  std::string http_address_;
};

// This machine's name, or "localhost" if it has none.
std::string Hostname();

}  // namespace nsq::lookupd
