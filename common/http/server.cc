#include "common/http/server.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/listener.h>
#include <event2/util.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/config/duration.h"
#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/http/exchange.h"
#include "common/http/router.h"
#include "common/log.h"
#include "common/strings.h"

namespace nsq::http {
namespace {

// A body a little too long still reaches its handler, which answers in NSQ's words.
constexpr size_t kSlackBytes = size_t{16} << 20;
// How long a server without descriptors waits before it accepts again.
constexpr Duration kAcceptRetry = milliseconds(50);

// As Go writes a path into a Location header.
std::string EscapePath(std::string_view path) {
  static constexpr std::string_view kKept = "-_.~$&+,/:;=@";
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        kKept.find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      escaped += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return escaped;
}

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&#34;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

Limits Limits::ForBodies(size_t accepted_bytes) {
  Limits limits;
  limits.max_body_bytes = accepted_bytes + kSlackBytes;
  return limits;
}

class Server::Core final : public ExchangeOwner {
 public:
  Core(EventLoop& loop, const Router& router, Limits limits);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  virtual ~Core();

  Status Listen(UniqueFd fd);
  void Stop();
  size_t connections() const { return clients_.size(); }

  void OnAnswer(Exchange& exchange, int status) override;

 private:
  // A connection that has sent at least one whole request.
  struct Client {
    Exchange* waiting = nullptr;  // not yet answered
    bool writing = false;         // its answer is on the way
  };
  struct ReapTask : TurnTask {
    explicit ReapTask(Core* c) : core(c) {}
    void AtTurnEnd() noexcept override { core->CloseIdle(); }
    Core* const core;
  };

  void OnRequest(evhttp_request* raw);
  void Dispatch(std::unique_ptr<Exchange> exchange);
  void Redirect(std::unique_ptr<Exchange> exchange, const std::string& path);
  void OnWritten(evhttp_connection* connection);
  void OnConnectionGone(evhttp_connection* connection);
  void CloseIdle();

  static void OnAcceptError(evconnlistener* listener, void* http);

  // evhttp passes itself to the error callback of its listeners, and carries nothing of ours: this
  // says whose it is. Servers of all loops, so under a mutex; read only when accepting fails.
  struct Registry {
    std::mutex mutex;
    std::unordered_map<const void*, Core*> cores;
  };
  static Registry& TheRegistry() {
    static auto* const registry = new Registry;
    return *registry;
  }

  EventLoop& loop_;
  const Router& router_;
  evhttp* const http_;
  std::vector<evhttp_bound_socket*> listening_;
  std::unordered_map<evhttp_connection*, Client> clients_;
  Timer accept_again_;
  ReapTask reap_{this};
  bool stopping_ = false;
};

Server::Core::Core(EventLoop& loop, const Router& router, Limits limits)
    : loop_(loop), router_(router), http_(evhttp_new(loop.base())), accept_again_(loop, [this] {
        for (evhttp_bound_socket* bound : listening_) {
          evconnlistener_enable(evhttp_bound_socket_get_listener(bound));
        }
      }) {
  loop_.home().Assert();
  NSQ_CHECK(http_ != nullptr);
  evhttp_set_max_headers_size(http_, static_cast<ev_ssize_t>(limits.max_header_bytes));
  evhttp_set_max_body_size(http_, static_cast<ev_ssize_t>(limits.max_body_bytes));
  evhttp_set_allowed_methods(http_, 0xFFFF);  // the router knows better
  evhttp_set_default_content_type(http_, nullptr);
  // TLS enters here: evhttp_set_bevcb with a bufferevent over OpenSSL.
  evhttp_set_gencb(
      http_, [](evhttp_request* raw, void* self) { static_cast<Core*>(self)->OnRequest(raw); },
      this);
  Registry& registry = TheRegistry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  registry.cores.emplace(http_, this);
}

Server::Core::~Core() {
  loop_.home().Assert();
  {
    Registry& registry = TheRegistry();
    const std::lock_guard<std::mutex> lock(registry.mutex);
    registry.cores.erase(http_);
  }
  evhttp_free(http_);  // tells each connection that it goes
}

Status Server::Core::Listen(UniqueFd fd) {
  loop_.home().Assert();
  evhttp_bound_socket* const bound = evhttp_accept_socket_with_handle(http_, fd.get());
  if (bound == nullptr) return Status(Code::kIo, "cannot watch the listening socket");
  std::ignore = fd.Release();
  evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), &Core::OnAcceptError);
  listening_.push_back(bound);
  return Status();
}

// Out of descriptors, most likely: those who are connected go on.
void Server::Core::OnAcceptError(evconnlistener* listener, void* http) {
  Core* core = nullptr;
  {
    Registry& registry = TheRegistry();
    const std::lock_guard<std::mutex> lock(registry.mutex);
    core = registry.cores.at(http);  // stays: we are on its loop
  }
  evconnlistener_disable(listener);
  core->accept_again_.ArmAfter(kAcceptRetry);
}

void Server::Core::Stop() {
  loop_.home().Assert();
  stopping_ = true;
  accept_again_.Cancel();
  for (evhttp_bound_socket* bound : std::exchange(listening_, {})) {
    evhttp_del_accept_socket(http_, bound);
  }
  loop_.AtTurnEnd(TurnPhase::kSocket, &reap_);
}

void Server::Core::CloseIdle() {
  std::vector<evhttp_connection*> idle;
  for (const auto& [connection, client] : clients_) {
    if (client.waiting == nullptr && !client.writing) idle.push_back(connection);
  }
  for (evhttp_connection* connection : idle) evhttp_connection_free(connection);
}

void Server::Core::OnRequest(evhttp_request* raw) {
  loop_.Now();
  evhttp_connection* const connection = evhttp_request_get_connection(raw);
  const auto [at, is_new] = clients_.try_emplace(connection);
  if (is_new) {
    SetTcpOptions(bufferevent_getfd(evhttp_connection_get_bufferevent(connection)));
    evhttp_connection_set_closecb(
        connection,
        [](evhttp_connection* gone, void* self) {
          static_cast<Core*>(self)->OnConnectionGone(gone);
        },
        this);
  }
  evhttp_request_set_on_complete_cb(
      raw,
      [](evhttp_request* written, void* self) {
        static_cast<Core*>(self)->OnWritten(evhttp_request_get_connection(written));
      },
      this);
  std::unique_ptr<Exchange> exchange(new Exchange(&loop_, this, raw));
  at->second.waiting = exchange.get();
  Dispatch(std::move(exchange));
}

void Server::Core::Dispatch(std::unique_ptr<Exchange> exchange) {
  const bool understood = exchange->Parse();
  const Request& request = exchange->request();
  const bool may_have_body = request.method != Method::kHead && request.method != Method::kTrace &&
                             request.method != Method::kOther;
  const char* const coding = exchange->Header("Transfer-Encoding");
  if (!may_have_body) {
    // evhttp does not read a body here: what follows would be taken for the next request.
    const char* const length = exchange->Header("Content-Length");
    if (coding != nullptr || (length != nullptr && std::string_view(length) != "0")) {
      exchange->CloseAfterwards();
    }
  }
  if (!understood) {
    exchange->CloseAfterwards();
    exchange->Plain(400, "400 Bad Request");
    return;
  }
  if (coding != nullptr && evutil_ascii_strcasecmp(coding, "chunked") != 0) {
    // Nobody knows where its body ends.
    exchange->CloseAfterwards();
    exchange->Plain(501, "Unsupported transfer encoding");
    return;
  }
  if (exchange->raw_->minor >= 1 && exchange->Header("Host") == nullptr) {
    exchange->CloseAfterwards();
    exchange->Plain(400, "400 Bad Request: missing required Host header");
    return;
  }

  if (const Route* route = router_.Find(request.method, request.path, &exchange->request_.param)) {
    exchange->logged_ = route->access == Access::kLogged;
    route->handler(std::move(exchange));
    return;
  }
  if (const auto path = router_.Corrected(request.method, request.path)) {
    Redirect(std::move(exchange), *path);
    return;
  }
  const std::string allowed = router_.Allowed(request.path);
  if (!allowed.empty()) exchange->AddHeader("Allow", allowed);
  if (request.method == Method::kOptions && !allowed.empty()) {
    exchange->Plain(200, "");
    return;
  }
  exchange->logged_ = true;
  if (allowed.empty()) {
    exchange->Error(404, "NOT_FOUND");
  } else {
    exchange->Error(405, "METHOD_NOT_ALLOWED");
  }
}

void Server::Core::Redirect(std::unique_ptr<Exchange> exchange, const std::string& path) {
  const Request& request = exchange->request();
  std::string location = EscapePath(path);
  if (request.target.find('?') != std::string_view::npos)
    location.append("?").append(request.query);
  exchange->AddHeader("Location", location);
  if (request.method == Method::kGet) {
    exchange->Answer(301, "text/html; charset=utf-8",
                     StrCat("<a href=\"", EscapeHtml(location), "\">Moved Permanently</a>.\n\n"),
                     false);
  } else {
    exchange->Plain(307, "");
  }
}

void Server::Core::OnAnswer(Exchange& exchange, int status) {
  loop_.home().Assert();
  Client& client = clients_.at(evhttp_request_get_connection(exchange.raw_));
  client.waiting = nullptr;
  client.writing = true;
  if (stopping_) exchange.CloseAfterwards();
  if (!exchange.logged_) return;
  const Duration took = std::chrono::steady_clock::now() - exchange.began_;
  const Request& request = exchange.request();
  NSQ_LOG(kInfo, status, " ", ToString(request.method), " ", request.target, " (", exchange.Peer(),
          ") ", FormatGoDuration(took));
}

void Server::Core::OnWritten(evhttp_connection* connection) {
  const auto at = clients_.find(connection);
  if (at == clients_.end()) return;
  at->second.writing = false;
  if (stopping_) loop_.AtTurnEnd(TurnPhase::kSocket, &reap_);
}

void Server::Core::OnConnectionGone(evhttp_connection* connection) {
  const auto at = clients_.find(connection);
  if (at == clients_.end()) return;
  if (at->second.waiting != nullptr) at->second.waiting->Abandon();
  clients_.erase(at);
}

Server::Server(EventLoop& loop, const Router& router, Limits limits)
    : core_(std::make_unique<Core>(loop, router, limits)) {}

Server::~Server() = default;

Status Server::Listen(UniqueFd fd) { return core_->Listen(std::move(fd)); }
void Server::Stop() { core_->Stop(); }
size_t Server::connections() const { return core_->connections(); }

}  // namespace nsq::http
