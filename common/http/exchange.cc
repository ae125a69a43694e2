#include "common/http/exchange.h"

#include <utility>

#include "common/event/event_loop.h"
#include "common/strings.h"

namespace nsq::http {
namespace {

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

Exchange::Exchange(EventLoop* loop, ExchangeOwner* owner, std::string_view head)
    : loop_(loop), owner_(owner), text_(head), began_(loop->Now()) {}

Exchange::~Exchange() {
  if (!answered_) Error(500, "INTERNAL_ERROR");
}

std::optional<HeadError> Exchange::Parse() {
  if (auto error = ParseHead(&text_, &head_)) return error;
  request_.method = head_.method;
  request_.target = head_.target;
  SplitTarget(request_.target, &request_.path, &request_.query);
  if (request_.path.find('%') != std::string_view::npos) {
    if (!Unescape(request_.path, false, &decoded_path_)) return HeadError{400, ""};
    request_.path = decoded_path_;
  }
  request_.params = Params(request_.query);
  return std::nullopt;
}

std::string Exchange::Peer() const { return owner_ == nullptr ? "@" : owner_->Peer(); }

void Exchange::AddHeader(std::string_view name, std::string_view value) {
  answer_headers_.append(name).append(": ").append(value).append("\r\n");
}

void Exchange::Text(std::string_view body) { Answer({200, kTextPlain, body, true}); }

void Exchange::Error(int status, std::string_view code) {
  Answer({status, kJson, StrCat("{\"message\":\"", code, "\"}"), true});
}

void Exchange::Answer(const http::Answer& answer) {
  if (std::exchange(answered_, true)) return;
  if (owner_ != nullptr) owner_->OnAnswer(*this, answer);
}

}  // namespace nsq::http
