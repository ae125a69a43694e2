#include "clients/nsq/internal/http_client.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "clients/nsq/internal/dial.h"
#include "clients/nsq/internal/resolver.h"
#include "clients/nsq/internal/runtime_core.h"
#include "common/check.h"
#include "common/event/connection.h"
#include "common/event/timer.h"
#include "common/filters/tls_context.h"
#include "common/filters/tls_filter.h"
#include "common/strings.h"

namespace nsq::client {
namespace {

constexpr int kMaxRedirects = 10;
constexpr size_t kMaxHeadBytes = size_t{64} << 10;
constexpr Duration kIdleTime = seconds(90);

struct Url {
  bool is_tls = false;
  Address address;
  std::string authority;  // for Host
  std::string user;       // "name:password"
  std::string target;     // path and query

  std::string Place() const {
    return StrCat(is_tls ? "https://" : "http://", JoinHostPort(address.host, address.port));
  }
};

std::optional<Url> ParseUrl(std::string_view text) {
  Url url;
  text = text.substr(0, text.find('#'));
  if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else if (text.starts_with("https://")) {
    url.is_tls = true;
    text.remove_prefix(8);
  } else {
    return std::nullopt;
  }
  const size_t end = text.find_first_of("/?");
  std::string_view authority = text.substr(0, end);
  if (end != std::string_view::npos) url.target = text.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    url.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  url.authority = authority;
  url.address.port = url.is_tls ? 443 : 80;
  const size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    if (!ParseInt(authority.substr(colon + 1), &url.address.port)) return std::nullopt;
    authority = authority.substr(0, colon);
  }
  if (authority.size() > 2 && authority.front() == '[' && authority.back() == ']') {
    authority = authority.substr(1, authority.size() - 2);
  }
  if (authority.empty()) return std::nullopt;
  url.address.host = authority;
  return url;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string Base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : kDigits[(group >> (18 - 6 * k)) & 63u];
    }
  }
  return text;
}

// Where a Location leads, seen from `base`.
std::string Resolved(const Url& base, const std::string& location) {
  if (location.starts_with("http://") || location.starts_with("https://")) return location;
  const std::string scheme = base.is_tls ? "https:" : "http:";
  if (location.starts_with("//")) return scheme + location;
  const std::string root = StrCat(scheme, "//", base.authority);
  if (location.starts_with('/')) return root + location;
  const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
  if (location.starts_with('?')) return StrCat(root, path, location);
  return StrCat(root, path.substr(0, path.rfind('/') + 1), location);
}

// Reads one response out of a stream.
class ResponseReader {
 public:
  enum class State { kMore, kDone, kBroken };

  ResponseReader(size_t max_body, bool keep_body) : max_body_(max_body), keep_body_(keep_body) {}

  // Takes what it can of `data`.
  State Read(std::string_view data, size_t* used) {
    *used = 0;
    while (true) {
      const size_t before = *used;
      const Part part = part_;
      const State state = Step(data.substr(*used), used);
      if (state != State::kMore) return state;
      if (*used == before && part == part_) return State::kMore;
    }
  }
  // The peer has ended.
  State ReadEnd() { return part_ == Part::kUntilEnd ? State::kDone : State::kBroken; }

  HttpResponse response;
  std::string location;
  bool keep_alive = true;

 private:
  enum class Part { kHead, kLength, kUntilEnd, kChunkSize, kChunk, kChunkEnd, kTrailer };

  State Step(std::string_view data, size_t* used) {
    switch (part_) {
      case Part::kHead: {
        const size_t end = data.find("\r\n\r\n");
        if (end == std::string_view::npos) {
          return data.size() > kMaxHeadBytes ? State::kBroken : State::kMore;
        }
        *used += end + 4;
        return ReadHead(data.substr(0, end));
      }
      case Part::kLength:
      case Part::kChunk: {
        const size_t n = std::min<size_t>(left_, data.size());
        if (!Body(data.substr(0, n))) return State::kBroken;
        *used += n;
        left_ -= n;
        if (left_ > 0) return State::kMore;
        if (part_ == Part::kLength) return State::kDone;
        part_ = Part::kChunkEnd;
        return State::kMore;
      }
      case Part::kUntilEnd:
        if (!Body(data)) return State::kBroken;
        *used += data.size();
        return State::kMore;
      case Part::kChunkSize:
      case Part::kChunkEnd:
      case Part::kTrailer: {
        const size_t end = data.find("\r\n");
        if (end == std::string_view::npos) {
          return data.size() > kMaxHeadBytes ? State::kBroken : State::kMore;
        }
        *used += end + 2;
        const std::string_view line = data.substr(0, end);
        if (part_ == Part::kTrailer) return line.empty() ? State::kDone : State::kMore;
        if (part_ == Part::kChunkEnd) {
          part_ = Part::kChunkSize;
          return line.empty() ? State::kMore : State::kBroken;
        }
        const std::string_view digits = Trimmed(line.substr(0, line.find(';')));
        const auto [at, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
        if (error != std::errc() || at != digits.data() + digits.size() || digits.empty()) {
          return State::kBroken;
        }
        part_ = left_ == 0 ? Part::kTrailer : Part::kChunk;
        return State::kMore;
      }
    }
    return State::kBroken;
  }

  State ReadHead(std::string_view head) {
    size_t line_end = head.find("\r\n");
    const std::string_view first = head.substr(0, line_end);
    if (!first.starts_with("HTTP/1.") || first.size() < 12) return State::kBroken;
    keep_alive = first.starts_with("HTTP/1.1");
    response.status_line = first.substr(9);
    if (!ParseInt(first.substr(9, 3), &response.status)) return State::kBroken;
    bool chunked = false;
    std::optional<uint64_t> length;
    while (line_end != std::string_view::npos) {
      head.remove_prefix(line_end + 2);
      line_end = head.find("\r\n");
      const std::string_view line = head.substr(0, line_end);
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      const std::string name = Lower(line.substr(0, colon));
      const std::string_view value = Trimmed(line.substr(colon + 1));
      if (name == "content-length") {
        uint64_t number = 0;
        if (!ParseInt(value, &number)) return State::kBroken;
        length = number;
      } else if (name == "transfer-encoding") {
        chunked = Lower(value) == "chunked";
      } else if (name == "connection") {
        const std::string word = Lower(value);
        if (word == "close") keep_alive = false;
        if (word == "keep-alive") keep_alive = true;
      } else if (name == "location") {
        location = value;
      }
    }
    if (response.status / 100 == 1 &&
        response.status != 101) {  // "100 Continue": the real one follows
      response = HttpResponse();
      return State::kMore;
    }
    if (response.status == 204 || response.status == 304) return State::kDone;
    if (chunked) {
      part_ = Part::kChunkSize;
    } else if (length) {
      left_ = *length;
      if (left_ == 0) return State::kDone;
      part_ = Part::kLength;
    } else {
      part_ = Part::kUntilEnd;
      keep_alive = false;
    }
    return State::kMore;
  }

  bool Body(std::string_view bytes) {
    body_bytes_ += bytes.size();
    if (!keep_body_) return true;
    if (body_bytes_ > max_body_) return false;
    response.body.append(bytes);
    return true;
  }

  const size_t max_body_;
  const bool keep_body_;
  Part part_ = Part::kHead;
  uint64_t left_ = 0;
  size_t body_bytes_ = 0;
};

}  // namespace

// A connection to one place, which one call at a time uses.
class HttpClient::Wire final : public Deferrable, public Connection::Handler {
 public:
  Wire(EventLoop& loop, HttpClient* client, std::string place, UniqueFd fd)
      : client_(client),
        place_(std::move(place)),
        connection_(loop, std::move(fd), this),
        idle_timer_(loop, [this] { client_->DropIdle(this); }) {}

  const std::string& place() const { return place_; }
  Connection& connection() { return connection_; }

  size_t OnData(std::string_view data) override;
  void OnEof(std::string_view rest) override;
  void OnClosed(const Status& why) override;
  void OnFilterReady(const Status& status) override;

  Call* call = nullptr;  // null while idle
  bool used_before = false;
  Timer& idle_timer() { return idle_timer_; }

 private:
  HttpClient* const client_;
  const std::string place_;
  Connection connection_;
  Timer idle_timer_;
};

class HttpClient::Call final : public Deferrable {
 public:
  Call(HttpClient* client, HttpRequest request, Done done)
      : client_(client),
        request_(std::move(request)),
        done_(std::move(done)),
        url_text_(request_.url),
        resolver_(client->loop_, client->runtime_,
                  [this](Result<std::vector<Address>> found) { OnResolved(std::move(found)); }),
        begin_(client->loop_, [this] { Begin(); }),
        connect_timer_(client->loop_, [this] { OnConnectTimeout(); }),
        deadline_(client->loop_, [this] {
          Fail(Code::kTimeout,
               "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
        }) {
    deadline_.ArmAfter(client_->options_.request_timeout);
    begin_.ArmAfter(Duration::zero());  // not inside Ask
  }

  size_t OnData(std::string_view data) {
    connect_timer_.Cancel();
    size_t used = 0;
    answered_ = true;
    Judge(reader_->Read(data, &used));
    return used;
  }

  // The connection has ended: by the peer, or for a reason.
  void OnEnd(const Status& why) {
    if (reader_->ReadEnd() == ResponseReader::State::kDone) {
      Judge(ResponseReader::State::kDone);
      return;
    }
    // A server may close a connection that was idle just as we use it again.
    if (wire_->used_before && !answered_) {
      DropWire();
      Begin();
      return;
    }
    if (wire_->connection().sent_bytes() == 0 && !why.ok()) {
      DialFailed("connect: " + ReasonOf(why));
      return;
    }
    Fail(Code::kUnavailable, why.ok() ? "EOF" : ReasonOf(why));
  }

  void OnFilterReady(const Status& status) {
    if (!status.ok()) Fail(Code::kUnavailable, status.detail());
  }

  std::unique_ptr<Wire> TakeWire() { return std::move(wire_); }

 private:
  void Begin() {
    const std::optional<Url> url = ParseUrl(url_text_);
    if (!url) {
      Fail(Code::kInvalid, "invalid URL");
      return;
    }
    url_ = *url;
    reader_.emplace(client_->options_.max_body_bytes, client_->options_.keep_bodies);
    answered_ = false;
    wire_ = client_->TakeIdle(url_.Place());
    if (wire_ != nullptr) {
      Send();
    } else {
      resolver_.Start(url_.address);
    }
  }

  void OnResolved(Result<std::vector<Address>> found) {
    if (!found.ok()) {
      Fail(Code::kUnavailable, found.status().detail());
      return;
    }
    addresses_ = std::move(*found);
    TryNext();
  }

  void TryNext() {
    const Address address = addresses_.front();
    addresses_.erase(addresses_.begin());
    dialled_ = JoinHostPort(address.host, address.port);
    Result<UniqueFd> fd = Dial(address, "");
    if (!fd.ok()) {
      DialFailed("connect: " + ReasonOf(fd.status()));
      return;
    }
    wire_ = std::make_unique<Wire>(client_->loop_, client_, url_.Place(), std::move(*fd));
    if (url_.is_tls) {
      const auto tls = client_->Tls();
      if (!tls.ok()) {
        Fail(Code::kInvalid, tls.status().detail());
        return;
      }
      wire_->call = this;
      wire_->connection().PushFilter(std::make_unique<TlsFilter>(**tls, url_.address.host));
    }
    connect_timer_.ArmAfter(client_->options_.connect_timeout);
    Send();
  }

  void OnConnectTimeout() {
    if (wire_ != nullptr && wire_->connection().sent_bytes() > 0) return;
    DialFailed("i/o timeout");
  }

  void DialFailed(const std::string& why) {
    connect_timer_.Cancel();
    DropWire();
    if (!addresses_.empty()) {
      TryNext();
      return;
    }
    Fail(Code::kUnavailable, StrCat("dial tcp ", dialled_, ": ", why));
  }

  void Send() {
    wire_->call = this;
    std::string head = StrCat(request_.is_post ? "POST " : "GET ", url_.target, " HTTP/1.1\r\n");
    const auto add = [&](std::string_view name, std::string_view value) {
      for (const auto& header : request_.headers) {
        if (Lower(header.first) == Lower(name)) return;
      }
      head += StrCat(name, ": ", value, "\r\n");
    };
    head += StrCat("Host: ", url_.authority, "\r\n");
    if (!client_->options_.user_agent.empty()) add("User-Agent", client_->options_.user_agent);
    if (request_.is_post) head += StrCat("Content-Length: ", request_.body.size(), "\r\n");
    if (!url_.user.empty()) add("Authorization", "Basic " + Base64(url_.user));
    std::map<std::string, const std::pair<std::string, std::string>*> last;  // of each name
    for (const auto& header : request_.headers) last[Lower(header.first)] = &header;
    for (const auto& [name, header] : last) {
      if (name == "host" || name == "content-length") continue;
      head += StrCat(header->first, ": ", header->second, "\r\n");
    }
    Buffer& out = wire_->connection().out();
    out.Append(head);
    out.Append("\r\n");
    out.Append(request_.body);
    wire_->connection().FlushAtTurnEnd();
  }

  void Judge(ResponseReader::State state) {
    if (state == ResponseReader::State::kMore) return;
    if (state == ResponseReader::State::kBroken) {
      Fail(Code::kUnavailable, "malformed HTTP response");
      return;
    }
    const int status = reader_->response.status;
    const bool same = status == 307 || status == 308;
    const bool other = status == 301 || status == 302 || status == 303;
    const bool follow =
        !reader_->location.empty() &&
        (same || (other && (!request_.is_post || client_->options_.follow_post_as_get)));
    if (!follow) {
      Finish(std::move(reader_->response));
      return;
    }
    if (++redirects_ > kMaxRedirects) {
      Fail(Code::kInvalid, StrCat("stopped after ", kMaxRedirects, " redirects"));
      return;
    }
    url_text_ = Resolved(url_, reader_->location);
    if (!same) {
      request_.is_post = false;
      request_.body.clear();
    }
    ReleaseWire();
    Begin();
  }

  void ReleaseWire() {
    if (wire_ == nullptr) return;
    if (reader_->keep_alive && !wire_->connection().closed() && !wire_->connection().eof()) {
      client_->KeepIdle(std::move(wire_));
    } else {
      DropWire();
    }
  }

  void DropWire() {
    if (wire_ != nullptr) client_->Bury(std::move(wire_));
  }

  void Finish(Result<HttpResponse> result) {
    if (done_ == nullptr) return;
    const Done done = std::exchange(done_, nullptr);
    deadline_.Cancel();
    begin_.Cancel();
    connect_timer_.Cancel();
    if (result.ok()) {
      ReleaseWire();
    } else {
      DropWire();
    }
    client_->Remove(this);
    done(std::move(result));
  }

  void Fail(Code code, std::string_view why) {
    Finish(Status(code, StrCat(request_.is_post ? "Post" : "Get", " \"", url_text_, "\": ", why)));
  }

  HttpClient* const client_;
  HttpRequest request_;
  Done done_;
  std::string url_text_;
  Url url_;
  int redirects_ = 0;
  Resolver resolver_;
  std::vector<Address> addresses_;
  std::string dialled_;
  std::unique_ptr<Wire> wire_;
  std::optional<ResponseReader> reader_;
  bool answered_ = false;  // by the first byte
  Timer begin_;
  Timer connect_timer_;
  Timer deadline_;
};

size_t HttpClient::Wire::OnData(std::string_view data) {
  if (call != nullptr) return call->OnData(data);
  client_->DropIdle(this);  // nobody asked
  return 0;
}

void HttpClient::Wire::OnEof(std::string_view /*rest*/) {
  const Status status = connection_.input_status();
  if (call != nullptr) {
    call->OnEnd(status.code() == Code::kUnavailable ? Status() : status);
  } else {
    client_->DropIdle(this);
  }
}

void HttpClient::Wire::OnClosed(const Status& why) {
  if (call != nullptr) {
    call->OnEnd(why);
  } else {
    client_->DropIdle(this);
  }
}

void HttpClient::Wire::OnFilterReady(const Status& status) {
  if (call != nullptr) call->OnFilterReady(status);
}

HttpClient::HttpClient(EventLoop& loop, RuntimeCore& runtime, HttpOptions options)
    : loop_(loop), runtime_(runtime), options_(std::move(options)) {}

HttpClient::~HttpClient() = default;

void HttpClient::Ask(HttpRequest request, Done done) {
  loop_.home().Assert();
  calls_.push_back(std::make_unique<Call>(this, std::move(request), std::move(done)));
}

Result<std::shared_ptr<const TlsContext>> HttpClient::Tls() {
  if (options_.tls == nullptr) {
    auto tls = TlsContext::ForClient({});
    if (!tls.ok()) return tls.status();
    options_.tls = *tls;
  }
  return options_.tls;
}

std::unique_ptr<HttpClient::Wire> HttpClient::TakeIdle(const std::string& place) {
  const auto at = std::find_if(idle_.rbegin(), idle_.rend(),
                               [&place](const auto& wire) { return wire->place() == place; });
  if (at == idle_.rend()) return nullptr;
  std::unique_ptr<Wire> wire = std::move(*at);
  idle_.erase(std::next(at).base());
  wire->idle_timer().Cancel();
  wire->used_before = true;
  return wire;
}

void HttpClient::KeepIdle(std::unique_ptr<Wire> wire) {
  wire->call = nullptr;
  const auto same = std::count_if(idle_.begin(), idle_.end(), [&wire](const auto& other) {
    return other->place() == wire->place();
  });
  if (static_cast<size_t>(same) >= options_.idle_connections) {
    Bury(std::move(wire));
    return;
  }
  wire->idle_timer().ArmAfter(kIdleTime);
  idle_.push_back(std::move(wire));
}

void HttpClient::DropIdle(Wire* wire) {
  const auto at = std::find_if(idle_.begin(), idle_.end(),
                               [wire](const auto& other) { return other.get() == wire; });
  if (at == idle_.end()) return;
  Bury(std::move(*at));
  idle_.erase(at);
}

void HttpClient::Bury(std::unique_ptr<Wire> wire) {
  wire->connection().Close();
  wire->idle_timer().Cancel();
  wire->call = nullptr;
  loop_.DeferDelete(std::move(wire));
}

void HttpClient::Remove(Call* call) {
  const auto at = std::find_if(calls_.begin(), calls_.end(),
                               [call](const auto& other) { return other.get() == call; });
  NSQ_DCHECK(at != calls_.end());
  loop_.DeferDelete(std::move(*at));
  calls_.erase(at);
}

bool HasPort(std::string_view address, std::string* why) {
  const size_t colon = address.rfind(':');
  const bool bracketed = address.starts_with('[');
  if (colon == std::string_view::npos || (bracketed && address.find(']', colon) != address.npos)) {
    *why = StrCat("address ", address, ": missing port in address");
    return false;
  }
  if (!bracketed && address.find(':') != colon) {
    *why = StrCat("address ", address, ": too many colons in address");
    return false;
  }
  return true;
}

std::string QueryEscape(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      escaped += c;
    } else if (c == ' ') {
      escaped += '+';
    } else {
      escaped += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return escaped;
}

}  // namespace nsq::client
