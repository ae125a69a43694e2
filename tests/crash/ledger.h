#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/time.h"
#include "tests/cluster/support/v2_client.h"

namespace nsq::crash {

// A body is a name, "p3.0.17", and may go on with a space and any number of these.
constexpr char kPadding = 'x';

// What all clients of one test know together of one topic: what was promised, what came. A broken
// promise is a failure of the test where it is seen.
//
// Home: any thread.
class Ledger {
 public:
  // What a crash may take beside what was never acknowledged.
  enum class Promise {
    kAll,
    // After a power cut: what consumers did is known up to the last sync, so that messages may come
    // again, and their attempts be counted anew.
    kMessagesOnly,
  };
  explicit Ledger(Promise promise) : promise_(promise) {}

  // The daemon was ended, its clients are gone.
  void NextRound();

  // --- producers

  // Before the command is sent. Not to be delivered before `not_before`.
  void Sent(const std::vector<std::string>& bodies, SteadyTime not_before = SteadyTime());
  // It was answered OK.
  void Acknowledged(const std::vector<std::string>& bodies);
  size_t acknowledged() const;

  // --- channels

  // Asked for, or asked to be removed: whether it is there, and what it has, is not known.
  void ChannelAsked(const std::string& channel);
  // That was answered OK: what is sent from now on it gets, what was acknowledged before it was
  // asked for it does not get.
  void ChannelBegun(const std::string& channel);
  void ChannelEnded(const std::string& channel);
  // Begun and not asked to be removed; ended and not asked for.
  bool IsThere(const std::string& channel) const;
  std::vector<std::string> ChannelsThere() const;
  std::vector<std::string> ChannelsGone() const;

  // --- consumers

  void Received(const std::string& channel, const cluster::Message& message);
  // nsqd has said something on this connection after it has read the consumer's FIN, so it is in
  // the journal: never again.
  void Finished(const std::string& channel, const std::vector<std::string>& ids);
  // The same of REQ with a delay.
  void Requeued(const std::string& channel, const std::map<std::string, SteadyTime>& not_before);
  // FIN was sent; nsqd may not have read it.
  void Done(const std::string& channel, const cluster::Message& message);

  // --- the end

  // What the channel should have been given and nobody could finish; at most a few of them.
  std::vector<std::string> Lost(const std::string& channel) const;

 private:
  struct Body {
    uint64_t sent = 0;
    uint64_t acknowledged = 0;  // 0: not
    SteadyTime not_before;
  };
  struct Delivered {
    int round = 0;
    int attempts = 0;
    bool finished = false;
    SteadyTime not_before;
  };
  struct Channel {
    bool known = false;  // whether it is there or not
    bool there = false;
    uint64_t asked = 0;
    uint64_t begun = 0;
    std::map<std::string, Delivered> delivered;  // by id
    std::map<std::string, int> done;             // by name of the body
  };

  const Promise promise_;
  mutable std::mutex mutex_;
  int round_ = 1;
  uint64_t clock_ = 0;  // counts what happens
  size_t acknowledged_ = 0;
  std::map<std::string, Body> bodies_;          // by name
  std::map<std::string, std::string> body_of_;  // names, by id
  std::map<std::string, Channel> channels_;
};

}  // namespace nsq::crash
