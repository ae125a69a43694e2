#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "common/http/client.h"

namespace nsq::admin {

struct Request;

// Posts a line of JSON to -notification-http-endpoint for each change somebody made, one after the
// other, from a thread of its own. What the endpoint answers does not matter; when it cannot be
// reached the notification is logged and lost.
//
// Home: any thread. Without an endpoint nothing happens.
class Notifier {
 public:
  // More than this wait when the endpoint hangs; later ones are dropped.
  static constexpr size_t kMostWaiting = 1000;

  Notifier(std::string endpoint, Duration connect_timeout, Duration request_timeout);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  ~Notifier();  // what still waits is dropped

  // `action` is NSQ's word: "pause_channel". Empty members are left out. Returns at once.
  void Notify(std::string_view action, const std::string& topic, const std::string& channel,
              const std::string& node, const Request& request);

 private:
  void Run();

  const std::string endpoint_;
  http::Client client_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::string> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

// What is posted. `via` is the name of this machine.
std::string NotificationBody(std::string_view action, const std::string& topic,
                             const std::string& channel, const std::string& node,
                             const Request& request, int64_t unix_seconds, std::string_view via);

}  // namespace nsq::admin
