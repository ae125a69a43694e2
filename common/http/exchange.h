#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/event/buffer.h"
#include "common/http/params.h"
#include "common/http/request_head.h"
#include "common/time.h"

namespace nsq {
class EventLoop;
}

namespace nsq::http {

class Exchange;

// What is said to a request.
struct Answer {
  int status = 200;
  std::string_view content_type;  // left out when the body is empty
  std::string_view body;
  bool v1 = false;  // with NSQ's X-NSQ-Content-Type header
};

// The connection an Exchange came by.
struct ExchangeOwner {
  virtual void OnAnswer(Exchange& exchange, const Answer& answer) = 0;
  virtual std::string Peer() const = 0;

 protected:
  ~ExchangeOwner() = default;
};

// How a request's body came to its end.
enum class BodyEnd : uint8_t {
  kWhole,
  kTooLong,  // longer than its route keeps
  kBroken,   // cut, or in bad chunks
};

// What a client asked for. The views live as long as the Exchange.
struct Request {
  Method method = Method::kGet;
  std::string_view target;  // as it was sent: "/pub?topic=a%23ephemeral"
  std::string_view query;   // of the target, raw
  std::string_view path;    // of the target, decoded
  std::string_view body;    // if its route keeps it; of whatever framing; what there is of it
  BodyEnd body_end = BodyEnd::kWhole;
  Params params;      // of the query
  std::string param;  // what stood in place of the pattern's ":name"
};

// One request and the right to answer it, once: now, or later on the same loop. Whoever needs
// another loop's help lets the Exchange travel in its letter, or keeps it under an id, and answers
// when the letter comes back. If the client or the server is gone by then, answers go nowhere.
// Destroying an unanswered one answers 500 INTERNAL_ERROR.
//
// Home: its server's loop; in a letter it may be carried, but not touched, elsewhere.
class Exchange {
 public:
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  const Request& request() const { return request_; }
  // As it was sent: all its fields, and a method that Method has no name for.
  const RequestHead& head() const { return head_; }
  // The value of the first header of that name, in any case; null if there is none.
  const std::string_view* Header(std::string_view name) const { return head_.Find(name); }
  // "10.0.0.1:50123", "@" for a Unix socket.
  std::string Peer() const;
  EventLoop& loop() const { return *loop_; }

  // NSQ's V1 envelope, with its X-NSQ-Content-Type header (spec, nsqd-http 2). Each of the
  // following answers; only the first counts.
  void Text(std::string_view body);  // 200; an empty body has no Content-Type
  void Json(std::string_view json) { Answer({200, kJson, json, true}); }
  void Empty() { Text({}); }
  void Error(int status, std::string_view code);  // {"message":"CODE"}
  // Without NSQ's header: /ping and what is not NSQ's own.
  void Plain(int status, std::string_view body) { Answer({status, kTextPlain, body, false}); }
  void Answer(const http::Answer& answer);

  // Goes out with the answer. Neither may hold a line end.
  void AddHeader(std::string_view name, std::string_view value);
  // The connection ends with this answer.
  void CloseAfterwards() { close_ = true; }

  bool answered() const { return answered_; }

  static constexpr std::string_view kJson = "application/json; charset=utf-8";
  static constexpr std::string_view kTextPlain = "text/plain; charset=utf-8";

 private:
  friend class ServerConnection;
  Exchange(EventLoop* loop, ExchangeOwner* owner, std::string_view head);

  // Fills request_ but for its body.
  std::optional<HeadError> Parse();
  // The connection is gone: what is said from now on goes nowhere.
  void Abandon() { owner_ = nullptr; }

  EventLoop* const loop_;
  ExchangeOwner* owner_;  // null once the connection or the server is gone
  std::string text_;      // of the head; what head_ and request_ view
  RequestHead head_;
  Buffer body_;
  Request request_;
  std::string decoded_path_;    // what request_.path views if the target has escapes
  std::string answer_headers_;  // "Allow: GET\r\n"
  const SteadyTime began_;
  bool logged_ = false;
  bool answered_ = false;
  bool close_ = false;
};

}  // namespace nsq::http
