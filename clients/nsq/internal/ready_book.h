#pragma once

#include <nsq/client_options.h>

#include <cstdint>
#include <vector>

#include "common/time.h"

namespace nsq::client {

using LinkId = uint64_t;

// Shares max_in_flight out among a consumer's connections. Pure: told what happens, says which RDY
// to send.
//
// RDY is a window: it stays until it is changed. With n connections and M = max_in_flight
//   n <= M: each has M / n, at most what its server allows
//   n > M:  M of them have 1, in turn: one that is idle or has had it for long hands it on, and
//           not before what it had in flight is answered
// Backing off, nobody has any; trying one message, one connection has 1.
//
// Home: its owner's.
class ReadyBook {
 public:
  enum class Mode { kNormal, kPaused, kTrying };
  struct Command {
    LinkId link;
    int count;
    bool operator==(const Command&) const = default;
  };

  // `options` outlives the book: low_rdy_idle_timeout and low_rdy_timeout.
  explicit ReadyBook(const ClientOptions& options) : options_(options) {}

  // After each of these Plan says what follows from it.
  void SetMaxInFlight(int count) { max_in_flight_ = count; }
  void SetMode(Mode mode) { mode_ = mode; }
  void Add(LinkId link, int max_rdy);
  void Remove(LinkId link);
  void OnMessages(LinkId link, int count, SteadyTime now);
  void OnAnswer(LinkId link);

  // What is to be sent, decreases first. Nothing if all is as it should be.
  std::vector<Command> Plan(SteadyTime now);
  // The same, every rdy_redistribute_interval: takes RDY from those that do not use it or have had
  // it for long, where not everybody can have some.
  std::vector<Command> Redistribute(SteadyTime now);

  // Whether an answer may free what another connection waits for.
  bool scarce() const {
    return mode_ == Mode::kNormal && links_.size() > static_cast<size_t>(max_in_flight_);
  }

  int max_in_flight() const { return max_in_flight_; }
  int rdy(LinkId link) const;
  int in_flight(LinkId link) const;
  SteadyTime last_message(LinkId link) const;
  int total_in_flight() const;
  size_t size() const { return links_.size(); }

 private:
  struct Entry {
    LinkId link;
    int max_rdy;
    int rdy = 0;
    int in_flight = 0;
    SteadyTime last_message;
    SteadyTime since;   // has had RDY
    uint64_t turn = 0;  // when it last had some, in the order of handing on; 0: never
    int wanted = 0;
  };

  Entry* Find(LinkId link);
  const Entry* Find(LinkId link) const;
  void WantScarce();
  void WantTrying();
  Entry* LongestWithout();

  const ClientOptions& options_;
  int max_in_flight_ = 0;
  Mode mode_ = Mode::kNormal;
  uint64_t turns_ = 0;
  std::vector<Entry> links_;  // in the order in which they came
};

}  // namespace nsq::client
