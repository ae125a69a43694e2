#include "admin/http_server.h"

#include <pthread.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "admin/call_stats.h"
#include "admin/thread_pool.h"
#include "common/config/duration.h"
#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/event/timer.h"
#include "common/http/exchange.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "common/log.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

// Requests at once. Each may wait for daemons for seconds; more than this are people enough for
// several nsqadmins.
constexpr size_t kMostThreads = 128;
// Those that wait for a thread included; beyond that 503.
constexpr size_t kMostRequests = 1024;
// Of a request's body: names and actions are short.
constexpr size_t kMostBodyBytes = size_t{1} << 20;
// Below this compression costs more than it saves.
constexpr size_t kLeastCompressedBytes = 1024;
// What clients have at the end to take their answers.
constexpr Duration kLastWordsTime = milliseconds(500);
constexpr Duration kLastWordsPoll = milliseconds(5);

// As nsqadmin: the first word that is exactly one of the two; no weights.
std::string_view EncodingFor(std::string_view accept_encoding) {
  for (std::string_view word : Split(accept_encoding, ',')) {
    while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
    while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
    if (word == "gzip" || word == "deflate") return word;
  }
  return {};
}

// "deflate" is the bare format, without zlib's header, as nsqadmin sends it. Empty if zlib refuses.
std::string Compress(const std::string& plain, std::string_view encoding) {
  constexpr int kGzip = 15 + 16;
  constexpr int kBare = -15;
  z_stream stream{};
  if (deflateInit2(&stream, 3, Z_DEFLATED, encoding == "gzip" ? kGzip : kBare, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string out(deflateBound(&stream, static_cast<uLong>(plain.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

constexpr std::string_view kPolicyHeader = "Content-Security-Policy";

void AddSecurityHeaders(Response* response) {
  auto& headers = response->headers;
  if (std::none_of(headers.begin(), headers.end(),
                   [](const auto& header) { return header.first == kPolicyHeader; })) {
    headers.emplace_back(kPolicyHeader, SecurityPolicy(""));
  }
  headers.emplace_back("X-Content-Type-Options", "nosniff");
  headers.emplace_back("X-Frame-Options", "DENY");
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

void CompressFor(const Request& request, Response* response) {
  response->headers.emplace_back("Vary", "Accept-Encoding");
  const std::string_view encoding = EncodingFor(request.Header("Accept-Encoding"));
  if (encoding.empty() || response->body.size() < kLeastCompressedBytes) return;
  std::string compressed = Compress(response->body, encoding);
  if (compressed.empty()) return;
  response->body = std::move(compressed);
  response->headers.emplace_back("Content-Encoding", encoding);
}

Request RequestOf(const http::Exchange& exchange) {
  const http::RequestHead& head = exchange.head();
  Request request;
  request.method = head.method_text;
  request.target = head.target;
  request.body = exchange.request().body;
  request.peer = exchange.Peer();
  request.headers.reserve(head.fields.size());
  for (const auto& field : head.fields) request.headers.emplace_back(field.name, field.value);
  return request;
}

bool MayHaveBody(http::Method method) {
  return method == http::Method::kPost || method == http::Method::kPut ||
         method == http::Method::kDelete || method == http::Method::kPatch;
}

}  // namespace

std::string SecurityPolicy(std::string_view images) {
  return StrCat("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'",
                images.empty() ? "" : " ", images,
                "; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'");
}

// A connection's request goes from the loop to a thread of the pool and comes back, in one piece,
// as a letter. There are no routes here: the handler has its own.
class HttpServer::Core {
 public:
  Core(Handler handler, CallStats* stats)
      : handler_(std::move(handler)),
        stats_(stats),
        loop_("http"),
        home_(loop_.home()),
        end_poll_(loop_, [this] { EndWhenAllIsSaid(); }) {}
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;
  ~Core() { Stop(); }

  Status Listen(const std::string& address);
  const std::string& address() const { return address_; }
  void Stop();

 private:
  struct Call;
  struct StopServing;
  struct End;

  // On the loop.
  void Take(std::unique_ptr<http::Exchange> exchange);
  void Answer(Call* call);
  void EndWhenAllIsSaid();

  // On any thread of the pool.
  Response Ask(const Call& call) const;
  void Finish(Call* call) const;

  const Handler handler_;
  CallStats* const stats_;
  std::string address_;
  std::atomic<bool> stopping_ = false;
  EventLoop loop_;
  const Home& home_;
  const http::Router router_;  // never asked
  std::optional<http::Server> server_ NSQ_GUARDED_BY(home_);
  size_t requests_ NSQ_GUARDED_BY(home_) = 0;  // in the pool
  Timer end_poll_ NSQ_GUARDED_BY(home_);
  SteadyTime end_ NSQ_GUARDED_BY(home_);
  // Used by the loop until StopServing has been opened there.
  std::optional<ThreadPool> pool_;
  std::thread thread_;
};

struct HttpServer::Core::Call : Letter {
  Call(Core* c, std::unique_ptr<http::Exchange> e)
      : core(c),
        exchange(std::move(e)),
        request(RequestOf(*exchange)),
        body_end(MayHaveBody(exchange->request().method) ? exchange->request().body_end
                                                         : http::BodyEnd::kWhole) {}
  void Open() noexcept override { core->Answer(this); }

  Core* const core;
  const std::unique_ptr<http::Exchange> exchange;  // of the loop alone
  const Request request;
  const http::BodyEnd body_end;
  const SteadyTime began = std::chrono::steady_clock::now();
  Response response;
};

struct HttpServer::Core::StopServing : Letter {
  explicit StopServing(Core* c) : core(c) {}
  void Open() noexcept override {
    core->home_.Assert();
    core->server_->Stop();
    done.set_value();
  }
  Core* const core;
  std::promise<void> done;
};

struct HttpServer::Core::End : Letter {
  explicit End(Core* c) : core(c) {}
  void Open() noexcept override {
    core->home_.Assert();
    core->end_ = core->loop_.Now() + kLastWordsTime;
    core->EndWhenAllIsSaid();
  }
  Core* const core;
};

Status HttpServer::Core::Listen(const std::string& text) {
  const auto failed = [&text](Code code, std::string_view why) {
    return Status(code, StrCat("listen (", text, ") failed - ", why));
  };
  const Result<Address> address = ParseAddress(text);
  if (!address.ok()) {
    return failed(address.status().code(), StrCat("listen tcp: ", address.status().detail()));
  }
  if (address->is_unix()) {
    return failed(Code::kInvalid,
                  StrCat("listen tcp: address ", text, ": missing port in address"));
  }
  Result<UniqueFd> fd = nsq::Listen(*address);
  if (!fd.ok()) return failed(fd.status().code(), fd.status().detail());

  home_.Assert();
  address_ = LocalAddress(fd->get());
  pool_.emplace(kMostThreads);
  server_.emplace(loop_, router_);
  http::Route everything;
  everything.access = http::Access::kQuiet;  // it has a line of our own
  everything.body = http::BodyUse::Kept(kMostBodyBytes);
  everything.handler = [this](std::unique_ptr<http::Exchange> exchange) {
    Take(std::move(exchange));
  };
  server_->DivertPlain(std::move(everything));
  server_->Listen(std::move(*fd));
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "http");
    loop_.Run();
  });
  return Status();
}

void HttpServer::Core::Take(std::unique_ptr<http::Exchange> exchange) {
  home_.Assert();
  auto call = std::make_unique<Call>(this, std::move(exchange));
  if (++requests_ > kMostRequests) {
    call->response = Response::Error(503, "TOO_MANY_REQUESTS");
    Finish(call.get());
    Answer(call.get());
    return;
  }
  // The pool runs whatever it is given.
  pool_->Submit([this, given = call.release()] {
    std::unique_ptr<Call> mine(given);
    mine->response = Ask(*mine);
    Finish(mine.get());
    loop_.Post(std::move(mine));
  });
}

Response HttpServer::Core::Ask(const Call& call) const {
  if (stopping_) return Response::Error(503, "STOPPING");
  if (call.body_end == http::BodyEnd::kTooLong) return Response::Error(413, "INVALID_VALUE");
  if (call.body_end == http::BodyEnd::kBroken) return Response::Error(400, "INVALID_BODY");
  try {
    return handler_(call.request);
  } catch (const std::exception& e) {  // out of a library: ours does not throw
    NSQ_LOG(kError, "panic in HTTP handler - ", e.what());
    return Response::Error(500, "INTERNAL_ERROR");
  }
}

void HttpServer::Core::Finish(Call* call) const {
  const Request& request = call->request;
  Response& response = call->response;
  const Duration took = std::chrono::steady_clock::now() - call->began;
  if (stats_ != nullptr) stats_->Add(StrCat(response.status / 100, "xx"), took);
  if (!response.routine || GetLogLevel() == LogLevel::kDebug) {
    NSQ_LOG(kInfo, response.status, " ", request.method, " ", request.target, " (", request.peer,
            ") ", FormatGoDuration(took));
  }
  AddSecurityHeaders(&response);
  CompressFor(request, &response);
}

void HttpServer::Core::Answer(Call* call) {
  home_.Assert();
  --requests_;
  const Response& response = call->response;
  for (const auto& [name, value] : response.headers) {
    // None of ours has one; graphite's might.
    if (value.find_first_of("\r\n") == std::string::npos) call->exchange->AddHeader(name, value);
  }
  const std::string_view type = response.content_type;
  call->exchange->Answer({.status = response.status,
                          .content_type = type.empty() ? "application/octet-stream" : type,
                          .body = response.body});
}

void HttpServer::Core::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  auto stop = std::make_unique<StopServing>(this);
  std::future<void> stopped = stop->done.get_future();
  loop_.Post(std::move(stop));
  stopped.wait();  // the loop gives the pool nothing more
  pool_.reset();
  loop_.Post(std::make_unique<End>(this));
  thread_.join();
  loop_.Adopt();
  home_.Assert();
  server_.reset();
}

// The answers leave before the loop ends, if their readers do not take too long.
void HttpServer::Core::EndWhenAllIsSaid() {
  home_.Assert();
  if (server_->connections() == 0 || loop_.Now() >= end_) {
    loop_.Stop();
  } else {
    end_poll_.ArmAfter(kLastWordsPoll);
  }
}

HttpServer::HttpServer(Handler handler, CallStats* stats)
    : core_(std::make_unique<Core>(std::move(handler), stats)) {}

HttpServer::~HttpServer() = default;

Status HttpServer::Listen(const std::string& address) { return core_->Listen(address); }
const std::string& HttpServer::address() const { return core_->address(); }
void HttpServer::Stop() { core_->Stop(); }

}  // namespace nsq::admin
