#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nsqd/queue/consumer.h"

namespace nsq::nsqd {

// Keeps what it is given.
struct FakeConsumer : Consumer {
  struct Message {
    Sequence sequence;
    WallTime timestamp;
    uint16_t attempts;
    std::string body;
  };

  void Deliver(const Delivery& delivery) override {
    messages.push_back(
        {delivery.sequence, delivery.timestamp, delivery.attempts, std::string(delivery.body)});
  }
  void Flush() override { ++flushes; }
  void OnChannelClosed() override { closed = true; }
  ClientStats Describe() const override { return {}; }

  std::vector<std::string> Bodies() const {
    std::vector<std::string> bodies;
    for (const Message& message : messages) bodies.push_back(message.body);
    return bodies;
  }

  std::vector<Message> messages;
  int flushes = 0;
  bool closed = false;
};

}  // namespace nsq::nsqd
