#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/event/unique_fd.h"
#include "common/time.h"

namespace nsq::client {

// How long anything may take before a test gives up.
inline constexpr Duration kPatience = seconds(20);

// What stands in for an nsqd: answers as told, and keeps what it was told.
//
// A consumer gets the next of `messages` every 20 ms while its RDY is above 0.
class FakeNsqd {
 public:
  struct Script {
    std::string identify_answer =
        R"({"max_rdy_count":2500,"version":"1.3.0","msg_timeout":60000,"auth_required":false})";
    std::string sub_answer = "OK";
    bool answer_cls = true;
    Duration heartbeat_interval{0};  // 0: none
    bool mute = false;               // says nothing after the handshake
    // What to answer a publish with: a response, an error ("E_..."), "" for nothing, or "close".
    std::function<std::string(const std::string& command)> on_publish;
    Duration message_interval = milliseconds(20);
    bool wait_for_answer = false;  // one message in flight: no race of RDY 0 with the next one
  };

  explicit FakeNsqd(Script script);
  FakeNsqd() : FakeNsqd(Script()) {}
  FakeNsqd(const FakeNsqd&) = delete;
  FakeNsqd& operator=(const FakeNsqd&) = delete;
  ~FakeNsqd();

  std::string address() const;

  // A message to be delivered; its id is "<number>" filled up to 16 characters.
  void Add(std::string body, uint16_t attempts = 0);
  // Sends this frame to everybody now.
  void SendAll(uint32_t type, std::string_view payload);
  // Ends all connections, without a word; new ones are welcome, or refused from now on.
  void Disconnect();
  void StopListening();

  // What all clients have said, in order: "IDENTIFY", "SUB", "RDY 5", "FIN", "REQ 0", "PUB t",
  // "NOP"; and "EOF".
  std::vector<std::string> commands() const;
  // The same without NOP, when there are so many, or patience is over.
  std::vector<std::string> AwaitCommands(size_t count) const;
  bool Await(const std::function<bool(const std::vector<std::string>&)>& condition) const;
  std::string identify_body() const;
  size_t connections() const { return connections_; }

 private:
  struct Client;
  struct Pending {
    std::string body;
    uint16_t attempts;
  };

  void Accept();
  void Serve(const std::shared_ptr<Client>& client);
  bool ReadSome(Client* client);
  // Takes one command off what was received; false if it is not there whole.
  bool Understand(Client* client);
  void OnCommand(Client* client, const std::string& line, const std::string& body);
  void Note(std::string command);

  const Script script_;
  UniqueFd listener_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> connections_{0};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> commands_;
  std::string identify_body_;
  std::deque<Pending> messages_;
  int last_id_ = 0;
  std::list<std::shared_ptr<Client>> clients_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

inline bool EndsWith(const std::vector<std::string>& commands, std::string_view last) {
  return !commands.empty() && commands.back() == last;
}

}  // namespace nsq::client
