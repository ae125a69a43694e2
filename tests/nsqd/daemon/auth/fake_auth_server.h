#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/event/unique_fd.h"

namespace nsq::nsqd {

// An auth server that does what a test tells it to, with every request on a thread of its own.
class FakeAuthServer {
 public:
  // Answers one request on `fd`, which is closed afterwards. `stopping` becomes true when the
  // server is to go.
  using Behaviour =
      std::function<void(int fd, const std::string& request, const std::atomic<bool>& stopping)>;

  explicit FakeAuthServer(Behaviour behaviour);
  FakeAuthServer(const FakeAuthServer&) = delete;
  FakeAuthServer& operator=(const FakeAuthServer&) = delete;
  ~FakeAuthServer();

  std::string address() const;
  void Become(Behaviour behaviour);
  // What was asked so far: request lines, headers and bodies.
  std::vector<std::string> requests();

  // --- behaviours

  static Behaviour Saying(std::string body, int status = 200, std::string headers = {});
  static Behaviour SayingRaw(std::string bytes);
  static Behaviour Silent();     // takes the request and never answers
  static Behaviour HangingUp();  // takes the request and closes
  static Behaviour Dripping();   // a header now and then, for ever
  static Behaviour Endless();    // a body as fast as it is taken, for ever

 private:
  void Accept();
  void Serve(UniqueFd fd);

  UniqueFd fd_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  Behaviour behaviour_;
  std::vector<std::string> requests_;
  std::vector<std::thread> servers_;  // of the accepting thread
  std::thread acceptor_;
};

}  // namespace nsq::nsqd
