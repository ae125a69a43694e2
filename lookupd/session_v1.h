#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/event/home.h"
#include "lookupd/json_text.h"
#include "lookupd/registration_db.h"

namespace nsq {
class Buffer;
}

namespace nsq::lookupd {

// What one nsqd says over one connection, and what it is answered: protocol V1.
//
//   magic ──▶ command ⇄ (IDENTIFY) body size ──▶ body
//     │          │             │                  │
//     └──────────┴─────────────┴──────────────────┴──▶ ended
//
// Every command gets one answer: length, 4 bytes, then text. Every error is answered and ends the
// session; so does the peer's end of file. What it had registered is gone from the database by the
// time that ended() is true.
//
// Home: its connection's loop, which is the database's. Knows no socket.
class SessionV1 {
 public:
  // The longest command of an nsqd has 140 bytes, its IDENTIFY some 200. nsqlookupd has no limit
  // for lines and trusts any size of a body, down to its own crash.
  static constexpr size_t kMaxLineBytes = size_t{16} * 1024;
  static constexpr size_t kMaxBodyBytes = size_t{64} * 1024;
  // What one call handles, in commands and parts of IDENTIFY: what an nsqd with thousands of topics
  // says after a reconnect must not keep others waiting.
  static constexpr size_t kStepsPerCall = 256;

  struct Progress {
    size_t consumed = 0;
    bool more = false;  // stopped by kStepsPerCall: call again
  };

  // `remote_address` ("ip:port") stands for the client in logs and JSON. `db` and `identity`
  // outlive the session; `id` is not in `db`.
  SessionV1(const Home& home, RegistrationDb* db, const Identity& identity, PeerId id,
            std::string remote_address);
  SessionV1(const SessionV1&) = delete;
  SessionV1& operator=(const SessionV1&) = delete;
  // Forgets what is registered if nobody has called End.
  ~SessionV1();

  // Does what `data` says as far as it is whole, and appends the answers to `out`. What is not
  // consumed comes again with what follows it. After the end nothing counts any more.
  Progress OnData(std::string_view data, Moment now, Buffer* out);

  // The peer says no more; `rest` was not consumed. Ends the session.
  void OnEof(std::string_view rest, Buffer* out);

  // The connection is gone: `why` is for the log. Nothing after the end.
  void End(std::string_view why);

  bool identified() const {
    home_.Assert();
    return identified_;
  }
  bool ended() const {
    home_.Assert();
    return state_ == State::kEnded;
  }

 private:
  enum class State { kMagic, kCommand, kBodySize, kBody, kEnded };

  size_t OnMagic(std::string_view data, Buffer* out) NSQ_REQUIRES(home_);
  size_t OnCommand(std::string_view data, Moment now, Buffer* out) NSQ_REQUIRES(home_);
  size_t OnBodySize(std::string_view data, Buffer* out) NSQ_REQUIRES(home_);
  size_t OnBody(std::string_view data, Moment now, Buffer* out) NSQ_REQUIRES(home_);

  void Execute(std::string_view line, Moment now, Buffer* out) NSQ_REQUIRES(home_);
  void Ping(Moment now, Buffer* out) NSQ_REQUIRES(home_);
  void Register(std::string_view topic, std::string_view channel) NSQ_REQUIRES(home_);
  void Unregister(std::string_view topic, std::string_view channel) NSQ_REQUIRES(home_);
  void LogRegistration(std::string_view verb, std::string_view topic, std::string_view channel)
      NSQ_REQUIRES(home_);

  // Answers with the error and ends. `cause` is for the log alone.
  void Fail(std::string_view error, Buffer* out, std::string_view cause = {}) NSQ_REQUIRES(home_);

  const Home& home_;
  RegistrationDb* const db_;
  const Identity& identity_;
  const PeerId id_;
  const std::string remote_address_;
  State state_ NSQ_GUARDED_BY(home_) = State::kMagic;
  bool identified_ NSQ_GUARDED_BY(home_) = false;
  size_t body_bytes_ NSQ_GUARDED_BY(home_) = 0;
};

}  // namespace nsq::lookupd
