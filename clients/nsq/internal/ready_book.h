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
// With rdy_on_demand and n <= M each has what it needs, as far as there is enough, and an equal
// part of what is left. It needs twice the most it had in flight, over the last one to two
// rdy_redistribute_intervals; one that has all in flight that it may have gets more at once.
// Nothing is handed on before it is free: RDY and what is in flight never make more than M
// together.
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

  // `options` outlives the book: low_rdy_idle_timeout, low_rdy_timeout and rdy_on_demand.
  explicit ReadyBook(const ClientOptions& options) : options_(options) {}

  // After each of these Plan says what follows from it.
  void SetMaxInFlight(int count) { max_in_flight_ = count; }
  void SetMode(Mode mode) { mode_ = mode; }
  void Add(LinkId link, int max_rdy);
  void Remove(LinkId link);
  // True if Plan is worth asking for: this connection could do with more.
  bool OnMessages(LinkId link, int count, SteadyTime now);
  void OnAnswer(LinkId link);

  // What is to be sent, decreases first. Nothing if all is as it should be.
  std::vector<Command> Plan(SteadyTime now);
  // The same, every rdy_redistribute_interval: takes RDY from those that do not use it or have had
  // it for long, where not everybody can have some.
  std::vector<Command> Redistribute(SteadyTime now);

  // Whether an answer may free what another connection waits for.
  bool waits_for_answers() const { return scarce() || withheld_; }

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
    // For rdy_on_demand: the most in flight in this interval, and in the one before.
    int peak = 0;
    int last_peak = 0;
    bool full = false;  // had all that it may have in flight since RDY was set
    bool fresh = true;  // nothing is known about it yet
  };

  Entry* Find(LinkId link);
  const Entry* Find(LinkId link) const;
  bool scarce() const {
    return mode_ == Mode::kNormal && links_.size() > static_cast<size_t>(max_in_flight_);
  }
  void WantScarce();
  void WantTrying();
  void WantByDemand();
  void WithholdWhatIsNotFree();
  Entry* LongestWithout();

  const ClientOptions& options_;
  int max_in_flight_ = 0;
  Mode mode_ = Mode::kNormal;
  uint64_t turns_ = 0;
  bool withheld_ = false;     // somebody has less than wanted, until something is answered
  std::vector<Entry> links_;  // in the order in which they came
};

}  // namespace nsq::client
