#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/address.h"
#include "common/event/stream_filter.h"
#include "common/event/unique_fd.h"
#include "common/time.h"

namespace nsq::cluster {

struct Message {
  std::string id;
  int attempts = 0;
  int64_t timestamp_ns = 0;
  std::string body;
};

// A client of nsqd's TCP port that blocks, for tests. Answers heartbeats by itself.
class V2Client {
 public:
  explicit V2Client(uint16_t port);
  explicit V2Client(const Address& address);
  // Says `first` instead of the magic.
  V2Client(uint16_t port, std::string_view first);
  V2Client(const Address& address, std::string_view first);
  // Nothing if nobody listens there: for daemons that may be dead already.
  static std::optional<V2Client> TryConnect(uint16_t port);

  // Each sends the command and gives the answer: "OK", "CLOSE_WAIT", "E_..."; "" if the connection
  // ended or nothing came in time.
  std::string Pub(const std::string& topic, std::string_view body);
  std::string Mpub(const std::string& topic, const std::vector<std::string>& bodies);
  std::string Dpub(const std::string& topic, Duration delay, std::string_view body);
  std::string Sub(const std::string& topic, const std::string& channel);
  std::string Cls();

  // Not answered if all is well.
  void Rdy(int count);
  void Fin(const std::string& id);
  void Req(const std::string& id, Duration delay);

  // The next message; nothing if the connection ended or none came in time.
  std::optional<Message> Next(Duration patience);
  std::optional<Message> Next();

  // Sends the command without waiting for its answer; false once the connection is broken.
  bool Send(std::string_view line);
  bool Send(std::string_view line, std::string_view body);
  std::string Answer();

  // Puts a layer between here and nsqd, which has granted it, and gives the OK that comes through
  // it; of TLS that nsqd refuses: what it says in plain, or nothing.
  std::string Upgrade(std::unique_ptr<StreamFilter> filter);
  // Sends it as it is, whatever the layers.
  bool SendRaw(std::string_view bytes);
  // All that comes until nsqd closes the connection.
  std::string RawUntilEnd();

 private:
  explicit V2Client(UniqueFd fd);

  bool SendBytes(std::string_view bytes);
  bool ReadFrame(SteadyTime deadline);  // sorts one frame into answers_ or messages_
  bool ReadMore(SteadyTime deadline);
  void Decode(size_t first_filter, std::string bytes);

  UniqueFd fd_;
  std::vector<std::unique_ptr<StreamFilter>> filters_;  // outermost first
  Status broken_;                                       // a layer
  std::string raw_;                                     // the last that was read
  std::string received_;                                // decoded
  std::deque<std::string> answers_;
  std::deque<Message> messages_;
};

}  // namespace nsq::cluster
