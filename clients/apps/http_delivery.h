#pragma once

#include <nsq/consumer.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "clients/apps/destinations.h"
#include "clients/apps/url_template.h"
#include "clients/nsq/internal/http_client.h"
#include "clients/nsq/internal/runtime_core.h"

namespace nsq::apps {

struct HttpDeliveryOptions {
  std::vector<std::string> addresses;
  bool is_post = true;  // else GET: addresses are templates
  std::vector<std::pair<std::string, std::string>> headers;
  Mode mode = Mode::kHostPool;
  size_t requests = 100;  // at the same time
  double sample = 1;      // the share that is delivered; the rest is finished unseen
  size_t status_every = 250;
  client::HttpOptions http;
};

// Sends each message to an HTTP server, or to all of several, and finishes it when that has
// accepted it.
//
// Home: the runtime's loop, which is one. Made on any thread before the consumer starts.
class HttpDelivery final : public client::Resident,
                           public std::enable_shared_from_this<HttpDelivery> {
 public:
  // `runtime` has one I/O thread, and outlives this.
  HttpDelivery(client::RuntimeCore& runtime, HttpDeliveryOptions options);

  // Before the first message.
  bool Register();

  // Takes the message and answers it later. A handler on the I/O thread.
  Outcome Take(Message& message);

  void LeaveLoop() noexcept override;

 private:
  struct Job;

  void Begin(std::shared_ptr<Job> job);
  void Ask(std::shared_ptr<Job> job, size_t address);
  void OnAnswer(const std::shared_ptr<Job>& job, size_t address,
                const Result<client::HttpResponse>& response);
  void End(const std::shared_ptr<Job>& job, bool success);

  client::RuntimeCore& runtime_;
  const HttpDeliveryOptions options_;
  std::vector<UrlTemplate> templates_;
  Destinations destinations_;
  std::unique_ptr<client::HttpClient> http_;  // made with the first message
  bool left_ = false;
  std::deque<std::shared_ptr<Job>> waiting_;
  size_t active_ = 0;
  std::mt19937_64 random_;
};

}  // namespace nsq::apps
