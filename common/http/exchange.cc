#include "common/http/exchange.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>

#include <array>
#include <utility>

#include "common/event/address.h"
#include "common/event/event_loop.h"
#include "common/strings.h"

namespace nsq::http {
namespace {

constexpr const char* kNsqHeader = "X-NSQ-Content-Type";
constexpr const char* kNsqVersion = "nsq; version=1.0";

Method MethodOf(evhttp_cmd_type type) {
  switch (type) {
    case EVHTTP_REQ_GET:
      return Method::kGet;
    case EVHTTP_REQ_POST:
      return Method::kPost;
    case EVHTTP_REQ_HEAD:
      return Method::kHead;
    case EVHTTP_REQ_PUT:
      return Method::kPut;
    case EVHTTP_REQ_DELETE:
      return Method::kDelete;
    case EVHTTP_REQ_OPTIONS:
      return Method::kOptions;
    case EVHTTP_REQ_TRACE:
      return Method::kTrace;
    case EVHTTP_REQ_CONNECT:
      return Method::kConnect;
    case EVHTTP_REQ_PATCH:
      return Method::kPatch;
  }
  return Method::kOther;
}

const char* Phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 301:
      return "Moved Permanently";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
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
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

// The path and the query of a target in any of its forms: "/p?q", "http://host/p?q", "*".
void SplitTarget(std::string_view target, std::string_view* path, std::string_view* query) {
  if (!target.starts_with('/')) {
    const size_t scheme = target.find("://");
    if (scheme != std::string_view::npos) {
      const size_t slash = target.find_first_of("/?", scheme + 3);
      target = slash == std::string_view::npos ? "/" : target.substr(slash);
      if (target.starts_with('?')) {
        *path = "/";
        *query = target.substr(1);
        return;
      }
    }
  }
  const size_t mark = target.find('?');
  *path = target.substr(0, mark);
  *query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

}  // namespace

std::string_view ToString(Method method) {
  static constexpr std::array<std::string_view, kMethods> kNames = {
      "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "OTHER"};
  return kNames[static_cast<size_t>(method)];
}

Exchange::Exchange(EventLoop* loop, ExchangeOwner* owner, evhttp_request* raw)
    : loop_(loop), owner_(owner), raw_(raw), began_(std::chrono::steady_clock::now()) {
  // Ours to free, should its connection go first.
  evhttp_request_own(raw);
}

Exchange::~Exchange() {
  if (raw_ == nullptr) return;
  if (owner_ == nullptr) {
    evhttp_request_free(raw_);
  } else {
    Error(500, "INTERNAL_ERROR");
  }
}

bool Exchange::Parse() {
  request_.method = MethodOf(evhttp_request_get_command(raw_));
  request_.target = evhttp_request_get_uri(raw_);
  SplitTarget(request_.target, &request_.path, &request_.query);
  if (request_.path.find('%') != std::string_view::npos) {
    if (!Unescape(request_.path, false, &decoded_path_)) return false;
    request_.path = decoded_path_;
  }
  request_.params = Params(request_.query);
  evbuffer* const body = evhttp_request_get_input_buffer(raw_);
  if (const size_t size = evbuffer_get_length(body); size > 0) {
    request_.body = {reinterpret_cast<const char*>(evbuffer_pullup(body, -1)), size};
  }
  return true;
}

const char* Exchange::Header(const char* name) const {
  if (raw_ == nullptr) return nullptr;
  return evhttp_find_header(evhttp_request_get_input_headers(raw_), name);
}

std::string Exchange::Peer() const {
  evhttp_connection* const connection =
      owner_ == nullptr || raw_ == nullptr ? nullptr : evhttp_request_get_connection(raw_);
  if (connection == nullptr) return "@";
  return PeerAddress(bufferevent_getfd(evhttp_connection_get_bufferevent(connection)));
}

void Exchange::AddHeader(const std::string& name, const std::string& value) {
  if (raw_ == nullptr) return;
  evhttp_add_header(evhttp_request_get_output_headers(raw_), name.c_str(), value.c_str());
}

void Exchange::Text(std::string_view body) { Answer(200, kTextPlain, body, true); }

void Exchange::Error(int status, std::string_view code) {
  Answer(status, kJson, StrCat("{\"message\":\"", code, "\"}"), true);
}

void Exchange::Answer(int status, std::string_view content_type, std::string_view body, bool v1) {
  if (raw_ == nullptr) return;
  if (owner_ == nullptr) {
    evhttp_request_free(std::exchange(raw_, nullptr));
    return;
  }
  owner_->OnAnswer(*this, status);

  evkeyvalq* const headers = evhttp_request_get_output_headers(raw_);
  if (v1) evhttp_add_header(headers, kNsqHeader, kNsqVersion);
  evhttp_add_header(headers, "Content-Length", std::to_string(body.size()).c_str());
  if (!body.empty()) {
    evhttp_add_header(headers, "Content-Type", std::string(content_type).c_str());
    if (request_.method != Method::kHead) {
      evbuffer_add(evhttp_request_get_output_buffer(raw_), body.data(), body.size());
    }
  }
  evhttp_connection* const connection = evhttp_request_get_connection(raw_);
  // From here on evhttp frees it, whatever becomes of the connection.
  raw_->flags &= ~EVHTTP_USER_OWNED;
  request_ = Request();
  evhttp_send_reply(std::exchange(raw_, nullptr), status, Phrase(status), nullptr);
  // evhttp would take a client's half-close for its death and drop what is not yet written. The
  // next request switches reading on again.
  bufferevent_disable(evhttp_connection_get_bufferevent(connection), EV_READ);
}

}  // namespace nsq::http
