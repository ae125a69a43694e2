#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/event/address.h"
#include "common/strings.h"

namespace nsq::apps {

// An HTTP server of a few lines, which keeps what it was asked.
class HttpEndpoint {
 public:
  // Gives the whole answer to a request (head and body); "" for none at all.
  using Answer = std::function<std::string(const std::string& request)>;

  explicit HttpEndpoint(Answer answer) : answer_(std::move(answer)) {
    auto fd = Listen({"127.0.0.1", 0, ""});
    listener_ = std::move(*fd);
    acceptor_ = std::thread([this] { Accept(); });
  }
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;
  ~HttpEndpoint() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
  }

  std::string url() const { return StrCat("http://127.0.0.1:", BoundPort(listener_.get()), "/"); }
  std::vector<std::string> requests() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

  static std::string Status(int status, const std::string& headers = "") {
    return StrCat("HTTP/1.1 ", status, " x\r\n", headers, "Content-Length: 2\r\n\r\nok");
  }

 private:
  static bool Readable(int fd) {
    pollfd waiting = {fd, POLLIN, 0};
    return ::poll(&waiting, 1, 5) > 0;
  }

  void Accept() {
    while (!stopping_) {
      if (!Readable(listener_.get())) continue;
      UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      threads_.emplace_back([this, client = std::move(fd)] { Serve(client.get()); });
    }
  }

  void Serve(int fd) {
    std::string in;
    while (!stopping_) {
      if (!Readable(fd)) continue;
      char bytes[65536];
      const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
      if (n <= 0) return;
      in.append(bytes, static_cast<size_t>(n));
      const size_t head = in.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      size_t length = 0;
      if (const size_t at = in.find("Content-Length: "); at < head) {
        length = std::stoul(in.substr(at + 16));
      }
      if (in.size() < head + 4 + length) continue;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        requests_.push_back(in.substr(0, head + 4 + length));
      }
      const std::string answer = answer_(in.substr(0, head + 4 + length));
      in.erase(0, head + 4 + length);
      if (!answer.empty()) ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

  const Answer answer_;
  UniqueFd listener_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace nsq::apps
