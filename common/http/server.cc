#include "common/http/server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/config/duration.h"
#include "common/event/address.h"
#include "common/event/connection.h"
#include "common/event/event_loop.h"
#include "common/event/signal_watch.h"
#include "common/event/timer.h"
#include "common/html.h"
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
  // A connection that evhttp refuses by itself: "400 Bad Request".
  struct Refusal {
    bufferevent* stream;  // we hold a reference
    std::string status;
  };
  // Says why, and stays until the client has heard it.
  struct LastWords : Connection::Handler, Deferrable {
    LastWords(Core& c, UniqueFd fd) : core(c), connection(c.loop_, std::move(fd), this) {
      connection.CloseAfterFlush();
    }
    size_t OnData(std::string_view data) override { return data.size(); }
    void OnEof(std::string_view) override {}
    void OnClosed(const Status&) override { core.Forget(this); }
    Core& core;
    Connection connection;
  };
  struct RefuseTask : TurnTask {
    explicit RefuseTask(Core* c) : core(c) {}
    void AtTurnEnd() noexcept override { core->AnswerRefusals(); }
    Core* const core;
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
  static bufferevent* NewStream(event_base* base, void* self);
  static void OnOutput(evbuffer* output, const evbuffer_cb_info* change, void* stream);
  void OnRefusal(evhttp_connection* connection, bufferevent* stream, std::string status);
  void Forget(LastWords* done);
  void AnswerRefusals();

  // evhttp passes itself to the error callback of its listeners, and carries nothing of ours: this
  // says whose it is. Servers of all loops, so under a mutex; read only when something is wrong.
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
  std::vector<Refusal> refusals_;
  std::vector<std::unique_ptr<LastWords>> last_words_;
  RefuseTask refuse_{this};
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
  IgnoreSignals({SIGPIPE});  // evhttp writes to connections that may be gone
  evhttp_set_max_headers_size(http_, static_cast<ev_ssize_t>(limits.max_header_bytes));
  evhttp_set_max_body_size(http_, static_cast<ev_ssize_t>(limits.max_body_bytes));
  evhttp_set_allowed_methods(http_, 0xFFFF);  // the router knows better
  evhttp_set_default_content_type(http_, nullptr);
  // TLS enters here: NewStream makes a bufferevent over OpenSSL.
  evhttp_set_bevcb(http_, &Core::NewStream, this);
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
  for (const Refusal& refusal : refusals_) bufferevent_decref(refusal.stream);
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

bufferevent* Server::Core::NewStream(event_base* base, void* /*self*/) {
  bufferevent* const stream = bufferevent_socket_new(base, -1, 0);
  if (stream != nullptr) evbuffer_add_cb(bufferevent_get_output(stream), &OnOutput, stream);
  return stream;
}

// What evhttp cannot read it refuses by itself, with a page of its own, and closes at once, which
// makes the kernel drop the page if the client is still sending. Such answers are found here, by
// their being none of ours, and given properly instead.
void Server::Core::OnOutput(evbuffer* output, const evbuffer_cb_info* change, void* stream) {
  if (change->n_added == 0 || change->orig_size != 0) return;
  static constexpr std::string_view kVersion = "HTTP/1.1 ";
  evbuffer_iovec begin;
  if (evbuffer_peek(output, 16, nullptr, &begin, 1) < 1) return;
  std::string_view line(static_cast<const char*>(begin.iov_base), begin.iov_len);
  if (line.size() <= kVersion.size()) return;
  line.remove_prefix(kVersion.size());
  if (line[0] != '4' && line[0] != '5') return;
  void* connection = nullptr;
  bufferevent_getcb(static_cast<bufferevent*>(stream), nullptr, nullptr, nullptr, &connection);
  if (connection == nullptr) return;
  auto* const owner = static_cast<evhttp_connection*>(connection);
  Core* core = nullptr;
  {
    Registry& registry = TheRegistry();
    const std::lock_guard<std::mutex> lock(registry.mutex);
    core = registry.cores.at(evhttp_connection_get_server(owner));
  }
  core->OnRefusal(owner, static_cast<bufferevent*>(stream),
                  std::string(line.substr(0, line.find('\r'))));
}

void Server::Core::OnRefusal(evhttp_connection* connection, bufferevent* stream,
                             std::string status) {
  const auto at = clients_.find(connection);
  if (at != clients_.end() && at->second.writing) return;  // our own answer
  bufferevent_incref(stream);
  refusals_.push_back({stream, std::move(status)});
  loop_.AtTurnEnd(TurnPhase::kSocket, &refuse_);
}

void Server::Core::AnswerRefusals() {
  for (const auto& [stream, status] : std::exchange(refusals_, {})) {
    void* connection = nullptr;
    bufferevent_getcb(stream, nullptr, nullptr, nullptr, &connection);
    const int fd = bufferevent_getfd(stream);
    bufferevent_disable(stream, EV_READ | EV_WRITE);
    bufferevent_decref(stream);
    if (connection == nullptr) continue;  // the client has gone meanwhile

    const bool too_big = status.starts_with("413");
    const std::string body = too_big ? "{\"message\":\"BODY_TOO_BIG\"}" : status;
    const std::string answer = StrCat(
        "HTTP/1.1 ", status, "\r\n", too_big ? "X-NSQ-Content-Type: nsq; version=1.0\r\n" : "",
        "Content-Type: ", too_big ? Exchange::kJson : Exchange::kTextPlain,
        "\r\nConnection: close\r\n\r\n", body);  // no length, as from Go's server
    // What was said before has been taken, so the kernel has room for this.
    std::ignore = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    UniqueFd same(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    evhttp_connection_free(static_cast<evhttp_connection*>(connection));
    if (same.valid()) last_words_.push_back(std::make_unique<LastWords>(*this, std::move(same)));
  }
}

void Server::Core::Forget(LastWords* done) {
  const auto at = std::find_if(last_words_.begin(), last_words_.end(),
                               [done](const auto& words) { return words.get() == done; });
  loop_.DeferDelete(std::move(*at));
  last_words_.erase(at);
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
  if (request.method == Method::kOptions && request.path == "*") {
    exchange->Plain(200, "");
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
