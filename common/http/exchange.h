#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/http/params.h"
#include "common/time.h"

struct evhttp_request;

namespace nsq {
class EventLoop;
}

namespace nsq::http {

class Exchange;

// Who made an Exchange and wants to hear of its end.
struct ExchangeOwner {
  // Before the answer leaves.
  virtual void OnAnswer(Exchange& exchange, int status) = 0;

 protected:
  ~ExchangeOwner() = default;
};

enum class Method : uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kPatch,
  kDelete,
  kOptions,
  kTrace,
  kConnect,
  kOther,
};
inline constexpr size_t kMethods = 10;
std::string_view ToString(Method method);

// What a client asked for. The views live as long as the Exchange and are void once it is answered.
struct Request {
  Method method = Method::kGet;
  std::string_view target;  // as it was sent: "/pub?topic=a%23ephemeral"
  std::string_view query;   // of the target, raw
  std::string_view path;    // of the target, decoded
  std::string_view body;    // whole, of whatever framing
  Params params;            // of the query
  std::string param;        // what stood in place of the pattern's ":name"
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
  // Null if there is no such header; names in any case.
  const char* Header(const char* name) const;
  // "10.0.0.1:50123", "@" for a Unix socket.
  std::string Peer() const;
  EventLoop& loop() const { return *loop_; }

  // NSQ's V1 envelope, with its X-NSQ-Content-Type header (spec, nsqd-http 2). Each of the
  // following answers; only the first counts.
  void Text(std::string_view body);  // 200; an empty body has no Content-Type
  void Json(std::string_view json) { Answer(200, kJson, json, true); }
  void Empty() { Text({}); }
  void Error(int status, std::string_view code);  // {"message":"CODE"}
  // Without NSQ's header: /ping and what is not NSQ's own.
  void Plain(int status, std::string_view body) { Answer(status, kTextPlain, body, false); }
  // Anything else. `content_type` is left out when the body is empty.
  void Answer(int status, std::string_view content_type, std::string_view body, bool v1);

  // Goes out with the answer.
  void AddHeader(const std::string& name, const std::string& value);
  // The connection ends with this answer.
  void CloseAfterwards() { AddHeader("Connection", "close"); }

  bool answered() const { return raw_ == nullptr; }

  static constexpr std::string_view kJson = "application/json; charset=utf-8";
  static constexpr std::string_view kTextPlain = "text/plain; charset=utf-8";

 private:
  friend class Server;
  Exchange(EventLoop* loop, ExchangeOwner* owner, evhttp_request* raw);

  // Fills request_; false if the target cannot be decoded.
  bool Parse();
  // The connection is gone: what is said from now on goes nowhere.
  void Abandon() { owner_ = nullptr; }

  EventLoop* const loop_;
  ExchangeOwner* owner_;  // null once the connection or the server is gone
  evhttp_request* raw_;   // null once answered
  Request request_;
  std::string decoded_path_;  // what request_.path views if the target has escapes
  SteadyTime began_;
  bool logged_ = false;
};

}  // namespace nsq::http
