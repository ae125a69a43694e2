#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/event/connection.h"
#include "common/event/connection_limit.h"
#include "common/http/body_reader.h"
#include "common/http/exchange.h"
#include "common/http/router.h"
#include "common/time.h"

namespace nsq {
class Timer;
class TlsContext;
}  // namespace nsq

namespace nsq::http {

class ServerConnection;

// What the connections of a server share.
class ServerConnectionOwner {
 public:
  virtual const Router& router() const = 0;
  // What all requests without TLS are given to; null: to the router's.
  virtual const Route* plain_route() const = 0;
  // Whether connections end with their present request.
  virtual bool stopping() const = 0;
  // "Date: Sat, 21 Nov 2026 10:36:48 GMT\r\n"
  virtual std::string_view DateHeader() = 0;
  // It is closed: delete it, but not at once (DeferDelete).
  virtual void OnGone(ServerConnection* connection) = 0;

  virtual ~ServerConnectionOwner() = default;
};

// One client of a Server: cuts what it sends into requests, has each answered before it looks at
// the next, and writes the answers.
//
//   head --> body --> answer --> head ...
//
// Home: its server's loop.
// Memory: of a head at most kMaxHeadBytes, of a body what its route keeps, and what the client does
// not read of the answers up to about kMaxUnsentBytes and one answer.
class ServerConnection final : public Connection::Handler, public ExchangeOwner, public Deferrable {
 public:
  // The longest head, as of Go's server.
  static constexpr size_t kMaxHeadBytes = (size_t{1} << 20) + 4096;
  // A body that nobody wants is read if it is shorter, so that the connection can go on; else the
  // connection ends with the answer. As Go's server.
  static constexpr size_t kMaxDroppedBytes = size_t{256} << 10;
  // A client that leaves so much unread is not listened to.
  static constexpr size_t kMaxUnsentBytes = size_t{1} << 20;
  // Of requests that were sent without waiting for answers, so many are answered in a turn, or
  // with so much; the other connections come first.
  static constexpr size_t kAnswersPerTurn = 16;
  static constexpr size_t kAnswerBytesPerTurn = size_t{64} << 10;

  // `owner` outlives it. `tls`: what the client speaks TLS by; null: it does not. It has shaken
  // hands within `handshake_time` or is closed. `place` is held until then.
  ServerConnection(EventLoop& loop, UniqueFd fd, ServerConnectionOwner* owner,
                   const TlsContext* tls, Duration handshake_time, ConnectionPlace place);
  ~ServerConnection() override;

  // Ends it now if no request is in progress, else with its answer.
  void Stop();

  // Connection::Handler
  size_t OnData(std::string_view data) override;
  void OnEof(std::string_view rest) override;
  void OnClosed(const Status& why) override;
  void OnDrained() override;
  void OnFilterReady(const Status& status) override;

  // ExchangeOwner
  void OnAnswer(Exchange& exchange, const Answer& answer) override;
  std::string Peer() const override;

 private:
  struct ResumeTask : TurnTask {
    explicit ResumeTask(ServerConnection* c) : connection(c) {}
    void AtTurnEnd() noexcept override { connection->ResumeUnlessWaiting(); }
    ServerConnection* const connection;
  };

  bool IsTurnSpent() const;
  void ResumeUnlessWaiting();
  size_t TakeHead(std::string_view data);
  void Begin(std::string_view head);
  bool IsBodyWanted();
  BodyUse body_use() const;  // of reading_
  size_t TakeBody(std::string_view data);
  void Keep(std::string_view piece);
  void CallBroken();
  void Ask();
  void Refuse(const HeadError& error);
  void HandshakeFailed(std::string_view reason);
  void Log(const Exchange& exchange, int status) const;

  EventLoop& loop_;
  ServerConnectionOwner& owner_;
  const ConnectionPlace place_;
  Connection connection_;
  const bool is_plain_;
  std::unique_ptr<Timer> handshake_timer_;  // during one

  // The request whose body is being read, and the way there.
  std::unique_ptr<Exchange> reading_;
  const Route* route_ = nullptr;  // of reading_; null: nobody takes it
  BodyReader body_;
  size_t dropped_bytes_ = 0;  // of the body

  Exchange* waiting_ = nullptr;  // not yet answered; somebody else's
  size_t scanned_bytes_ = 0;     // of an unfinished head: no end is in them
  bool line_checked_ = false;    // of an unfinished head: its first line is one of HTTP
  size_t newlines_left_ = 0;     // that may stand before the next head
  bool ending_ = false;          // what comes from the client is ignored
  bool eof_ = false;
  size_t answers_ = 0;  // since OnData was called
  size_t answer_bytes_ = 0;
  ResumeTask resume_{this};
};

}  // namespace nsq::http
