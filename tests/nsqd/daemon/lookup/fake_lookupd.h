#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/connection.h"
#include "common/event/event_loop.h"
#include "common/event/listener.h"
#include "common/event/unique_fd.h"

namespace nsq::nsqd {

// The answer of a size and its bytes, as nsqlookupd frames it.
std::string LookupFrame(std::string_view payload);

// Takes the part of an nsqlookupd on the loop of whom it is to talk with: writes down what it is
// told and answers as the test wants. Has one port for all its life, open or not.
class FakeLookupd {
 public:
  explicit FakeLookupd(EventLoop& loop);
  ~FakeLookupd();

  void Open();   // listens
  void Close();  // as if killed: all connections are gone, connecting is refused

  uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The frame with which an IDENTIFY is answered as usual.
  std::string Identity() const;

  // Every command of every connection so far: "IDENTIFY {...}", "REGISTER t c".
  std::vector<std::string> commands;
  // Those without the IDENTIFYs.
  std::vector<std::string> AfterIdentify() const;
  int accepted = 0;
  int bad_magics = 0;
  int open_connections() const;

  // The bytes sent for a command, instead of the usual; nullopt says nothing.
  std::function<std::optional<std::string>(const std::string& command)> answer;
  // Says this on the youngest connection, asked or not.
  void Say(std::string_view bytes);

  int http_port = 4161;
  std::string broadcast_address = "127.0.0.1";

 private:
  class Session;

  EventLoop& loop_;
  UniqueFd reserved_;  // bound, not listening: keeps the port ours while closed
  uint16_t port_ = 0;
  std::unique_ptr<Listener> listener_;
  std::list<Session> sessions_;
};

}  // namespace nsq::nsqd
