#include "common/http/client.h"

#include <httplib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "common/event/address.h"
#include "common/event/signal_watch.h"
#include "common/event/unique_fd.h"
#include "common/filters/tls_filter.h"
#include "common/http/name_check.h"
#include "common/strings.h"

namespace nsq::http {
namespace {

constexpr int kMaxRedirects = 10;  // requests at most: as Go, which says so in its error
constexpr const char* kAccept = "application/vnd.nsq; version=1.0";

struct Url {
  bool is_tls = false;
  std::string host;
  uint16_t port = 0;
  std::string authority;  // host and port as they stood in the URL
  std::string target;     // path and query
};

Result<Url> ParseUrl(std::string_view text) {
  const Status bad(Code::kInvalid, StrCat("invalid URL ", GoQuoted(text)));
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    url.is_tls = true;
    rest.remove_prefix(8);
  } else {
    return Status(Code::kInvalid,
                  StrCat("unsupported protocol scheme ", GoQuoted(text.substr(0, text.find(':')))));
  }
  const size_t end = rest.find_first_of("/?");
  url.authority = rest.substr(0, end);
  if (end != std::string_view::npos) url.target = rest.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");

  std::string_view host = url.authority;
  url.port = url.is_tls ? 443 : 80;
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    if (!ParseInt(host.substr(colon + 1), &url.port)) return bad;
    host = host.substr(0, colon);
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) return bad;
  url.host = host;
  return url;
}

// Where a Location header leads, seen from `base`.
std::string Resolved(const Url& base, const std::string& location) {
  const std::string scheme = base.is_tls ? "https:" : "http:";
  if (location.starts_with("http://") || location.starts_with("https://")) return location;
  if (location.starts_with("//")) return scheme + location;
  const std::string root = StrCat(scheme, "//", base.authority);
  if (location.starts_with('/')) return root + location;
  const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
  if (location.starts_with('?')) return StrCat(root, path, location);
  return StrCat(root, path.substr(0, path.rfind('/') + 1), location);
}

// Why nobody took the connection: tried once more, for the reason that httplib does not tell.
std::string DialFailure(const Url& url, Duration limit) {
  Address address;
  address.host = url.host;
  address.port = url.port;
  const auto fd = StartConnect(address);
  if (!fd.ok()) return fd.status().detail();
  pollfd waiting = {fd->get(), POLLOUT, 0};
  const auto limit_ms = std::chrono::duration_cast<milliseconds>(limit).count();
  const std::string what = StrCat("dial tcp ", JoinHostPort(url.host, url.port), ": ");
  if (::poll(&waiting, 1, static_cast<int>(std::clamp<int64_t>(limit_ms, 1, 1000))) == 0) {
    return what + "i/o timeout";
  }
  const Status status = SocketError(fd->get());
  return what + (status.ok() ? "connect: connection refused" : status.detail());
}

// httplib does not tell why a handshake has failed; OpenSSL has kept it.
std::string HandshakeFailure() {
  const unsigned long error = ERR_peek_error();
  if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER) {
    return "tls: first record does not look like a TLS handshake";
  }
  const char* const reason = ERR_reason_error_string(error);
  return StrCat("tls: handshake failure", reason == nullptr ? "" : ": ",
                reason == nullptr ? "" : reason);
}

// `error` is what OpenSSL says of the certificate; httplib compares the name by itself.
std::string VerificationFailure(long error, std::string_view host) {
  if (error == X509_V_OK) return StrCat("x509: certificate is not valid for ", host);
  return std::string(TlsVerifyText(error));
}

std::string_view StatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Request Entity Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

}  // namespace

// Shuts down the sockets of calls that take too long: httplib limits each read, not their sum.
class Client::Deadlines {
 public:
  Deadlines() : thread_([this] { Run(); }) {}
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;
  ~Deadlines() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  // Whether Abort was called.
  bool aborted() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return aborted_;
  }
  // Shuts down all sockets now.
  void Abort() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      aborted_ = true;
    }
    wake_.notify_one();
  }

  // Watches a socket, by a descriptor of its own.
  class Watch {
   public:
    Watch(Deadlines& deadlines, SteadyTime when) : deadlines_(deadlines), when_(when) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { deadlines_.Remove(this); }

    void Add(int fd) { deadlines_.Add(this, when_, UniqueFd(::dup(fd))); }

   private:
    Deadlines& deadlines_;
    const SteadyTime when_;
  };

 private:
  struct Socket {
    const Watch* owner;
    UniqueFd fd;
  };

  void Add(const Watch* owner, SteadyTime when, UniqueFd fd) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      sockets_.emplace(when, Socket{owner, std::move(fd)});
    }
    wake_.notify_one();
  }

  void Remove(const Watch* owner) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::erase_if(sockets_, [owner](const auto& entry) { return entry.second.owner == owner; });
  }

  void Run() {
    pthread_setname_np(pthread_self(), "http-deadlines");
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_) {
      if (sockets_.empty()) {
        wake_.wait(lock);
        continue;
      }
      const SteadyTime next = sockets_.begin()->first;
      if (!aborted_ && std::chrono::steady_clock::now() < next) {
        wake_.wait_until(lock, next);
        continue;
      }
      ::shutdown(sockets_.begin()->second.fd.get(), SHUT_RDWR);
      sockets_.erase(sockets_.begin());
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<SteadyTime, Socket> sockets_;
  bool stopping_ = false;
  bool aborted_ = false;
  std::thread thread_;  // last: it uses the others
};

struct Client::Call {
  std::string method;  // "GET"
  std::string url;
  std::string body;
  Headers headers;
  SteadyTime deadline;

  // `Get "http://...": why`
  Status Failed(Code code, std::string_view why) const {
    const std::string_view word = method == "GET" ? "Get" : method == "PUT" ? "Put" : "Post";
    return Status(code, StrCat(word, " \"", url, "\": ", why));
  }
};

Client::Client(ClientOptions options)
    : options_(std::move(options)),
      deadlines_(std::make_unique<Deadlines>()),
      names_(std::make_unique<NameCheck>()) {
  // httplib and OpenSSL write to sockets that the other side, or a deadline, may have shut.
  IgnoreSignals({SIGPIPE});
}

Client::~Client() = default;

void Client::Abort() { deadlines_->Abort(); }

Result<Response> Client::Get(const std::string& url, const Headers& headers) {
  return Ask({"GET", url, "", headers, {}});
}

Result<Response> Client::Post(const std::string& url, std::string_view body,
                              const Headers& headers) {
  return Ask({"POST", url, std::string(body), headers, {}});
}

Result<Response> Client::Put(const std::string& url, std::string_view body,
                             const Headers& headers) {
  return Ask({"PUT", url, std::string(body), headers, {}});
}

namespace {

Result<std::string> BodyOf200(Result<Response> response) {
  if (!response.ok()) return response.status();
  if (response->status == 200) return std::move(response->body);
  return Status(response->status == 404 ? Code::kNotFound : Code::kInvalid,
                StrCat("got response ", response->status, " ", StatusText(response->status), " ",
                       GoQuoted(response->body)));
}

}  // namespace

Result<std::string> Client::Query(const std::string& url) { return BodyOf200(Get(url)); }

Result<std::string> Client::Command(const std::string& url, std::string_view body) {
  return BodyOf200(Post(url, body));
}

Result<Response> Client::Ask(Call call) {
  call.deadline = std::chrono::steady_clock::now() + options_.request_timeout;
  Result<Response> response = FollowRedirects(&call);
  if (!response.ok() || response->status != 403 || !call.url.starts_with("http://")) {
    return response;
  }
  const auto body = nlohmann::json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  const auto port = body.is_object() ? body.find("https_port") : body.end();
  if (!body.is_object() || port == body.end() || !port->is_number_unsigned() ||
      port->get<uint64_t>() > 65535) {
    return response;
  }
  const Result<Url> url = ParseUrl(call.url);
  if (!url.ok()) return url.status();
  call.url = StrCat("https://", JoinHostPort(url->host, port->get<int>()), url->target);
  return FollowRedirects(&call);
}

// Each step on a connection of its own: httplib would ask again on the one that the server, having
// been told so, is about to close.
Result<Response> Client::FollowRedirects(Call* call) {
  for (int step = 0; step < kMaxRedirects; ++step) {
    std::string location;
    Result<Response> response = AskOnce(*call, &location);
    if (!response.ok() || location.empty()) return response;
    const Result<Url> from = ParseUrl(call->url);
    if (!from.ok()) return from.status();
    call->url = Resolved(*from, location);
    const bool same_method = response->status == 307 || response->status == 308;
    if (!same_method) {
      call->method = "GET";
      call->body.clear();
    }
  }
  return call->Failed(Code::kInvalid, StrCat("stopped after ", kMaxRedirects, " redirects"));
}

Result<Response> Client::AskOnce(const Call& call, std::string* location) {
  const Result<Url> url = ParseUrl(call.url);
  if (!url.ok()) return call.Failed(Code::kInvalid, url.status().detail());
  const auto remaining = [&call] { return call.deadline - std::chrono::steady_clock::now(); };
  if (deadlines_->aborted()) return call.Failed(Code::kUnavailable, "operation was canceled");

  const Duration name_limit = std::min<Duration>(remaining(), options_.connect_timeout);
  if (!names_->Answered(url->host, name_limit)) {
    return call.Failed(Code::kTimeout, StrCat("dial tcp: lookup ", url->host, ": i/o timeout"));
  }

  std::unique_ptr<httplib::ClientImpl> client;
  const httplib::SSLClient* tls_client = nullptr;
  if (url->is_tls) {
    ERR_clear_error();  // of this thread: what is there after a failure is of this call
    auto tls = std::make_unique<httplib::SSLClient>(url->host, url->port, options_.tls.cert_file,
                                                    options_.tls.key_file);
    if (!options_.tls.ca_file.empty()) tls->set_ca_cert_path(options_.tls.ca_file);
    tls->enable_server_certificate_verification(!options_.tls.skip_verify);
    if (options_.tls.min_version != 0 && tls->ssl_context() != nullptr) {
      SSL_CTX_set_min_proto_version(tls->ssl_context(), options_.tls.min_version);
    }
    tls_client = tls.get();
    client = std::move(tls);
  } else {
    client = std::make_unique<httplib::ClientImpl>(url->host, url->port);
  }
  client->set_connection_timeout(
      std::max<Duration>(std::min(remaining(), options_.connect_timeout), milliseconds(1)));
  // The watch below is what ends a call; these only must not be earlier.
  client->set_read_timeout(options_.request_timeout + seconds(1));
  client->set_write_timeout(options_.request_timeout + seconds(1));
  client->set_url_encode(false);  // it is already
  client->set_tcp_nodelay(true);
  Deadlines::Watch watch(*deadlines_, call.deadline);
  client->set_socket_options([&watch](int fd) { watch.Add(fd); });

  Response response;
  bool too_long = false;
  httplib::Request request;
  request.method = call.method;
  request.path = url->target;
  request.body = call.body;
  request.headers = {{"Host", url->authority},
                     {"Accept", kAccept},
                     {"Accept-Encoding", "gzip"},
                     {"User-Agent", options_.user_agent}};
  for (const auto& [name, value] : call.headers) {
    request.headers.erase(name);
    request.headers.emplace(name, value);
  }
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    too_long = response.body.size() + size > options_.max_response_bytes;
    if (!too_long) response.body.append(data, size);
    return !too_long;
  };
  httplib::Result result = client->send(request);
  if (result) {
    response.status = result->status;
    response.content_type = result->get_header_value("Content-Type");
    const bool moved = response.status == 301 || response.status == 302 || response.status == 303 ||
                       response.status == 307 || response.status == 308;
    if (moved) *location = result->get_header_value("Location");
    return response;
  }
  if (too_long) return call.Failed(Code::kExhausted, "response body too large");
  if (deadlines_->aborted()) return call.Failed(Code::kUnavailable, "operation was canceled");
  if (remaining() <= Duration::zero()) {
    return call.Failed(Code::kTimeout,
                       "context deadline exceeded (Client.Timeout exceeded while awaiting "
                       "headers)");
  }
  switch (result.error()) {
    case httplib::Error::Connection:
      return call.Failed(Code::kUnavailable, DialFailure(*url, remaining()));
    case httplib::Error::ConnectionTimeout:
      return call.Failed(Code::kTimeout,
                         StrCat("dial tcp ", JoinHostPort(url->host, url->port), ": i/o timeout"));
    case httplib::Error::Read:
      return call.Failed(Code::kUnavailable, "EOF, or an answer that is not HTTP");
    case httplib::Error::SSLConnection:
      return call.Failed(Code::kUnavailable, HandshakeFailure());
    case httplib::Error::SSLLoadingCerts:
      return call.Failed(Code::kInvalid, "tls: cannot load " + options_.tls.ca_file);
    case httplib::Error::SSLServerVerification:
      return call.Failed(Code::kUnavailable,
                         VerificationFailure(tls_client->get_openssl_verify_result(), url->host));
    default:
      return call.Failed(Code::kUnavailable, httplib::to_string(result.error()));
  }
}

std::string EscapeQuery(std::string_view text) {
  static constexpr std::string_view kKept = "-_.~";
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        kKept.find(c) != std::string_view::npos) {
      escaped += c;
    } else if (c == ' ') {
      escaped += '+';
    } else {
      escaped += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return escaped;
}

}  // namespace nsq::http
