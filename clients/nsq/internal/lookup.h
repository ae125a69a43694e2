#pragma once

#include <nsq/client_options.h>
#include <nsq/error.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clients/nsq/internal/http_client.h"
#include "clients/nsq/internal/retry_delay.h"
#include "common/event/timer.h"

namespace nsq::client {

class RuntimeCore;

// Asks all of some nsqlookupd, again and again, where to connect to.
//
// Every round asks all of them at the same time and unites what they say; what one that fails would
// have said is missing, and nothing more.
//
// Home: its loop.
class Lookup {
 public:
  struct Round {
    std::vector<std::string> addresses;  // "host:port", each once
    int answered = 0;
    std::vector<std::string> failures;  // what went wrong, one for each that did not answer
  };
  using OnRound = std::function<void(Round)>;

  // `urls` by LookupUrl or NodesUrl. `options` outlives it.
  Lookup(EventLoop& loop, RuntimeCore& runtime, std::vector<std::string> urls,
         const ClientOptions& options, OnRound on_round);
  ~Lookup();

  void Start();
  // Asks now, unless it is being asked, and then more often than usual until Calm: something has
  // changed.
  void Hurry();
  void Calm();

 private:
  void Ask();
  void OnAnswer(const std::string& url, Result<HttpResponse> response);
  void ArmNext();

  EventLoop& loop_;
  const std::vector<std::string> urls_;
  const ClientOptions& options_;
  const OnRound on_round_;
  HttpClient http_;
  Timer timer_;
  RetryDelay hurried_delay_;
  bool hurried_ = false;
  bool first_ = true;
  bool again_ = false;  // asked to hurry while asking
  size_t waiting_for_ = 0;
  Round round_;
};

// "http://host:port/lookup?topic=T" from what users write: "host:port", or a URL with anything.
// kInvalidArgument: "address host: missing port in address".
Expected<std::string> LookupUrl(std::string_view lookupd, std::string_view topic);
// "http://host:port/nodes".
Expected<std::string> NodesUrl(std::string_view lookupd);

// The nodes in an answer of /lookup or /nodes; false if it is no such answer.
bool ParseProducers(std::string_view json, std::vector<std::string>* addresses);

}  // namespace nsq::client
