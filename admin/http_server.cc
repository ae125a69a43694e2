#include "admin/http_server.h"

#include <httplib.h>
#include <zlib.h>

#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include "admin/call_stats.h"
#include "admin/thread_pool.h"
#include "common/config/duration.h"
#include "common/log.h"
#include "common/strings.h"

namespace nsq::admin {
namespace {

// Requests at once. Each may wait for daemons for seconds; more than this are people enough for
// several nsqadmins.
constexpr size_t kMostThreads = 128;
// Of a request's body: names and actions are short.
constexpr size_t kMostBodyBytes = size_t{1} << 20;
// Below this compression costs more than it saves.
constexpr size_t kLeastCompressedBytes = 1024;
// A client that says nothing for so long gives its thread back.
constexpr int kSilenceSeconds = 5;
// Connections that wait to be accepted; the library's own 5 makes a few browsers wait for seconds.
constexpr int kBacklog = 256;

class Workers : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override { pool_->Submit(std::move(task)); }
  void shutdown() override { pool_.reset(); }

 private:
  std::unique_ptr<ThreadPool> pool_ = std::make_unique<ThreadPool>(kMostThreads);
};

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

constexpr char kPolicyHeader[] = "Content-Security-Policy";

void AddSecurityHeaders(httplib::Response* response) {
  if (!response->has_header(kPolicyHeader)) {
    response->set_header(kPolicyHeader, SecurityPolicy(""));
  }
  response->set_header("X-Content-Type-Options", "nosniff");
  response->set_header("X-Frame-Options", "DENY");
  response->set_header("Referrer-Policy", "no-referrer");
  response->set_header("Cross-Origin-Opener-Policy", "same-origin");
  response->set_header("Cross-Origin-Resource-Policy", "same-origin");
}

}  // namespace

std::string SecurityPolicy(std::string_view images) {
  return StrCat("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'",
                images.empty() ? "" : " ", images,
                "; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'");
}

struct HttpServer::Impl {
  Handler handler;
  CallStats* stats = nullptr;
  httplib::Server server;
  std::string address;
  std::thread listener;
  int socket = -1;  // the listening one, owned by `server`

  void Handle(const httplib::Request& from, httplib::Response& to) {
    const auto start = std::chrono::steady_clock::now();
    Request request;
    request.method = from.method;
    request.target = from.target;
    request.body = from.body;
    request.peer = from.remote_addr.find(':') == std::string::npos
                       ? StrCat(from.remote_addr, ":", from.remote_port)
                       : StrCat("[", from.remote_addr, "]:", from.remote_port);
    for (const auto& [name, value] : from.headers) request.headers.emplace_back(name, value);
    Response response;
    try {
      response = handler(request);
    } catch (const std::exception& e) {  // out of a library: ours does not throw
      NSQ_LOG(kError, "panic in HTTP handler - ", e.what());
      response = Response::Error(500, "INTERNAL_ERROR");
    }
    const auto took = std::chrono::steady_clock::now() - start;
    if (stats != nullptr) stats->Add(StrCat(response.status / 100, "xx"), took);
    if (!response.routine || GetLogLevel() == LogLevel::kDebug) {
      NSQ_LOG(kInfo, response.status, " ", request.method, " ", request.target, " (", request.peer,
              ") ", FormatGoDuration(took));
    }
    Send(request, std::move(response), from, &to);
  }

  static void Send(const Request& request, Response response, const httplib::Request& from,
                   httplib::Response* to) {
    to->status = response.status;
    for (const auto& [name, value] : response.headers) to->set_header(name, value);
    AddSecurityHeaders(to);
    const std::string_view encoding = EncodingFor(request.Header("Accept-Encoding"));
    to->set_header("Vary", "Accept-Encoding");
    if (!encoding.empty() && response.body.size() >= kLeastCompressedBytes) {
      std::string compressed = Compress(response.body, encoding);
      if (!compressed.empty()) {
        response.body = std::move(compressed);
        to->set_header("Content-Encoding", std::string(encoding));
      }
    }
    // Handed over as a provider: a plain body the library would compress again, by its own rules.
    // And it would cut out ranges, which nobody asks an API for.
    const_cast<httplib::Request&>(from).ranges.clear();
    const size_t size = response.body.size();
    if (size == 0) {
      to->set_header("Content-Length", "0");
      return;
    }
    to->set_content_provider(
        size, response.content_type,
        [body = std::move(response.body)](size_t offset, size_t length, httplib::DataSink& sink) {
          return sink.write(body.data() + offset, length);
        });
  }
};

HttpServer::HttpServer(Handler handler, CallStats* stats) : impl_(std::make_unique<Impl>()) {
  Impl& impl = *impl_;
  impl.stats = stats;
  impl.handler = std::move(handler);
  httplib::Server& server = impl.server;
  server.new_task_queue = [] { return new Workers; };
  server.set_keep_alive_max_count(1);
  server.set_keep_alive_timeout(kSilenceSeconds);
  server.set_read_timeout(kSilenceSeconds);
  server.set_write_timeout(kSilenceSeconds);
  server.set_payload_max_length(kMostBodyBytes);
  server.set_tcp_nodelay(true);
  // Not the library's SO_REUSEPORT, which lets a second nsqadmin take half of the first one's
  // calls.
  server.set_socket_options([&impl](int fd) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    impl.socket = fd;
  });

  const auto handle = [&impl](const httplib::Request& from, httplib::Response& to) {
    impl.Handle(from, to);
  };
  // Methods with a body are handled once it is read, all others here: no pattern is matched for
  // them.
  server.set_pre_routing_handler([&impl](const httplib::Request& from, httplib::Response& to) {
    if (from.method == "POST" || from.method == "PUT" || from.method == "DELETE" ||
        from.method == "PATCH") {
      return httplib::Server::HandlerResponse::Unhandled;
    }
    impl.Handle(from, to);
    return httplib::Server::HandlerResponse::Handled;
  });
  constexpr char kAnything[] = R"([\s\S]*)";
  server.Post(kAnything, handle);
  server.Put(kAnything, handle);
  server.Delete(kAnything, handle);
  server.Patch(kAnything, handle);
  // What the library refuses by itself: no HTTP, too long.
  server.set_error_handler([](const httplib::Request&, httplib::Response& to) {
    if (to.body.empty() && !to.content_provider_ && !to.has_header("Content-Length")) {
      to.set_content(StrCat(to.status, to.status == 413 ? " Payload Too Large" : " Bad Request"),
                     "text/plain; charset=utf-8");
    }
  });
}

HttpServer::~HttpServer() { Stop(); }

Status HttpServer::Listen(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos || !ParseInt(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return Status(Code::kInvalid, StrCat("listen (", address, ") failed - not host:port"));
  }
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "0.0.0.0";
  errno = 0;
  const bool bound = port == 0 ? (port = impl_->server.bind_to_any_port(host)) > 0
                               : impl_->server.bind_to_port(host, port);
  if (!bound) {
    return Status(Code::kIo, StrCat("listen (", address, ") failed - ",
                                    errno == 0 ? "no such address" : std::strerror(errno)));
  }
  ::listen(impl_->socket, kBacklog);
  impl_->address =
      host.find(':') == std::string::npos ? StrCat(host, ":", port) : StrCat("[", host, "]:", port);
  impl_->listener = std::thread([this] { impl_->server.listen_after_bind(); });
  return Status();
}

const std::string& HttpServer::address() const { return impl_->address; }

void HttpServer::Stop() {
  if (!impl_->listener.joinable()) return;
  while (!impl_->server.is_running()) std::this_thread::yield();  // stop() does nothing before
  impl_->server.stop();
  impl_->listener.join();
}

}  // namespace nsq::admin
