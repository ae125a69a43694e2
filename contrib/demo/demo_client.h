#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/event/connection.h"
#include "common/event/timer.h"
#include "common/wire/frame.h"

namespace nsq::demo {

// The least that talks to one nsqd: connects, comes back when the connection breaks, answers
// heartbeats, cuts what it receives into frames. Not the client library: only what a demo needs.
//
// Home: its loop.
class DemoClient : private Connection::Handler {
 public:
  DemoClient(EventLoop& loop, std::string address);
  ~DemoClient() override;

  const std::string& address() const { return address_; }
  bool connected() const { return connection_ != nullptr && !connection_->closed(); }

 protected:
  // Sent at the end of the turn; dropped while not connected.
  void Send(std::string_view bytes);

  // After each connect; the magic has been said.
  virtual void OnConnected() {}
  virtual void OnFrame(FrameType type, std::string_view payload) = 0;

  // To be called by the last constructor: OnConnected is theirs.
  void Connect();

 private:
  // Owns a connection until the end of the turn in which it is given up.
  struct Grave : Deferrable {
    explicit Grave(std::unique_ptr<Connection> c) : connection(std::move(c)) {}
    std::unique_ptr<Connection> connection;
  };

  size_t OnData(std::string_view data) override;
  void OnEof(std::string_view rest) override;
  void OnClosed(const Status& why) override;
  void Lose();

  EventLoop& loop_;
  const std::string address_;
  std::unique_ptr<Connection> connection_;
  Timer retry_;
};

// Publishes lines with PUB and counts the answers.
class TcpPublisher : public DemoClient {
 public:
  TcpPublisher(EventLoop& loop, std::string address, std::string topic);

  // False if there is no connection now.
  bool Publish(std::string_view line);
  uint64_t accepted() const { return accepted_; }

 private:
  void OnFrame(FrameType type, std::string_view payload) override;

  const std::string topic_;
  uint64_t accepted_ = 0;
};

// Consumes one channel of one nsqd and finishes what it gets.
class Consumer : public DemoClient {
 public:
  Consumer(EventLoop& loop, std::string address, std::string topic, std::string channel,
           uint64_t* finished);

 private:
  void OnConnected() override;
  void OnFrame(FrameType type, std::string_view payload) override;

  const std::string topic_;
  const std::string channel_;
  uint64_t* const finished_;  // shared by the connections of one consumer
};

}  // namespace nsq::demo
