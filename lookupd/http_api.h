#pragma once

#include <memory>

#include "common/event/event_loop.h"
#include "lookupd/registration_db.h"

namespace nsq::http {
class Exchange;
class Router;
}  // namespace nsq::http

namespace nsq::lookupd {

// The HTTP routes: what consumers, nsqd and nsqadmin ask, and what nsqadmin and people order.
//
//   GET   /ping /livez /readyz /info /topics /channels /lookup /nodes /debug
//   POST  /topic/create /topic/delete /topic/tombstone /channel/create /channel/delete
//
// Parameters stand in the query alone; bodies are ignored.
//
// Home: its loop, which is the database's. Outlives the routers that it has added itself to.
class HttpApi {
 public:
  HttpApi(EventLoop& loop, RegistrationDb* db) : loop_(loop), db_(db) {}
  HttpApi(const HttpApi&) = delete;
  HttpApi& operator=(const HttpApi&) = delete;

  void AddRoutes(http::Router* router);

 private:
  void Channels(http::Exchange& exchange);
  void Lookup(http::Exchange& exchange);
  void Nodes(http::Exchange& exchange);
  void CreateTopic(http::Exchange& exchange);
  void DeleteTopic(http::Exchange& exchange);
  void TombstoneTopic(http::Exchange& exchange);
  void CreateChannel(http::Exchange& exchange);
  void DeleteChannel(http::Exchange& exchange);

  Moment Now() { return {loop_.Now(), loop_.WallClock()}; }

  EventLoop& loop_;
  RegistrationDb* const db_;
};

}  // namespace nsq::lookupd
