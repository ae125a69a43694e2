#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "common/debug/loop_report.h"
#include "common/event/event_loop.h"
#include "lookupd/registration_db.h"

namespace nsq::http {
class Exchange;
class Router;
}  // namespace nsq::http

namespace nsq::lookupd {

// The HTTP routes: what consumers, nsqd and nsqadmin ask, and what nsqadmin and people order.
//
//   GET   /ping /livez /readyz /info /topics /channels /lookup /nodes /debug /metrics
//         /debug/pprof/*: common/debug
//   POST  /topic/create /topic/delete /topic/tombstone /channel/create /channel/delete
//
// Parameters stand in the query alone; bodies are ignored.
//
// Home: its loop, which is the database's. Outlives the routers that it has added itself to.
class HttpApi {
 public:
  // `connections`: how many clients there are, over TCP and HTTP, for statistics.
  HttpApi(EventLoop& loop, RegistrationDb* db, std::function<size_t()> connections)
      : loop_(loop), db_(db), connections_(std::move(connections)) {}
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

  LoopReport Report() const;

  Moment Now() { return {loop_.Now(), loop_.WallClock()}; }

  EventLoop& loop_;
  RegistrationDb* const db_;
  const std::function<size_t()> connections_;
};

}  // namespace nsq::lookupd
