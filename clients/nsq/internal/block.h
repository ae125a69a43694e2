#pragma once

#include <nsq/message.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "clients/nsq/internal/ready_book.h"
#include "common/time.h"

namespace nsq::client {

class ConsumerCore;

// One connection of a consumer as its messages see it, also after it is gone.
//
// Home: any thread.
struct Source {
  std::weak_ptr<ConsumerCore> core;
  LinkId link = 0;
  std::string address;
  Duration msg_timeout{0};
  Duration max_msg_timeout{0};
  std::atomic<bool> lost{false};
  std::atomic<int> rdy{0};
  std::atomic<int> in_flight{0};  // answered ones are not counted from the moment of the answer
};

// What one read brought: the frames of its messages, which share it. Immutable once filled.
struct Block {
  std::shared_ptr<Source> source;
  SteadyTime received;
  std::unique_ptr<char[]> bytes;

  static Message MakeMessage(std::shared_ptr<Block> block, const char* frame, size_t size) {
    return Message(std::move(block), frame, size);
  }
  static const std::shared_ptr<Source>& SourceOf(const Message& message) {
    return message.block_->source;
  }
};

}  // namespace nsq::client
