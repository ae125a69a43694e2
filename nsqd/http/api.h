#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/http/router.h"
#include "nsqd/http/backend.h"

namespace nsq::nsqd {

// nsqd's HTTP API: which path does what, in which order a request is checked, and with which code
// and word it is refused (spec, nsqd-http 3 to 7).
//
// Home: the loop of the HTTP servers that use its router; one for each loop. Requests that wait
// for the backend do not need it: it may go before they are answered.
class Api {
 public:
  // `backend` outlives the Api.
  explicit Api(Backend& backend);

  const http::Router& router() const { return router_; }

 private:
  using Request = std::unique_ptr<http::Exchange>;

  void Ping(Request exchange);
  void Info(Request exchange);
  void Publish(Request exchange);
  void PublishMany(Request exchange);
  void Stats(Request exchange);
  void Metrics(Request exchange);
  void ActOnTopic(TopicAction action, Request exchange);
  void ActOnChannel(TopicAction action, Request exchange);
  void Act(TopicAction action, std::string topic, std::string channel, Request exchange);
  void GetTopicConfig(Request exchange);
  void SetTopicConfig(Request exchange);
  void Backup(Request exchange);
  void GetOption(Request exchange);
  void PutOption(Request exchange);

  Backend& backend_;
  http::Router router_;
};

}  // namespace nsq::nsqd
